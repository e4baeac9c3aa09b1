import PreflightCore
import TestSupport
import Testing

/// Feeds `bytes` cut at `cuts`, and gives back what was handed on.
func run(_ meter: inout StreamMeter, _ bytes: [UInt8], cuts: [Int] = []) -> [UInt8] {
    var out: [UInt8] = []
    var start = 0
    bytes.withUnsafeBytes { bytes in
        for end in cuts + [bytes.count] where end > start {
            meter.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) { out.append(contentsOf: $0) }
            start = end
        }
    }
    meter.finish { out.append(contentsOf: $0) }
    return out
}

func facts(of stream: String, _ dialect: Dialect = .chat) -> AnswerFacts {
    var meter = StreamMeter(dialect: dialect)
    _ = run(&meter, Array(stream.utf8))
    return meter.facts
}

@Suite struct CapturedStreamTests {
    @Test(arguments: CapturedAnswer.streams)
    func `a recorded stream's usage and cost are read exactly, however it is split`(capture: CapturedAnswer) throws {
        let bytes = try capture.bytes()
        let expected = try #require(try capture.expectedUsage())
        var whole = StreamMeter(dialect: capture.dialect)
        #expect(run(&whole, bytes) == bytes)
        #expect(whole.facts.usage == expected)
        #expect(whole.facts.usageIsFinal && whole.facts.isFinished && whole.endsAtEventBoundary)
        #expect(whole.facts.charge(prices: nil)?.amount == expected.cost)

        var single = StreamMeter(dialect: capture.dialect)
        #expect(run(&single, bytes, cuts: Array(1..<bytes.count)) == bytes)
        #expect(single.facts == whole.facts)

        var random = SeededRandom(seed: UInt64(bytes.count))
        for _ in 0..<20 {
            let cuts = (0..<Int.random(in: 1...40, using: &random))
                .map { _ in Int.random(in: 0..<bytes.count, using: &random) }.sorted()
            for withholds in [false, true] {
                var meter = StreamMeter(dialect: capture.dialect, withholdsUsageChunk: withholds)
                let out = run(&meter, bytes, cuts: cuts)
                #expect(meter.facts == whole.facts)
                #expect(withholds || out == bytes)
            }
        }
    }

    @Test(arguments: CapturedAnswer.streams)
    func `carriage returns and missing blanks change nothing`(capture: CapturedAnswer) throws {
        let bytes = try capture.bytes()
        var plain = StreamMeter(dialect: capture.dialect)
        _ = run(&plain, bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        for (end, colon) in [("\r\n", "data: "), ("\r", "data: "), ("\n", "data:")] {
            let other = Array(text.replacing("\n", with: end).replacing("data: ", with: colon).utf8)
            var meter = StreamMeter(dialect: capture.dialect)
            #expect(run(&meter, other) == other)
            #expect(meter.facts == plain.facts)
            var single = StreamMeter(dialect: capture.dialect, withholdsUsageChunk: true)
            _ = run(&single, other, cuts: Array(1..<other.count))
            #expect(single.facts == plain.facts)
        }
    }

    @Test(arguments: CapturedAnswer.streams)
    func `text, finish reasons, tools and ids are those of the parsed events`(capture: CapturedAnswer) throws {
        var meter = StreamMeter(dialect: capture.dialect)
        _ = run(&meter, try capture.bytes())
        let events = try capture.events()
        let facts = meter.facts
        #expect(facts.producedBytes == events.reduce(0) { $0 + producedBytes($1) })
        #expect(facts.contentEvents == events.count { producedBytes($0) > 0 })
        #expect(facts.hasContent == (facts.producedBytes > 0 || !facts.toolCalls.isEmpty))
        let heads = events.map { $0["message"] ?? $0["response"] ?? $0 }
        #expect(facts.id == heads.compactMap { $0["id"]?.string }.first)
        #expect(facts.model == heads.compactMap { $0["model"]?.string }.last)
        #expect(facts.provider == heads.compactMap { $0["provider"]?.string }.first)
        let reasons = events.compactMap {
            $0["choices"]?[0]?["finish_reason"]?.string ?? $0["delta"]?["stop_reason"]?.string
                ?? ($0["response"]?["status"]?.string).flatMap { $0 == "in_progress" ? nil : $0 }
        }
        #expect(facts.finishReasons == Array(reasons.suffix(1)))
        let names = events.compactMap {
            $0["choices"]?[0]?["delta"]?["tool_calls"]?[0]?["function"]?["name"]?.string
                ?? ($0["type"] == "content_block_start" ? $0["content_block"]?["name"]?.string : nil)
                ?? ($0["type"] == "response.output_item.added" ? $0["item"]?["name"]?.string : nil)
        }
        #expect(facts.toolNames == names)
    }

    private func producedBytes(_ event: JSON) -> Int {
        if let text = event["delta"]?.string { return text.utf8.count }
        let delta = event["choices"]?[0]?["delta"] ?? event["delta"]
        let texts =
            ["content", "refusal", "text", "thinking", "partial_json"].compactMap { delta?[$0]?.string }
            + (delta?["tool_calls"]?.array ?? []).compactMap { $0["function"]?["arguments"]?.string }
        let details = (delta?["reasoning_details"]?.array ?? []).compactMap { ($0["text"] ?? $0["summary"])?.string }
        let reasoning = max(delta?["reasoning"]?.string?.utf8.count ?? 0, details.reduce(0) { $0 + $1.utf8.count })
        return texts.reduce(0) { $0 + $1.utf8.count } + reasoning
    }
}
