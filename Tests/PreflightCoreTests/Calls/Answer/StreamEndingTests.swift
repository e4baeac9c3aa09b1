import PreflightCore
import TestSupport
import Testing

/// What a strict client makes of a stream: names and data of its events.
struct ReadEvent {
    var name: String?
    var data: String

    static func all(in bytes: [UInt8]) throws -> [ReadEvent] {
        let text = try #require(String(validating: bytes, as: UTF8.self))
        var events: [ReadEvent] = []
        var name: String?
        var data: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                if !data.isEmpty { events.append(ReadEvent(name: name, data: data.joined(separator: "\n"))) }
                (name, data) = (nil, [])
            } else if line.hasPrefix("event:") {
                name = line.dropFirst(6).trimmingPrefix(" ").description
            } else if line.hasPrefix("data:") {
                data.append(line.dropFirst(5).trimmingPrefix(" "))
            }
        }
        #expect(name == nil && data.isEmpty, "the last event is not ended")
        return events
    }
}

@Suite struct StreamEndingTests {
    private static let refusal = Refusal.upstreamFailed("openrouter", "The connection was lost")

    /// Cuts a recorded stream at many places, ends it, and reads the result strictly.
    @Test(arguments: CapturedAnswer.streams, [true, false])
    func `a stream cut anywhere is ended as its dialect demands`(capture: CapturedAnswer, truncates: Bool) throws {
        let bytes = try capture.bytes()
        let ending = StreamEnding(
            truncates ? .truncated : .failed(Self.refusal), usage: Usage(promptTokens: 3, completionTokens: 2),
            id: "call-1", model: "some/model")
        var meter = StreamMeter(dialect: capture.dialect)
        let stride = max(1, bytes.count / 250)
        for cut in 0..<bytes.count {
            if cut % stride == 0 || cut > bytes.count - 40 {
                let end = try #require(ending.bytes(after: meter), "cut at \(cut)")
                // Once a part of the end mark was handed on, there is nothing left to say.
                let tail = String(decoding: bytes[max(0, cut - 14)..<cut], as: UTF8.self)
                let isFinished = meter.facts.isFinished || tail.contains("\ndata: [")
                try check(Array(bytes[..<cut]) + end, capture.dialect, truncates, isFinished: isFinished)
            }
            bytes[cut...cut].withUnsafeBytes { meter.feed($0) { _ in } }
        }
    }

    @Test(arguments: Dialect.allCases, [true, false])
    func `a stream of which nothing came is ended as well`(dialect: Dialect, truncates: Bool) throws {
        let ending = StreamEnding(truncates ? .truncated : .failed(Self.refusal), id: "call-1", model: "some/model")
        let bytes = try #require(ending.bytes(after: StreamMeter(dialect: dialect)))
        try check(bytes, dialect, truncates, isFinished: false)
    }

    @Test(arguments: CapturedAnswer.streams)
    func `after a stop the event under way is handed on to its end, and no more`(capture: CapturedAnswer) throws {
        let bytes = try capture.bytes()
        var random = SeededRandom(seed: 3)
        for _ in 0..<20 {
            let cut = Int.random(in: 1..<bytes.count, using: &random)
            let next = Int.random(in: cut...bytes.count, using: &random)
            for withholds in [false, true] {
                var meter = StreamMeter(dialect: capture.dialect, withholdsUsageChunk: withholds)
                var out: [UInt8] = []
                bytes.withUnsafeBytes { bytes in
                    for (range, stops) in [(0..<cut, true), (cut..<next, false), (next..<bytes.count, false)] {
                        meter.feed(UnsafeRawBufferPointer(rebasing: bytes[range])) { out.append(contentsOf: $0) }
                        if stops { meter.stop() }
                    }
                }
                #expect(meter.endsAtEventBoundary)
                #expect(out.isEmpty || withholds || (bytes.starts(with: out) && out.count >= cut))
                #expect(out.isEmpty || out.suffix(2) == [0x0A, 0x0A])
                // It went on reading, for the bill.
                var whole = StreamMeter(dialect: capture.dialect)
                _ = run(&whole, bytes)
                #expect(meter.facts == whole.facts)
            }
        }
    }

