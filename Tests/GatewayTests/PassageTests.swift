import Gateway
import NIOCore
import PreflightCore
import Store
import TestSupport
import Testing

extension LoadTests {
    /// What passes: bytes as they came, and what they say of their cost.
    @Suite struct PassageTests {
        struct Capture: Sendable, CustomTestStringConvertible {
            var name: String
            var folder: String
            var file: String
            var status: Int
            var dialect: Dialect
            var isStream: Bool { file.hasSuffix(".sse") }
            var testDescription: String { "\(folder)/\(name)" }

            static let all: [Capture] = ["openrouter", "neighbours"].flatMap { folder -> [Capture] in
                let entries = (try? TestData.json("captures/\(folder)/index.json"))?.array ?? []
                return entries.compactMap { entry -> Capture? in
                    guard let name = entry["name"]?.string, let uri = entry["uri"]?.string,
                        let file = entry["response"]?.string
                    else { return nil }
                    let dialects: [(String, Dialect)] = [
                        ("/chat/completions", .chat), ("/responses", .responses), ("/messages", .messages),
                    ]
                    guard let dialect = dialects.first(where: { uri.hasSuffix($0.0) })?.1 else { return nil }
                    return Capture(
                        name: name, folder: folder, file: file, status: entry["status"]?.int ?? 200, dialect: dialect)
                }
            }
        }

        static let model = "openai/gpt-4.1-mini"

        static func request(_ dialect: Dialect, stream: Bool) -> (path: String, body: JSON) {
            switch dialect {
            case .responses:
                return (
                    "/v1/responses",
                    ["model": .string(model), "input": "Hello", "max_output_tokens": 4000, "stream": .bool(stream)]
                )
            case .messages:
                return (
                    "/v1/messages",
                    [
                        "model": .string(model), "messages": [["role": "user", "content": "Hello"]], "max_tokens": 4000,
                        "stream": .bool(stream),
                    ]
                )
            default:
                return (
                    "/v1/chat/completions",
                    .record([
                        "model": .string(model), "messages": [["role": "user", "content": "Hello"]], "max_tokens": 4000,
                        "stream": .bool(stream), "stream_options": stream ? ["include_usage": true] : nil,
                    ])
                )
            }
        }

        /// In chunks and in portions that have nothing to do with each other.
        static func script(_ capture: Capture, _ body: [UInt8], seed: UInt64) -> ScriptedUpstream.Script {
            var random = SeededRandom(seed: seed)
            let type = capture.isStream ? "text/event-stream" : "application/json"
            var bytes = Array(
                "HTTP/1.1 \(capture.status) X\r\ncontent-type: \(type)\r\ntransfer-encoding: chunked\r\n\r\n".utf8)
            var index = 0
            while index < body.count {
                let count = min(body.count - index, Int.random(in: 1...3000, using: &random))
                bytes += Array("\(String(count, radix: 16))\r\n".utf8) + body[index..<(index + count)] + [13, 10]
                index += count
            }
            bytes += Array("0\r\n\r\n".utf8)
            var portions: [[UInt8]] = []
            index = 0
            while index < bytes.count {
                let count = min(bytes.count - index, Int.random(in: 1...2000, using: &random))
                portions.append(Array(bytes[index..<(index + count)]))
                index += count
            }
            return ScriptedUpstream.Script(portions: portions, pause: .microseconds(200))
        }

