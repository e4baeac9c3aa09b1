import PreflightCore
import Simulator
import Testing

@Suite("Faults") struct FaultTests {
    @Test("a status is answered as often as asked, after those let through")
    func status() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            server.addFault(Fault(.status, path: "/chat", count: 2, skip: 1, status: 429, retryAfter: 7))
            var statuses: [Int] = []
            for _ in 0..<4 {
                let answer = try await client.chat()
                statuses.append(answer.status)
                if answer.status == 429 { #expect(answer.headers["retry-after"] == "7") }
            }
            #expect(statuses == [200, 429, 429, 200])
            #expect(server.calls.map(\.fault) == [nil, "status", "status", nil])
            let hash = try #require(server.keys.first { $0.secret.reveal() == server.options.ordinaryKey }?.hash)
            #expect(server.calls.allSatisfy { $0.keyHash == hash } && server.faults(keyHash: hash) == 2)
            #expect(server.faults(keyHash: "none") == 0)
        }
    }

    @Test("paths match by prefix or pattern, and methods if given")
    func matching() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient.management(addresses[0])
            server.addFault(Fault(.status, path: "/api/v1/models/*/endpoints", count: nil, status: 503))
            let deletion = server.addFault(Fault(.status, path: "/keys", method: "DELETE", count: nil, status: 500))
            let hit = try await client.get("/models/openai/gpt-4o-mini/endpoints")
            #expect(hit.status == 503)
            #expect(try await client.get("/models/count").status == 200)
            #expect(try await client.get("/keys").status == 200)
            #expect(try await client.send("DELETE", "/keys/x").status == 500)
            server.removeFaults([deletion])
            #expect(try await client.send("DELETE", "/keys/x").status == 404)
            #expect(try await client.get("/models/openai/gpt-4o-mini/endpoints").status == 503)
            server.removeFaults()
            #expect(try await client.get("/models/openai/gpt-4o-mini/endpoints").status == 200)
        }
    }

    @Test(
        "answers that are no answers",
        arguments: [
            (Fault.Kind.malformed, 200, "application/json"), (.empty, 200, "application/json"),
            (.html, 502, "text/html; charset=UTF-8"),
        ])
    func spoilt(kind: Fault.Kind, status: Int, type: String) async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            server.addFault(Fault(kind, path: "*"))
            let answer = try await TestClient(addresses[0]).chat()
            #expect(answer.status == status)
            #expect(answer.headers["content-type"] == type)
            #expect(answer.json == .null)
            #expect(answer.body.isEmpty == (kind == .empty))
            #expect(server.bill.count == 0)
        }
    }

    @Test(
        "a dropped connection is an error, and the call may have been charged all the same", arguments: [true, false])
    func dropped(isCarriedOut: Bool) async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            server.addFault(Fault(.drop, path: "/chat", isCarriedOut: isCarriedOut))
            await #expect(throws: (any Error).self) { try await TestClient(addresses[0]).chat(stream: true) }
            #expect(server.bill.count == (isCarriedOut ? 1 : 0))
        }
    }

    @Test("a delayed answer comes when its time has come")
    func delayed() async throws {
        let time = ManualTime()
        try await SimulatorServer.withServer(.prompt(), now: time.timestamp, clock: time) { server, addresses in
            let client = TestClient(addresses[0])
            server.addFault(Fault(.delay, path: "/key", delay: .seconds(30)))
            async let answer = client.get("/key")
            let isWaiting = try await eventually { time.sleeperCount == 1 }
            #expect(isWaiting)
            time.advance(by: .seconds(30))
            #expect(try await answer.status == 200)
        }
    }

    @Test("a stream can stop in the middle; all of it is charged")
    func truncatedStream() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            server.addFault(Fault(.truncatedStream, path: "/chat", count: 2))
            await #expect(throws: (any Error).self) { try await client.chat(stream: true) }
            await #expect(throws: (any Error).self) { try await client.chat() }
            #expect(server.bill.count == 2)
            #expect(server.bill.charges.allSatisfy { !$0.cancelled && $0.cost > .zero })
        }
    }

    @Test("an answer can leave out its usage", arguments: [true, false])
    func missingUsage(stream: Bool) async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            server.addFault(Fault(.missingUsage, path: "/chat"))
            let answer = try await TestClient(addresses[0]).chat(stream: stream)
            #expect(answer.status == 200)
            #expect(!answer.text.contains(#""usage""#))
            #expect(server.bill.total > .zero)
        }
    }

    @Test("the control plane takes faults, credits and scenarios, and shows the books")
    func controlPlane() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0], key: nil)
            let added = try await client.post(
                "/_simulator/faults",
                ["path": "/models", "kind": "status", "status": 500, "count": "forever", "body": ["oops": true]])
            #expect(added.status == 201)
            let failed = try await client.get("/models")
            #expect(failed.status == 500)
            #expect(failed.json == ["oops": true])
            #expect(try await client.send("DELETE", "/_simulator/faults").status == 200)
            let wrong = try await client.post("/_simulator/faults", ["path": "/x", "kind": "stats"])
            #expect(wrong.status == 400)
            #expect(wrong.message?.contains("did you mean 'status'?") == true)

            #expect(try await client.post("/_simulator/credits", ["total_credits": 5]).status == 200)
            #expect(try await client.post("/_simulator/scenario", ["name": "fates"]).status == 200)
            _ = try await client.with(key: SimulatorOptions.defaultOrdinaryKey).chat()
            let state = try await client.get("/_simulator/state")
            #expect(state.json["total_credits"] == 5)
            #expect(state.json["scenario"] == "fates")
            #expect(state.json["keys"]?.array?.count == 2)
            #expect(!state.text.contains(SimulatorOptions.defaultOrdinaryKey))
            let bill = try await client.get("/_simulator/bill")
            #expect(bill.json["total"]?.usd() == server.bill.total)
            #expect(bill.json["charges"]?[0]?["model"] == "meta-llama/llama-3.3-70b-instruct")
        }
    }
}