    @Test func `JSON cut anywhere is completed to an object that can take members`() throws {
        let text = #"{"a":[1,-2.5e+3,true,null,{"b\"\u00e9\ud83d\ude00\\":"x\n€😀é"},[]],"c":{},"d":{"e":"f"},"g":-0.5}"#
        let bytes = Array(text.utf8)
        for cut in 1..<bytes.count {
            let meter = meter(after: Array("data: ".utf8) + bytes[..<cut])
            let end = try #require(
                StreamEnding(.failed(Self.refusal), id: "i", model: "m").bytes(after: meter), "cut at \(cut)")
            let events = try ReadEvent.all(in: Array("data: ".utf8) + bytes[..<cut] + end)
            #expect(try JSON.parse(events[0].data)["error"]?["message"]?.string == Self.refusal.message)
            #expect(!events[0].data.contains("\u{FFFD}"))
            #expect(events.last?.data == "[DONE]")
        }
    }

    @Test(arguments: ["data: }", "data: [1", "data: {\"a\" 1", "data: nope", "data: {\"a\":1}}"])
    func `what is no JSON cannot be ended`(text: String) {
        let meter = meter(after: Array(text.utf8))
        #expect(StreamEnding(.truncated, id: "i", model: "m").bytes(after: meter) == nil)
    }

    @Test func `an ended body without a final blank line is ended behind it`() throws {
        var meter = StreamMeter(dialect: .chat)
        let bytes = Array(#"data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}"#.utf8)
        _ = run(&meter, bytes)
        #expect(!meter.endsAtEventBoundary)
        let end = try #require(StreamEnding(.failed(Self.refusal), id: "i", model: "m").bytes(after: meter))
        #expect(try ReadEvent.all(in: bytes + end).count == 3)
    }

    private func meter(after bytes: [UInt8]) -> StreamMeter {
        var meter = StreamMeter(dialect: .chat)
        bytes.withUnsafeBytes { meter.feed($0) { _ in } }
        return meter
    }

    private func check(_ bytes: [UInt8], _ dialect: Dialect, _ truncates: Bool, isFinished: Bool) throws {
        var events = try ReadEvent.all(in: bytes)
        // The end may have come without its blank line.
        let isFinished =
            isFinished
            || events.contains { event in
                event.data.hasPrefix(#"{"type":"response.completed""#)
                    || (!truncates && event.data.hasPrefix(#"{"type":"message_stop""#))
            }
        if dialect != .messages, let done = events.popLast() {
            if isFinished, done.data != "[DONE]" { events.append(done) } else { #expect(done.data == "[DONE]") }
        }
        let values = try events.map { try JSON.parse($0.data) }
        #expect(values.allSatisfy { $0.object != nil })
        for (event, value) in zip(events, values) {
            if let name = event.name { #expect(value["type"]?.string == name) }
        }
        guard !isFinished else { return }
        switch dialect {
        case .messages: checkMessages(values, truncates)
        case .responses: checkResponses(values, truncates)
        case .chat, .completions, .embeddings: checkChat(values, truncates)
        }
    }

    private func checkChat(_ chunks: [JSON], _ truncates: Bool) {
        if truncates {
            #expect(chunks.contains { $0["choices"]?[0]?["finish_reason"]?.string != nil })
            #expect(chunks.allSatisfy { $0["error"]?["code"] != "upstream_failed" })
        } else {
            #expect(chunks.last?["error"]?["code"] == "upstream_failed")
        }
    }

    private func checkMessages(_ events: [JSON], _ truncates: Bool) {
        var types = events.compactMap { $0["type"]?.string }.filter { $0 != "ping" }
        #expect(types.count == events.count { $0["type"] != "ping" })
        if !truncates {
            #expect(types.popLast() == "error")
            #expect(events.last?["error"]?["type"] == "api_error")
        }
        var open: Int?
        var stage = 0
        for event in events {
            switch event["type"]?.string {
            case "message_start":
                #expect(stage == 0)
                #expect(event["message"]?["usage"]?["input_tokens"]?.int != nil)
                stage = 1
            case "content_block_start":
                #expect(stage == 1 && open == nil)
                open = event["index"]?.int
            case "content_block_delta": #expect(open != nil && open == event["index"]?.int)
            case "content_block_stop":
                #expect(open != nil && open == event["index"]?.int)
                open = nil
            case "message_delta":
                #expect(stage == 1 && open == nil)
                #expect(event["usage"]?["output_tokens"]?.int != nil && event["delta"]?["stop_reason"]?.string != nil)
                stage = 2
            case "message_stop":
                #expect(stage == 2)
                stage = 3
            default: break
            }
        }
        #expect(!truncates || stage == 3)
    }

    private func checkResponses(_ events: [JSON], _ truncates: Bool) {
        let last = events.last
        if truncates {
            #expect(last?["type"] == "response.incomplete")
            #expect(last?["response"]?["incomplete_details"]?["reason"] == "max_output_tokens")
            #expect(last?["response"]?["usage"]?["output_tokens"]?.int == 2 || last?["sequence_number"] == 1)
            #expect(events.first?["type"] == "response.created" || events.first?["type"] == "keepalive")
        } else {
            let message = last?["response"]?["error"]?["message"] ?? last?["message"]
            #expect(message?.string == Self.refusal.message)
        }
        let numbers = events.compactMap { $0["type"] == "keepalive" ? nil : $0["sequence_number"]?.int }
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
    }
}