        @Test(arguments: Capture.all)
        func `a recorded answer passes unchanged, and is charged what it says`(capture: Capture) async throws {
            let body = try TestData.bytes("captures/\(capture.folder)/\(capture.file)")
            let upstream = ScriptedUpstream { request in
                request.path.contains("/generation")
                    ? ScriptedUpstream.Script(status: 404, "{}") : Self.script(capture, body, seed: 7)
            }
            let kind: Upstream.Kind =
                capture.folder == "openrouter" ? .openRouter : capture.dialect == .messages ? .anthropic : .openAI
            var facts = AnswerFacts(dialect: capture.dialect)
            if capture.isStream {
                var meter = StreamMeter(dialect: capture.dialect)
                body.withUnsafeBytes { meter.feed($0) { _ in } }
                meter.finish { _ in }
                facts = meter.facts
            } else {
                facts = AnswerReader.facts(in: body, dialect: capture.dialect)
            }
            let prices = try testCatalogue().pricing(of: Self.model)
            let charge = facts.charge(prices: prices)
            try await withScriptedGateway([upstream], kind: kind) { bench in
                let (path, request) = Self.request(capture.dialect, stream: capture.isStream)
                let answer = try await bench.caller.send("POST", path, request)
                #expect(answer.status == capture.status)
                #expect(answer.body == body)
                #expect(answer.isComplete)
                let scope = try await bench.quiet()
                if capture.status >= 300 {
                    #expect(scope.committed == .zero)
                    #expect(bench.events.kinds().last == .callFailed)
                } else if let charge {
                    #expect(scope.spent.total == charge.amount)
                    let call = try #require(bench.events.calls(.callSettled).first)
                    #expect(call.usage == facts.usage)
                    #expect(call.cost == charge.amount)
                    #expect(call.toolNames == facts.toolNames)
                } else {
                    #expect(scope.committed > .zero)
                }
            }
        }

        @Test func `a caller who did not ask for usage does not get the chunk that was asked for in his name`()
            async throws
        {
            let chunks = [
                #"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
                #"{"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            ]
            let usage = #"{"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#
            for kind in [Upstream.Kind.vllm, .openAI] {
                let upstream = ScriptedUpstream { _ in .events(chunks + [usage, "[DONE]"]) }
                try await withScriptedGateway([upstream], kind: kind) { bench in
                    let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat(stream: true))
                    #expect(answer.text == (chunks + ["[DONE]"]).map { "data: \($0)\n\n" }.joined())
                    #expect(upstream.requests.first?.json?["stream_options"]?["include_usage"] == true)
                    _ = try await bench.quiet()
                    let call = try #require(bench.events.calls(.callSettled).first)
                    #expect(call.usage?.promptTokens == 5)
                    #expect(call.usage?.completionTokens == 2)
                }
            }
        }

        @Test func `no chunk waits for the next one`() async throws {
            let chunk = #"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#
            let upstream = ScriptedUpstream { _ in
                .events(Array(repeating: chunk, count: 100) + ["[DONE]"], pause: .milliseconds(5))
            }
            try await withScriptedGateway([upstream], kind: .vllm, pricing: .free) { bench in
                // Nagle's algorithm and delayed acknowledgements would gather chunks for 40 ms, each time. A machine that
                // is busy does so now and then.
                var isPrompt = false
                for _ in 0..<10 where !isPrompt {
                    let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat(stream: true))
                    let gaps = zip(answer.arrivals, answer.arrivals.dropFirst()).map { $1.at - $0.at }.sorted()
                    let median = try #require(gaps.dropFirst(gaps.count / 2).first)
                    isPrompt =
                        answer.arrivals.count > 60 && median < .milliseconds(15)
                        && gaps.filter { $0 > .milliseconds(35) }.count < gaps.count / 10
                }
                #expect(isPrompt)
            }
        }

        @Test func `a caller of HTTP 1.0 gets a stream without chunks, ended by the connection`() async throws {
            let upstream = ScriptedUpstream { _ in .events([#"{"choices":[]}"#, "[DONE]"]) }
            try await withScriptedGateway([upstream], kind: .vllm, pricing: .free) { bench in
                let body = chat(stream: true).bytes
                let head =
                    "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer \(bench.key)\r\n"
                    + "content-length: \(body.count)\r\n\r\n"
                let answer = try await bench.caller.exchange(Array(head.utf8) + body)
                #expect(answer.headers["transfer-encoding"] == nil)
                #expect(answer.text == "data: {\"choices\":[]}\n\ndata: [DONE]\n\n")
                #expect(answer.isComplete)
            }
        }
    }
}
