import PreflightCore
import Simulator
import Testing

@Suite struct DepartureTests {
    private static func leave(
        _ client: TestClient, _ server: SimulatorServer, orders: [String: String]
    ) async throws -> ContinuousClock.Instant {
        var orders = orders
        orders["tokens"] = "400"
        orders["pace-ms"] = "20"
        let sent = orders
        let call = Task {
            try await client.post("/chat/completions", TestClient.chatBody(maxTokens: 1000, stream: true), sent)
        }
        let before = server.departureCount
        // The stream has begun; a request that is left before it is read is no departure.
        #expect(try await eventually { !server.calls.isEmpty })
        try await Task.sleep(for: .milliseconds(100))
        let leftAt = ContinuousClock.now
        call.cancel()
        #expect(try await eventually { server.departureCount > before })
        return leftAt
    }

    @Test func `a client that leaves is noticed at once, and only what was produced is charged`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            let leftAt = try await Self.leave(client, server, orders: [:])
            let departure = try #require(server.departures.last)
            #expect(departure.noticedAt >= leftAt)
            // Far below the two seconds that the stream takes.
            #expect(departure.noticedAt - leftAt < .seconds(1))
            #expect(departure.isStreamed)
            #expect(server.cancelledStreamCount == 1)
            let charge = try #require(server.bill.charge(generationID: departure.generationID))
            #expect(charge.cancelled)
            #expect(charge.usage.completionTokens == departure.completionTokens)
            #expect((1..<400).contains(charge.usage.completionTokens))
            #expect(server.bill.cancelledCount == 1)
            let generation = try await client.get("/generation?id=\(departure.generationID)")
            #expect(generation.json["data"]?["cancelled"] == true)
            #expect(generation.json["data"]?["total_cost"]?.usd() == charge.cost)
            #expect(try await eventually { server.openConnectionCount == 0 })
        }
    }

    @Test(arguments: [true, false]) func `a provider that does not stop charges all of it`(byFault: Bool) async throws {
        let options = SimulatorOptions.prompt { if !byFault { $0.cancellation = .keepsGenerating } }
        try await SimulatorServer.withServer(options) { server, addresses in
            let orders = byFault ? ["fault": "keeps_generating"] : [:]
            _ = try await Self.leave(TestClient(addresses[0]), server, orders: orders)
            #expect(server.bill.charges.map(\.usage.completionTokens) == [400])
            #expect(server.bill.charges.allSatisfy { $0.cancelled })
        }
    }
}
