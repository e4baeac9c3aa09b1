import Gateway
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

@Suite struct LapseTests {
    private final class Lease: Sendable {
        let isHeld = Atomic(true)
    }

    @Test func `a listener whose owner may not spend refuses calls for a while, and reserves nothing`() async throws {
        try await withGateway { bench in
            let lease = Lease()
            let listener = try await bench.gateway.listen(
                Listener(name: "leased") { lease.isHeld.load(ordering: .acquiring) }, host: "127.0.0.1", port: 0)
            let caller = TestCaller(port: listener.port, key: bench.key)
            #expect(try await caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            lease.isHeld.store(false, ordering: .releasing)
            let calls = try await bench.settled().scope.calls
            let refused = try await caller.send("POST", "/v1/chat/completions", chat())
            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] == "5")
            // Looking costs nothing.
            #expect(try await caller.send("GET", "/api/v1/key").status == 200)
            lease.isHeld.store(true, ordering: .releasing)
            #expect(try await caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            #expect(try await bench.settled().scope.calls == calls + 1)
        }
    }
}
