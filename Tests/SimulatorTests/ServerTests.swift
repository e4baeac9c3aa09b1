import PreflightCore
import Simulator
import Testing

@Suite("Server") struct ServerTests {
    @Test("several addresses share one state")
    func addresses() async throws {
        let wanted: [SimulatorServer.Address] = [.loopback, .init(host: "127.0.0.2", port: 0)]
        try await SimulatorServer.withServer(.prompt(), addresses: wanted) { server, addresses in
            #expect(addresses.map(\.host) == ["127.0.0.1", "127.0.0.2"])
            #expect(addresses.allSatisfy { $0.port > 0 })
            for address in addresses {
                let answer = try await TestClient(address).chat()
                #expect(answer.status == 200)
            }
            #expect(server.bill.count == 2)
        }
    }

    @Test("an address that is taken is an error, not a wait")
    func addressTaken() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            await #expect(throws: (any Error).self) {
                try await SimulatorServer.withServer(.prompt(), addresses: [.loopback, addresses[0]]) { server, _ in
                    server.bill
                }
            }
        }
    }

    @Test("stopping ends calls that hang", .timeLimit(.minutes(1)))
    func stopping() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(#"{"models": {"*": {"turns": [{"delay": "forever"}]}}}"#)
        }
        let server = try SimulatorServer(options)
        let running = Task { try await server.run() }
        let client = TestClient(try await server.boundAddresses()[0])
        server.addFault(Fault(.hang, path: "/key"))
        let hanging = [
            Task { try await client.chat() }, Task { try await client.chat(stream: true) },
            Task { try await client.get("/key") },
        ]
        #expect(try await eventually { server.calls.count == 1 })
        running.cancel()
        try await running.value
        for call in hanging { await #expect(throws: (any Error).self) { try await call.value } }
    }

    @Test("a generation can be read once its delay has passed")
    func generation() async throws {
        let time = ManualTime()
        let options = SimulatorOptions.prompt { $0.generationDelay = .seconds(2) }
        try await SimulatorServer.withServer(options, now: time.timestamp, clock: time) { _, addresses in
            let client = TestClient(addresses[0])
            let answer = try await client.chat()
            let id = try #require(answer.headers["x-generation-id"])
            #expect(answer.json["id"] == .string(id))
            #expect(id.wholeMatch(of: /gen-1791979200-[A-Za-z0-9]{20}/) != nil)
            #expect(try await client.get("/generation?id=\(id)").status == 404)
            time.advance(by: .seconds(2))
            let data = try #require(try await client.get("/generation?id=\(id)").json["data"])
            #expect(data["total_cost"]?.usd() == answer.cost)
            #expect(data["native_tokens_prompt"] == answer.json["usage"]?["prompt_tokens"])
            #expect(data["cancelled"] == false)
            #expect(try await client.with(key: nil).get("/generation?id=\(id)").status == 401)
        }
    }

    @Test("the catalogue is the captured one, whole or in pages")
    func catalogue() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0], key: nil)
            let all = try await client.get("/models")
            #expect(all.json["total_count"] == 336)
            #expect(all.json["data"]?.array?.count == 336)
            #expect(try await client.get("/models/count").json == ["data": ["count": 336]])
            let page = try await client.get("/models?offset=300&limit=10")
            #expect(page.json["data"]?.array?.count == 10)
            #expect(page.json["links"]?["next"] == "/api/v1/models?offset=310&limit=10")

            let endpoints = try await client.get("/models/anthropic/claude-4.5-sonnet-20250929/endpoints")
            #expect(endpoints.json["data"]?["id"] == "anthropic/claude-sonnet-4.5")
            #expect(endpoints.json["data"]?["endpoints"]?[0]?["pricing"]?["prompt"] == "0.000003")
            #expect(try await client.get("/models/nobody/nothing/endpoints").status == 404)
        }
    }

    @Test("a catalogue of one's own replaces the captured one")
    func ownCatalogue() async throws {
        let options = SimulatorOptions.prompt {
            $0.catalogue = Array(#"{"data": [{"id": "a/b", "pricing": {"prompt": "1", "completion": "2"}}]}"#.utf8)
        }
        try await SimulatorServer.withServer(options) { _, addresses in
            let client = TestClient(addresses[0])
            let answer = try await client.chat("a/b", "word", maxTokens: 10)
            // 1 prompt token, and 4 for "You said: word".
            #expect(answer.cost == USD(cents: 900))
            #expect(try await client.chat().status == 400)
        }
    }

    @Test("legacy completions answer with text")
    func legacy() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0])
            let body: JSON = ["model": "openai/gpt-4o-mini", "prompt": "Hello there", "max_tokens": 10]
            let answer = try await client.post("/completions", body)
            #expect(answer.json["choices"]?[0]?["text"]?.string != nil)
            #expect(answer.json["usage"]?["prompt_tokens"] == 3)
        }
    }
}
