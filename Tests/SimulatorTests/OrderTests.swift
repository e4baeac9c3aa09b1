import PreflightCore
import Simulator
import Testing

@Suite struct OrderTests {
    @Test func `headers say how much is produced, and max_tokens still bounds it`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0])
            let orders = ["tokens": "137", "seed": "7", "prompt-tokens": "1000", "cached-tokens": "400"]
            let body = TestClient.chatBody(maxTokens: 1000)
            let first = try await client.post("/chat/completions", body, orders)
            #expect(first.json["usage"]?["completion_tokens"] == 137)
            #expect(first.json["usage"]?["prompt_tokens"] == 1000)
            #expect(first.json["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 400)
            let text = try #require(first.json["choices"]?[0]?["message"]?["content"]?.string)
            #expect(text.utf8.count == 4 * 137)
            let again = try await client.post("/chat/completions", body, orders)
            #expect(again.json["choices"] == first.json["choices"])
            let short = try await client.post("/chat/completions", TestClient.chatBody(maxTokens: 100), orders)
            #expect(short.json["usage"]?["completion_tokens"] == 100)
            #expect(short.json["choices"]?[0]?["finish_reason"] == "length")
            let none = try await client.post("/chat/completions", body, ["tokens": "0"])
            #expect(none.json["usage"]?["completion_tokens"] == 0)
        }
    }

    @Test func `the body may carry the orders, and wins`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            var body = TestClient.chatBody(stream: true).object ?? JSON.Object()
            body["simulator"] = ["tokens": 30, "usage_chunk": "no_choices"]
            let answer = try await TestClient(addresses[0])
                .post("/chat/completions", .object(body), ["tokens": "20"])
            #expect(answer.events.last?["usage"]?["completion_tokens"] == 30)
            #expect(answer.events.last?["choices"] == [])
        }
    }

    @Test(arguments: [
        ("tokens", "many"), ("tokens", "-1"), ("tokens", "1000001"), ("token", "1"), ("fault", "explode"),
        ("fault", "status;code=5"), ("fault", "stall;delay"), ("fault", "status;model=a/b"), ("usage-chunk", "x"),
        ("byok", "maybe"), ("seed", "-1"),
    ]) func `an order that is not understood is refused`(name: String, value: String) async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0])
                .post("/chat/completions", TestClient.chatBody(), [name: value])
            #expect(answer.status == 400)
            #expect(answer.message?.contains("x-simulator-\(name)") == true)
            #expect(server.bill.count == 0)
        }
    }

    @Test func `every part of a stream is told as it is, quotes and newlines too`() async throws {
        let text = "plain words at first, then \"quotes\", a \\ and\nlines\nand\ttabs, and at the end Zürich \u{7F}"
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let answer = try await TestClient(addresses[0]).chat("openai/gpt-4o-mini", text, stream: true)
            let said = answer.events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined()
            #expect(said == "You said: " + text)
        }
    }

    @Test func `a stream is paced`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let start = ContinuousClock.now
            let answer = try await TestClient(addresses[0]).post(
                "/chat/completions", TestClient.chatBody(stream: true), ["tokens": "40", "pace-ms": "10"])
            // Ten parts of four tokens, nine pauses.
            #expect(ContinuousClock.now - start >= .milliseconds(90))
            #expect(answer.events.count == 12)
        }
    }

    @Test func `whatever happens to many calls at once, the sums are those of the answers`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            let faults = [
                "", "", "no_usage", "mid_stream_error;usage=true", "unfinished_stream", "ignores_max_tokens;tokens=90",
                "status;status=503",
            ]
            try await withThrowingTaskGroup(of: (id: String, told: USD?)?.self) { group in
                for index in 0..<210 {
                    group.addTask {
                        var orders = ["tokens": String(index % 83), "seed": String(index)]
                        let fault = faults[index % faults.count]
                        if !fault.isEmpty { orders["fault"] = fault }
                        let answer = try await client.post(
                            "/chat/completions", TestClient.chatBody(stream: index % 2 == 0), orders)
                        guard let id = answer.headers["x-generation-id"] else { return nil }
                        return (id, answer.cost ?? answer.events.last?["usage"]?["cost"]?.usd())
                    }
                }
                var calls = 0
                for try await answer in group {
                    guard let answer else { continue }
                    calls += 1
                    let charge = try #require(server.bill.charge(generationID: answer.id))
                    if let told = answer.told { #expect(told == charge.cost) }
                }
                #expect(calls == 180)
            }
            let bill = server.bill
            #expect(bill.count == 180)
            #expect(bill.total == bill.charges.reduce(.zero) { $0 + $1.cost })
            let key = try #require(server.keys.first { $0.kind == .ordinary })
            #expect(bill.total(keyHash: key.hash) == bill.total)
            #expect(key.spent == bill.total)
        }
    }
}
