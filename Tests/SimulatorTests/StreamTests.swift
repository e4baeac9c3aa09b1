import PreflightCore
import Simulator
import Testing

@Suite("Streams") struct StreamTests {
    @Test(
        "the usage chunk has one of its three shapes",
        arguments: [
            UsageChunkShape.noChoices, .nullFinish, .repeatedFinish,
        ])
    func usageShape(shape: UsageChunkShape) async throws {
        try await SimulatorServer.withServer(.prompt { $0.usageChunk = shape }) { server, addresses in
            let answer = try await TestClient(addresses[0]).chat(stream: true)
            #expect(answer.headers["content-type"] == "text/event-stream")
            #expect(answer.text.hasPrefix(": OPENROUTER PROCESSING\n\n"))
            #expect(answer.text.hasSuffix("\n\ndata: [DONE]\n\n"))
            let events = answer.events
            let spoken = events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined()
            #expect(spoken == "You said: Hello")
            #expect(Set(events.map { $0["id"]?.string }) == [answer.headers["x-generation-id"]])

            let last = try #require(events.last)
            #expect(last["usage"]?["cost"]?.usd() == server.bill.total)
            switch shape {
            case .noChoices: #expect(last["choices"] == [])
            case .nullFinish: #expect(last["choices"]?[0]?["finish_reason"] == .null)
            case .repeatedFinish, .rotating:
                #expect(last["choices"]?[0]?["finish_reason"] == "stop")
                #expect(last["service_tier"] == "default")
            }
            #expect(events[events.count - 2]["choices"]?[0]?["finish_reason"] == "stop")
        }
    }

    @Test("tool calls arrive in pieces that join to their arguments")
    func toolCalls() async throws {
        try await SimulatorServer.withServer(.prompt { $0.scenario = .fates }) { _, addresses in
            var body = TestClient.chatBody(maxTokens: 1000, stream: true).object ?? JSON.Object()
            body["model"] = "mistralai/mistral-small-3.2-24b-instruct"
            body["messages"] = [["role": "user", "content": "Go"], ["role": "assistant", "content": "I look."]]
            body["tools"] = [["type": "function", "function": ["name": "bash", "parameters": [:]]]]
            let events = try await TestClient(addresses[0]).post("/chat/completions", .object(body)).events
            let calls = events.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }
            #expect(calls.first?["function"]?["name"] == "bash")
            let arguments = calls.compactMap { $0["function"]?["arguments"]?.string }.joined()
            #expect(try JSON.parse(arguments) == ["command": "kill -9 $PPID"])
            #expect(events.contains { $0["choices"]?[0]?["finish_reason"] == "tool_calls" })
        }
    }

    @Test("an error in the middle comes inside 200, without a charge")
    func midStreamError() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(
                """
                {"models": {"*": {"turns": [{"text": "some words that are long enough to be cut in two",
                  "error": {"status": 429, "message": "Rate limit exceeded", "mid_stream": true}}]}}}
                """)
        }
        try await SimulatorServer.withServer(options) { server, addresses in
            let client = TestClient(addresses[0])
            let answer = try await client.chat(stream: true)
            #expect(answer.status == 200)
            let last = try #require(answer.events.last)
            #expect(last["error"]?["code"] == 429)
            #expect(last["error"]?["metadata"]?["error_type"] == "rate_limit_exceeded")
            #expect(last["choices"]?[0]?["finish_reason"] == "error")
            #expect(!answer.text.contains("[DONE]"))
            let whole = try await client.chat()
            #expect(whole.status == 200)
            #expect(whole.json["choices"]?[0]?["finish_reason"] == "error")
            #expect(server.bill.total == .zero)
        }
    }

    @Test(
        "whoever leaves a stream pays for what was produced",
        arguments: [
            ("anthropic/claude-sonnet-4.6", 20), ("google/gemini-2.5-flash", 100),
        ])
    func cancelled(model: String, billed: Int) async throws {
        let time = ManualTime()
        let options = try SimulatorOptions.prompt {
            $0.pace = .seconds(1)
            $0.cancelledGenerationDelay = .seconds(3)
            // Five pieces of 16 characters.
            $0.scenario = try .text(
                """
                {"models": {"*": {"turns": [{"completion_tokens": 100, "text":
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}]}}}
                """)
        }
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { server, addresses in
            let client = TestClient(addresses[0])
            let stream = Task { try await client.chat(model, stream: true) }
            #expect(try await eventually { time.sleeperCount == 1 })
            stream.cancel()
            #expect(try await eventually { server.bill.count == 1 })
            let charge = try #require(server.bill.charges.first)
            #expect(charge.cancelled)
            #expect(charge.usage.completionTokens == billed)
            #expect(charge.cost > .zero)

            #expect(try await client.get("/generation?id=\(charge.generationID)").status == 404)
            time.advance(by: .seconds(3))
            let generation = try await client.get("/generation?id=\(charge.generationID)")
            #expect(generation.json["data"]?["cancelled"] == true)
            #expect(generation.json["data"]?["total_cost"]?.usd() == charge.cost)
            #expect(generation.json["data"]?["native_tokens_completion"] == .int(billed))
        }
    }

    @Test("whoever leaves another call pays for all of it")
    func abandoned() async throws {
        let time = ManualTime()
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(#"{"models": {"*": {"turns": [{"delay": "9s", "completion_tokens": 50}]}}}"#)
        }
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { server, addresses in
            let client = TestClient(addresses[0])
            let call = Task { try await client.chat() }
            let isWaiting = try await eventually { time.sleeperCount == 1 }
            #expect(isWaiting)
            call.cancel()
            #expect(try await eventually { server.bill.count == 1 })
            #expect(server.bill.charges[0].usage.completionTokens == 50)
        }
    }

    @Test("a stream that has nothing to say yet is kept alive")
    func keepAlive() async throws {
        let time = ManualTime()
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(#"{"models": {"*": {"turns": [{"delay": "3s", "text": "at last"}]}}}"#)
        }
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { _, addresses in
            let client = TestClient(addresses[0])
            async let answer = client.chat(stream: true)
            for _ in 0..<3 {
                #expect(try await eventually { time.sleeperCount == 1 })
                time.advance(by: .seconds(1))
            }
            let text = try await answer.text
            #expect(text.split(separator: "\n").count { $0 == ": OPENROUTER PROCESSING" } == 3)
            #expect(text.contains("at last"))
        }
    }
}
