import PreflightCore
import Simulator
import Testing

@Suite("Refusals") struct RefusalTests {
    @Test("keys that are missing or unknown")
    func authentication() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0], key: nil)
            let missing = try await client.chat()
            #expect(missing.status == 401)
            #expect(missing.text == #"{"error":{"message":"Missing Authentication header","code":401}}"#)
            let unknown = try await client.with(key: "sk-or-v1-unknown").chat()
            #expect(unknown.status == 401)
            #expect(unknown.message == "User not found.")
            #expect(try await TestClient.management(addresses[0]).chat().status == 403)
        }
    }

    @Test("requests that make no sense")
    func badRequests() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            let unknown = try await client.chat("nobody/nothing")
            #expect(unknown.status == 400)
            #expect(unknown.message == "nobody/nothing is not a valid model ID")
            let broken = try await client.send("POST", "/chat/completions", body: Array(#"{"model": "#.utf8))
            #expect(broken.status == 400)
            #expect(try await client.post("/chat/completions", ["model": "x"]).status == 400)
            #expect(try await client.get("/nowhere").status == 404)
            let tooLarge = [UInt8](repeating: UInt8(ascii: " "), count: (32 << 20) + 1)
            #expect(try await client.send("POST", "/chat/completions", body: tooLarge).status == 413)
            #expect(server.bill.count == 0)
        }
    }

    @Test("a cap that is used up is refused with 403, and one that is raised is not")
    func cap() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let management = TestClient.management(addresses[0])
            let created = try await management.post("/keys", ["name": "x", "limit": 0])
            let hash = try #require(created.json["data"]?["hash"]?.string)
            let client = management.with(key: created.json["key"]?.string)
            let refused = try await client.chat()
            #expect(refused.status == 403)
            #expect(
                refused.message
                    == "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys")
            _ = try await management.send("PATCH", "/keys/\(hash)", ["limit": 1])
            #expect(try await client.chat().status == 200)
        }
    }

    @Test("what cannot be afforded is refused before it runs, naming how much could be")
    func preflight() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let management = TestClient.management(addresses[0])
            // Completion tokens at $0.4 a million: a tenth of a cent buys 2,500, less the prompt.
            let created = try await management.post("/keys", ["name": "x", "limit": .number("0.001")])
            let client = management.with(key: created.json["key"]?.string)
            let refused = try await client.chat(maxTokens: nil)
            #expect(refused.status == 402)
            let message = try #require(refused.message)
            #expect(
                message.hasPrefix(
                    "This request requires more credits, or fewer max_tokens. You requested up to 128000 tokens, "
                        + "but can only afford 2499. To increase, visit https://openrouter.ai/settings/keys"))
            #expect(message.hasSuffix("create a key with a higher total limit"))
            #expect(refused.json["error"]?["metadata"]?["previous_errors"]?[0]?["code"] == 402)
            #expect(try await client.chat(maxTokens: 2499).status == 200)

            server.setCredits(server.bill.total + USD(picodollars: 1_000_000))
            let long = try await management.with(key: SimulatorOptions.defaultOrdinaryKey)
                .chat("meta-llama/llama-3.3-70b-instruct", String(repeating: "word ", count: 100))
            #expect(long.status == 402)
            #expect(long.message?.hasPrefix("Prompt tokens limit exceeded: 125 > 7.") == true)
        }
    }

    @Test("an empty account is refused with 402, but for free models")
    func emptyAccount() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            server.setCredits(.zero)
            let client = TestClient(addresses[0])
            let refused = try await client.chat()
            #expect(refused.status == 402)
            #expect(refused.message?.hasPrefix("Insufficient credits. This account never purchased credits.") == true)
            let free = try await client.chat("openai/gpt-oss-20b:free")
            #expect(free.status == 200)
            #expect(free.cost == .zero)
        }
    }

    @Test("calls that run at the same time overrun a cap together")
    func overshoot() async throws {
        let time = ManualTime()
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(#"{"models": {"*": {"turns": [{"delay": "1s", "completion_tokens": 2000}]}}}"#)
        }
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { server, addresses in
            let management = TestClient.management(addresses[0])
            let created = try await management.post("/keys", ["name": "x", "limit": .number("0.001")])
            let client = management.with(key: created.json["key"]?.string)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 { group.addTask { try await client.chat(maxTokens: 2000).status } }
                #expect(try await eventually { time.sleeperCount == 5 })
                time.advance(by: .seconds(1))
                for try await status in group { #expect(status == 200) }
            }
            let data = try #require(try await client.get("/key").json["data"])
            #expect(data["limit_remaining"]?.usd()?.isNegative == true)
            #expect(server.bill.total > USD(picodollars: 4_000_000_000))
            #expect(try await client.chat().status == 403)
        }
    }

    @Test("a price ceiling below the list price leaves no endpoint")
    func priceCeiling() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            var body = TestClient.chatBody().object ?? JSON.Object()
            body["provider"] = ["max_price": ["prompt": .number("0.13"), "completion": .number("0.4")]]
            let client = TestClient(addresses[0])
            let enough = try await client.post("/chat/completions", .object(body))
            #expect(enough.status == 200)
            body["provider"] = ["max_price": ["prompt": .number("0.13"), "completion": .number("0.39")]]
            let tooLow = try await client.post("/chat/completions", .object(body))
            #expect(tooLow.status == 404)
        }
    }
}
