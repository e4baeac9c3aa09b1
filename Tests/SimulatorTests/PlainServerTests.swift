import PreflightCore
import Simulator
import Testing

@Suite struct PlainServerTests {
    private static func options(_ flavour: SimulatorOptions.Flavour, key: String? = nil) -> SimulatorOptions {
        .prompt {
            $0.flavour = flavour
            $0.serverKey = key
            $0.servedModels = [.init(id: "local", contextLength: 1000)]
        }
    }

    private static func body(_ members: KeyValuePairs<String, JSON> = [:]) -> JSON {
        var body = JSON.Object([
            .init(key: "model", value: "local"), .init(key: "messages", value: [["role": "user", "content": "Hello"]]),
        ])
        for (key, value) in members { body[key] = value }
        return .object(body)
    }

    @Test func `vLLM tells of itself without a key`() async throws {
        try await SimulatorServer.withServer(Self.options(.vllm)) { _, addresses in
            let client = TestClient.plain(addresses[0])
            let health = try await client.get("/health")
            #expect(health.status == 200)
            #expect(health.body.isEmpty)
            #expect(try await client.get("/version").json["version"]?.string != nil)
            let model = try #require(try await client.get("/v1/models").json["data"]?[0])
            #expect(model["max_model_len"] == 1000)
            #expect(model["owned_by"] == "vllm")
            #expect(try await client.get("/api/v1/models").status == 404)
        }
    }

    @Test func `vLLM counts tokens and asks for no money`() async throws {
        try await SimulatorServer.withServer(Self.options(.vllm)) { server, addresses in
            let client = TestClient.plain(addresses[0])
            let answer = try await client.post("/v1/chat/completions", Self.body(), ["tokens": "40"])
            #expect(answer.json["usage"]?["completion_tokens"] == 40)
            #expect(answer.json["usage"]?["total_tokens"] == 42)
            #expect(!answer.text.contains("cost"))
            #expect(answer.json["provider"] == nil)
            let text = try await client.post(
                "/v1/completions", ["model": "local", "prompt": "Hello"], ["tokens": "5"])
            #expect(text.json["choices"]?[0]?["text"]?.string?.utf8.count == 20)
            let vectors = try await client.post("/v1/embeddings", Self.body(["input": "Hello"]))
            #expect(vectors.json["usage"] == ["prompt_tokens": 2, "total_tokens": 2])
            #expect(server.bill.count == 3)
            #expect(server.bill.usage.completionTokens == 45)
            #expect(server.bill.usage.promptTokens == 6)
            #expect(server.bill.total == .zero)
        }
    }

    @Test func `vLLM streams usage only when asked`() async throws {
        try await SimulatorServer.withServer(Self.options(.vllm)) { _, addresses in
            let client = TestClient.plain(addresses[0])
            func stream(_ options: JSON) async throws -> [JSON] {
                let body = Self.body(["stream": true, "stream_options": options])
                return try await client.post("/v1/chat/completions", body, ["tokens": "40"]).events
            }
            #expect(try await stream([:]).allSatisfy { $0["usage"] == nil })
            let asked = try await stream(["include_usage": true])
            #expect(asked.last?["choices"] == [])
            #expect(asked.last?["usage"]?["completion_tokens"] == 40)
            #expect(asked.dropLast().allSatisfy { $0["usage"] == nil })
            let running = try await stream(["include_usage": true, "continuous_usage_stats": true])
            let counts = running.compactMap { $0["usage"]?["completion_tokens"]?.int }
            #expect(counts.count == running.count)
            #expect(counts == counts.sorted())
            #expect(counts.contains(20))
        }
    }

    @Test func `vLLM refuses in its own shape, and asks for a key that was set`() async throws {
        try await SimulatorServer.withServer(Self.options(.vllm, key: "secret")) { server, addresses in
            let client = TestClient.plain(addresses[0], key: "secret")
            #expect(try await client.with(key: nil).post("/v1/chat/completions", Self.body()).status == 401)
            #expect(try await client.with(key: nil).get("/health").status == 200)
            let unknown = try await client.post("/v1/chat/completions", Self.body(["model": "other"]))
            #expect(unknown.status == 404)
            #expect(unknown.json["error"]?["code"] == 404)
            #expect(unknown.json["error"]?["type"] == "NotFoundError")
            let long = try await client.post("/v1/chat/completions", Self.body(["max_tokens": 1000]))
            #expect(long.status == 400)
            #expect(long.json["error"]?["type"] == "BadRequestError")
            #expect(server.bill.count == 0)
        }
    }

    @Test func `OpenAI has a null usage on every chunk but the last`() async throws {
        try await SimulatorServer.withServer(Self.options(.openAI, key: "secret")) { _, addresses in
            let client = TestClient.plain(addresses[0], key: "secret")
            let body = Self.body(["stream": true, "stream_options": ["include_usage": true]])
            let events = try await client.post("/v1/chat/completions", body, ["tokens": "12"]).events
            #expect(events.dropLast().allSatisfy { $0["usage"] == .null })
            #expect(events.last?["usage"]?["completion_tokens"] == 12)
            let refused = try await client.with(key: "wrong").get("/v1/models")
            #expect(refused.status == 401)
            #expect(refused.json["error"]?["code"] == "invalid_api_key")
        }
    }
}
