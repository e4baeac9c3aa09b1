import PreflightCore
import Simulator
import Testing

@Suite struct EmbeddingTests {
    @Test func `each input has a vector, and the prompt is charged`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            let body: JSON = ["model": "openai/text-embedding-3-small", "input": ["one two three", "four"]]
            let answer = try await client.post("/embeddings", body)
            let data = try #require(answer.json["data"]?.array)
            #expect(data.compactMap { $0["embedding"]?.array?.count } == [16, 16])
            #expect(data[0]["embedding"] != data[1]["embedding"])
            #expect(answer.json["usage"] == ["prompt_tokens": 5, "total_tokens": 5, "cost": .number("0.0000001")])
            #expect(server.bill.total == USD(picodollars: 100_000))
            let again = try await client.post("/embeddings", body)
            #expect(again.json["data"] == answer.json["data"])
            let id = try #require(answer.headers["x-generation-id"])
            #expect(try await client.get("/generation?id=\(id)").json["data"]?["api_type"] == "embeddings")
        }
    }

    @Test func `tokens, dimensions and base64 are understood`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let answer = try await TestClient(addresses[0]).post(
                "/embeddings",
                [
                    "model": "openai/text-embedding-3-large", "input": [1, 2, 3], "dimensions": 3,
                    "encoding_format": "base64",
                ])
            #expect(answer.json["data"]?.array?.count == 1)
            #expect(answer.json["data"]?[0]?["embedding"]?.string?.utf8.count == 16)
            #expect(answer.json["usage"]?["prompt_tokens"] == 3)
        }
    }

    @Test func `an embedding stays below the price that its caller names`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            func status(_ prompt: String) async throws -> Int {
                let ceiling: JSON = ["prompt": .number(prompt), "completion": 0]
                return try await client.post(
                    "/embeddings",
                    [
                        "model": "openai/text-embedding-3-small", "input": "one",
                        "provider": ["max_price": ceiling],
                    ]
                ).status
            }
            let statuses = [try await status("0.02"), try await status("0.0199")]
            #expect(statuses == [200, 404])
            #expect(server.bill.count == 1)
        }
    }

    @Test func `embedding models do nothing else, and others do not embed`() async throws {
        try await SimulatorServer.withServer(.prompt { $0.listsEmbeddingModels = true }) { _, addresses in
            let client = TestClient(addresses[0])
            #expect(try await client.chat("openai/text-embedding-3-small").status == 400)
            let wrong: JSON = ["model": "openai/gpt-4o-mini", "input": "x"]
            let refused = try await client.post("/embeddings", wrong)
            #expect(refused.status == 400)
            #expect(refused.json["error"]?["availability"]?["code"] == "wrong_endpoint")
            #expect(try await client.get("/embeddings/models").json["data"]?.array?.count == 2)
            #expect(try await client.get("/models").json["total_count"] == 338)
        }
    }

    @Test func `legacy completions stream text`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let body: JSON = ["model": "openai/gpt-4o-mini", "prompt": "Hello", "stream": true]
            let answer = try await TestClient(addresses[0]).post("/completions", body, ["tokens": "40"])
            let text = answer.events.compactMap { $0["choices"]?[0]?["text"]?.string }.joined()
            #expect(text.utf8.count == 160)
            #expect(answer.events.last?["usage"]?["cost"]?.usd() == server.bill.total)
            #expect(server.bill.usage.completionTokens == 40)
        }
    }
}
