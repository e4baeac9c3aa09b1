import PreflightCore
import Simulator
import Testing

@Suite("Keys") struct KeyTests {
    @Test("a key is created, read, changed and deleted, with the documented fields")
    func lifeCycle() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient.management(addresses[0])
            let created = try await client.post("/keys", ["name": "run-42", "limit": .number("0.25")])
            #expect(created.status == 201)
            let secret = try #require(created.json["key"]?.string)
            #expect(secret.hasPrefix("sk-or-v1-") && secret.count == 9 + 64)
            let data = try #require(created.json["data"])
            let hash = try #require(data["hash"]?.string)
            #expect(data["limit"]?.usd() == USD(cents: 25))
            #expect(data["limit_remaining"]?.usd() == USD(cents: 25))
            #expect(data["limit_reset"] == .null)
            #expect(data["disabled"] == false)
            #expect(data["updated_at"] == .null)

            let changed = try await client.send("PATCH", "/keys/\(hash)", ["limit": .null, "disabled": true])
            #expect(changed.status == 200)
            #expect(changed.json["data"]?["limit"] == .null)
            let refused = try await client.with(key: secret).get("/key")
            #expect(refused.status == 401)

            #expect(try await client.get("/keys/\(hash)").json["data"]?["name"] == "run-42")
            #expect(try await client.send("DELETE", "/keys/\(hash)").json == ["deleted": true])
            let gone = try await client.send("DELETE", "/keys/\(hash)")
            #expect(gone.status == 404)
            #expect(gone.text == #"{"error":{"message":"API key not found","code":404}}"#)
            #expect(try await client.with(key: secret).get("/key").message == "User not found.")
            #expect(server.keys.count == 2)
        }
    }

    @Test("the list is newest first, in pages of a hundred, without disabled keys unless asked")
    func paging() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient.management(addresses[0])
            for index in 1...104 { _ = try await client.post("/keys", ["name": .string("key \(index)")]) }
            let first = try await client.get("/keys").json["data"]?.array ?? []
            #expect(first.count == 100)
            #expect(first.first?["name"] == "key 104")
            let second = try await client.get("/keys?offset=100").json["data"]?.array ?? []
            #expect(second.map { $0["name"]?.string } == ["key 4", "key 3", "key 2", "key 1", "Ordinary key"])

            let hash = try #require(first.first?["hash"]?.string)
            _ = try await client.send("PATCH", "/keys/\(hash)", ["disabled": true])
            #expect(try await client.get("/keys").json["data"]?[0]?["name"] == "key 103")
            #expect(try await client.get("/keys?include_disabled=true").json["data"]?[0]?["name"] == "key 104")
        }
    }

    @Test(
        "wrong JSON types are refused in the other envelope",
        arguments: [
            (["name": "x", "limit": "5"], "Invalid input: expected number, received string"),
            ([:], "Invalid input: expected string, received undefined"),
            (["name": "x", "limit_reset": "hourly"], #"Invalid option: expected one of "daily"|"weekly"|"monthly""#),
        ] as [(JSON, String)])
    func zod(body: JSON, message: String) async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let answer = try await TestClient.management(addresses[0]).post("/keys", body)
            #expect(answer.status == 400)
            #expect(answer.json == ["success": false, "error": ["name": "ZodError", "message": .string(message)]])
        }
    }

    @Test("ordinary keys may not manage, and are told nothing about credits")
    func ordinary() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0])
            let list = try await client.get("/keys")
            #expect(list.status == 403)
            #expect(list.message == "Only management keys can perform this operation")
            #expect(try await client.get("/credits").json == ["data": ["total_credits": 0, "total_usage": 0]])
            let credits = try await TestClient.management(addresses[0]).get("/credits")
            #expect(credits.json == ["data": ["total_credits": 100, "total_usage": 0]])
        }
        try await SimulatorServer.withServer(.prompt { $0.creditsForOrdinaryKeys = .forbidden }) { _, addresses in
            let credits = try await TestClient(addresses[0]).get("/credits")
            #expect(credits.status == 403)
        }
    }

    @Test("an expired key is refused from its instant on")
    func expiry() async throws {
        let time = ManualTime()
        try await SimulatorServer.withServer(.prompt(), now: time.timestamp, clock: time) { _, addresses in
            let client = TestClient.management(addresses[0])
            let created = try await client.post("/keys", ["name": "x", "expires_at": "2026-10-14T12:01:00Z"])
            let key = try #require(created.json["key"]?.string)
            #expect(try await client.with(key: key).get("/key").status == 200)
            time.advance(by: .seconds(60))
            #expect(try await client.with(key: key).get("/key").status == 401)
        }
    }

    @Test("spending shows late, and with a stale replica goes back")
    func delayedUsage() async throws {
        let time = ManualTime()
        var options = SimulatorOptions.prompt()
        options.usageDelay = .seconds(5)
        options.nonMonotonicUsage = true
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { server, addresses in
            let client = TestClient(addresses[0])
            let cost = try #require(try await client.chat().cost)
            #expect(try await client.get("/key").json["data"]?["usage"] == 0)
            time.advance(by: .seconds(5))
            #expect(try await client.get("/key").json["data"]?["usage"]?.usd() == cost)
            #expect(try await client.get("/auth/key").json["data"]?["usage"] == 0)
            #expect(try await client.get("/key").json["data"]?["usage"]?.usd() == cost)
            #expect(server.bill.total == cost)
        }
    }

    @Test("a cap that resets counts only its window")
    func windows() async throws {
        let time = ManualTime("2026-10-14T23:59:50Z")
        try await SimulatorServer.withServer(.prompt(), now: time.timestamp, clock: time) { _, addresses in
            let management = TestClient.management(addresses[0])
            let created = try await management.post("/keys", ["name": "x", "limit": 1, "limit_reset": "daily"])
            let client = management.with(key: created.json["key"]?.string)
            let cost = try #require(try await client.chat().cost)
            #expect(try await client.get("/key").json["data"]?["limit_remaining"]?.usd() == USD(cents: 100) - cost)
            time.advance(by: .seconds(20))
            let data = try #require(try await client.get("/key").json["data"])
            #expect(data["limit_remaining"] == 1)
            #expect(data["usage_daily"] == 0)
            #expect(data["usage"]?.usd() == cost)
            #expect(data["usage_weekly"]?.usd() == cost)
        }
    }
}
