import PreflightCore
import Simulator
import Testing

@Suite struct MoneyFaultTests {
    private static let path = "/chat/completions"

    @Test(arguments: [true, false]) func `a model that ignores max_tokens is charged for all it says`(isStreamed: Bool)
        async throws
    {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            server.addFault(Fault(.ignoresMaxTokens, path: "/chat", tokens: 500))
            let answer = try await client.chat(maxTokens: 10, stream: isStreamed)
            let usage = isStreamed ? answer.events.last?["usage"] : answer.json["usage"]
            #expect(usage?["completion_tokens"] == 500)
            #expect(usage?["cost"]?.usd() == server.bill.total)
            #expect(server.bill.usage.completionTokens == 500)
            server.addFault(Fault(.ignoresMaxTokens, path: "/chat"))
            #expect(try await client.chat(maxTokens: 10).json["usage"]?["completion_tokens"] == 40)
        }
    }

    @Test(arguments: ["chat", "messages", "responses"]) func `an answer says nothing of its usage`(api: String)
        async throws
    {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let body: JSON = [
                "model": "openai/gpt-4o-mini", "messages": [["role": "user", "content": "Hello"]], "input": "Hello",
                "stream": true,
            ]
            let path = api == "chat" ? Self.path : "/\(api)"
            let answer = try await TestClient(addresses[0]).post(path, body, ["fault": "no_usage"])
            #expect(answer.status == 200)
            #expect(!answer.text.contains("_tokens\":2"))
            #expect(!answer.text.contains("cost"))
            #expect(server.bill.total > .zero)
        }
    }

    @Test func `an error in mid stream is free, or charged and shown, or charged in silence`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            func stream(_ fault: String) async throws -> TestClient.Answer {
                let body = TestClient.chatBody(stream: true)
                return try await client.post(Self.path, body, ["tokens": "40", "fault": fault])
            }
            let free = try await stream("mid_stream_error;status=429")
            #expect(free.events.last?["error"]?["code"] == 429)
            #expect(!free.text.contains("[DONE]"))
            #expect(server.bill.total == .zero)

            let shown = try await stream("mid_stream_error;usage=true")
            let last = try #require(shown.events.last)
            #expect(last["error"]?["code"] == 502)
            #expect(last["choices"]?[0]?["finish_reason"] == .null)
            #expect(last["usage"]?["completion_tokens"] == 20)
            #expect(last["usage"]?["cost"]?.usd() == server.bill.total)
            #expect(shown.text.hasSuffix("data: [DONE]\n\n"))

            let before = server.bill.total
            let silent = try await stream("mid_stream_error;carried_out=true")
            #expect(!silent.text.contains(#""usage""#))
            #expect(server.bill.charges.last?.usage.completionTokens == 40)
            #expect(server.bill.total > before)
        }
    }

    @Test func `a stream is cut without an end, and what was produced is charged`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            await #expect(throws: (any Error).self) {
                try await client.post(
                    Self.path, TestClient.chatBody(stream: true), ["tokens": "40", "fault": "cut_stream;after=2"])
            }
            #expect(server.bill.charges.last?.usage.completionTokens == 8)
            #expect(server.bill.charges.last?.cancelled == false)
            await #expect(throws: (any Error).self) {
                try await client.post(Self.path, TestClient.chatBody(), ["fault": "cut_stream"])
            }
            #expect(server.cancelledStreamCount == 0)
        }
    }

    @Test func `a stream ends in an orderly way without saying so`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post(
                Self.path, TestClient.chatBody(stream: true), ["tokens": "40", "fault": "unfinished_stream"])
            #expect(answer.status == 200)
            #expect(!answer.text.contains("[DONE]"))
            #expect(!answer.text.contains(#""usage""#))
            #expect(server.bill.charges.last?.usage.completionTokens == 20)
            let half = try await TestClient(addresses[0])
                .post(Self.path, TestClient.chatBody(), ["fault": "unfinished_stream"])
            #expect(half.status == 200)
            #expect(half.json == .null)
            #expect(half.text.hasPrefix(#"{"id":"gen-"#))
        }
    }

    @Test func `a stream stalls, or begins late`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            for fault in ["stall;delay=80ms", "slow_first_token;delay=80ms", "delay;delay=80ms"] {
                let start = ContinuousClock.now
                let answer = try await client.post(
                    Self.path, TestClient.chatBody(stream: true), ["tokens": "20", "fault": fault])
                #expect(ContinuousClock.now - start >= .milliseconds(80))
                #expect(answer.text.hasSuffix("data: [DONE]\n\n"))
                #expect(server.bill.charges.last?.usage.completionTokens == 20)
            }
        }
    }

    @Test(arguments: [429, 500, 502, 503, 529]) func `statuses come with and without Retry-After`(status: Int)
        async throws
    {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            let plain = try await client.post(
                Self.path, TestClient.chatBody(), ["fault": "status;status=\(status)"])
            #expect(plain.status == status)
            #expect(plain.headers["retry-after"] == nil)
            let patient = try await client.post(
                Self.path, TestClient.chatBody(), ["fault": "status;status=\(status);retry_after=3"])
            #expect(patient.headers["retry-after"] == "3")
            #expect(server.bill.count == 0)
        }
    }

    @Test func `an error hides inside 200`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post(
                Self.path, TestClient.chatBody(), ["fault": "error_in_200;status=503"])
            #expect(answer.status == 200)
            #expect(answer.json["error"]?["code"] == 503)
            #expect(answer.json["choices"] == nil)
            #expect(server.bill.count == 0)
        }
    }

    @Test func `a model that fails is followed by the next, which is charged and named`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            var body = TestClient.chatBody("openai/gpt-4.1").object ?? JSON.Object()
            body["models"] = ["openai/gpt-4.1", "meta-llama/llama-3.3-70b-instruct"]
            body["provider"] = ["only": ["deepinfra/fp8"], "allow_fallbacks": true]
            server.addFault(Fault(.status, path: "/chat", status: 503, model: "openai/gpt-4.1"))
            let second = try await client.post(Self.path, .object(body))
            #expect(second.json["model"] == "meta-llama/llama-3.3-70b-instruct")
            #expect(second.json["provider"] == "DeepInfra")
            #expect(server.bill.charges.map(\.model) == ["meta-llama/llama-3.3-70b-instruct"])
            let first = try await client.post(Self.path, .object(body))
            #expect(first.json["model"]?.string?.hasPrefix("openai/gpt-4.1") == true)

            body["provider"] = ["max_price": ["prompt": 1]]
            let affordable = try await client.post(Self.path, .object(body))
            #expect(affordable.json["model"] == "meta-llama/llama-3.3-70b-instruct")
            body["models"] = nil
            let none = try await client.post(Self.path, .object(body))
            #expect(none.status == 404)
            #expect(none.json["error"]?["availability"]?["code"] == "constraint_filtered")
        }
    }

    @Test func `one's own key pays the provider, and OpenRouter only its fee`() async throws {
        let options = SimulatorOptions.prompt {
            $0.isBYOK = true
            $0.byokFeePermille = 50
        }
        try await SimulatorServer.withServer(options) { server, addresses in
            let management = TestClient.management(addresses[0])
            let made = try await management.post(
                "/keys", ["name": "x", "limit": 1, "include_byok_in_limit": true])
            let client = management.with(key: made.json["key"]?.string)
            let answer = try await client.post(Self.path, TestClient.chatBody(), ["tokens": "100"])
            let usage = try #require(answer.json["usage"])
            #expect(usage["is_byok"] == true)
            let upstream = try #require(usage["cost_details"]?["upstream_inference_cost"]?.usd())
            // 2 prompt tokens at $0.13, 100 at $0.4 a million.
            #expect(upstream == USD(picodollars: 40_260_000))
            #expect(answer.cost == USD(picodollars: 2_013_000))
            #expect(server.bill.total == USD(picodollars: 2_013_000))
            #expect(server.bill.upstreamTotal == upstream)
            let own = try #require(try await client.get("/key").json["data"])
            #expect(own["byok_usage"]?.usd() == upstream)
            #expect(own["limit_remaining"]?.usd() == USD(cents: 100) - upstream - USD(picodollars: 2_013_000))
            let id = try #require(answer.headers["x-generation-id"])
            let generation = try await client.get("/generation?id=\(id)")
            #expect(generation.json["data"]?["is_byok"] == true)
            #expect(generation.json["data"]?["upstream_inference_cost"]?.usd() == upstream)
        }
    }

    @Test func `searching the web, priority and several choices are charged on top`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            func ask(_ members: KeyValuePairs<String, JSON>) async throws -> TestClient.Answer {
                var body = TestClient.chatBody().object ?? JSON.Object()
                for (key, value) in members { body[key] = value }
                return try await client.post(Self.path, .object(body), ["tokens": "10"])
            }
            let plain = try #require(try await ask([:]).cost)
            let fee = USD(picodollars: 7_000_000_000)
            #expect(try await ask(["plugins": [["id": "web"]]]).cost == plain + fee)
            #expect(try await ask(["tools": [["type": "openrouter:web_search"]]]).cost.map { $0 > plain + fee } == true)
            let online = try await ask(["model": "meta-llama/llama-3.3-70b-instruct:online"])
            #expect(online.cost == plain + fee)
            #expect(online.json["usage"]?["server_tool_use_details"] == ["web_search_requests": 1])
            // The model has a price of its own for searching.
            let native = try await ask(["model": "anthropic/claude-sonnet-4.5:online"])
            #expect(native.json["usage"]?["cost_details"]?["upstream_inference_cost"]?.usd() == native.cost)

            let fast = try await ask(["service_tier": "priority"])
            #expect(fast.cost == plain * 2)
            #expect(fast.json["service_tier"] == "priority")
            let several = try await ask(["n": 3])
            #expect(several.json["choices"]?.array?.count == 3)
            #expect(several.json["usage"]?["completion_tokens"] == 30)
            #expect(server.bill.total == server.bill.charges.reduce(.zero) { $0 + $1.cost })
        }
    }
}
