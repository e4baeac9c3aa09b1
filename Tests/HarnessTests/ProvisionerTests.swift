import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ProvisionerTests {
    private let expiry = Timestamp(seconds: 4_000_000_000)

    private func create(_ bench: Bench, _ trial: String = "a") async throws -> ProvisionedKey {
        try await bench.provisioner.create(run: "run-x", trial: trial, limit: USD(cents: 1), expiresAt: expiry)
    }

    @Test func `a key is journaled before and after it is made, and gone after it is deleted`() async throws {
        try await withBench { bench in
            let key = try await create(bench)
            let entry = try #require(try await bench.journal.resourcesLeft().first)
            #expect(entry.state == .made && entry.handle == key.hash && entry.until == expiry)
            #expect(try await bench.subKeys() == ["preflight:run-x:a"])
            try await bench.provisioner.delete(key)
            let left = try await bench.journal.resourcesLeft()
            #expect(left.isEmpty)
            #expect(try await bench.subKeys().isEmpty)
        }
    }

    /// The key was made, but nobody heard: the text of such a key is lost, so it must go before another is made.
    @Test(arguments: [Fault.Kind.status, .malformed, .html, .empty, .drop])
    func `an answer that is lost leaves one key at the most, and no useless one`(kind: Fault.Kind) async throws {
        try await withBench { bench in
            bench.server.addFault(
                Fault(kind, path: "/keys", method: "POST", count: 1, status: 500, isCarriedOut: true))
            let key = try await create(bench)
            let keys = try await bench.management.subKeys().filter { $0.name == key.name }
            #expect(keys.map(\.hash) == [key.hash])
        }
    }

    @Test func `when the answer is always lost, no key is left, and the intent is kept for a sweep`() async throws {
        try await withBench { bench in
            bench.server.addFault(
                Fault(.status, path: "/keys", method: "POST", count: nil, status: 500, isCarriedOut: true))
            await #expect(throws: OpenRouterError.self) { try await create(bench) }
            let keys = try await bench.subKeys()
            #expect(keys.isEmpty)
            // One that turns up late is found by its name.
            #expect(try await bench.journal.resourcesLeft().map(\.state) == [.intended])
            bench.server.removeFaults()
            _ = try await bench.management.createSubKey(
                name: "preflight:run-x:a", limit: USD(cents: 1), expiresAt: expiry)
            let swept = await bench.sweeper(of: "run-x").sweep(force: false)
            #expect(swept.removed.contains { $0.name == "preflight:run-x:a" })
            #expect(try await bench.journal.resourcesLeft().isEmpty)
        }
    }

    @Test func `keys of a run of the same name in another directory are not touched`() async throws {
        try await withBench { bench in
            try await withTemporaryDirectory { directory in
                let other = Workshop(
                    docker: bench.docker, management: bench.management,
                    journal: try Journal(path: directory + "/preflight.sqlite"), world: bench.world)
                let living = try await other.provisioner.create(
                    run: "run-x", trial: "a", limit: USD(cents: 1), expiresAt: expiry + .seconds(7))
                bench.server.addFault(
                    Fault(.status, path: "/keys", method: "POST", count: 1, status: 502, isCarriedOut: true))
                let own = try await create(bench)
                let hashes = try await bench.management.subKeys().filter { $0.name == own.name }.map(\.hash)
                #expect(Set(hashes) == [living.hash, own.hash])
                // What a crash left of an intent is not the other's key either.
                try await bench.provisioner.delete(own)
                _ = try await bench.journal.intend(
                    .subkey, name: own.name, run: "run-x", trial: "a", until: expiry, at: bench.world.now())
                let swept = await bench.sweeper(of: "run-x").sweep(force: false)
                #expect(!swept.removed.contains { $0.kind == .subkey } && swept.failed.isEmpty)
                #expect(try await bench.management.subKey(hash: living.hash).isDisabled == false)
            }
        }
    }

    @Test func `a key that cannot be deleted stays in the journal`() async throws {
        try await withBench { bench in
            let key = try await create(bench)
            bench.server.addFault(Fault(.status, path: "/keys/*", method: "DELETE", count: nil, status: 500))
            await #expect(throws: OpenRouterError.self) { try await bench.provisioner.delete(key) }
            let left = try await bench.journal.resourcesLeft()
            #expect(left.map(\.handle) == [key.hash])
        }
    }

    @Test func `a key that is disabled is refused at once`() async throws {
        try await withBench { bench in
            let key = try await create(bench)
            let isDisabled = await bench.provisioner.disable(key, within: .seconds(5))
            #expect(isDisabled)
            await #expect(throws: OpenRouterError.self) { try await bench.management.with(key: key.key).keyInfo() }
        }
    }

    @Test func `disabling waits no longer than it may`() async throws {
        try await withBench { bench in
            let key = try await create(bench)
            bench.server.addFault(Fault(.hang, path: "/keys/*", method: "PATCH", count: nil))
            // The server never answers: that this returns at all is what is shown.
            let isDisabled = await bench.provisioner.disable(key, within: .milliseconds(300))
            #expect(!isDisabled)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct EnvelopeTests {
    @Test func `what a trial did not spend makes room for the next, in order`() async {
        let envelope = Envelope(total: USD(cents: 10))
        #expect(await envelope.enter(USD(cents: 6)))
        async let second = envelope.enter(USD(cents: 6))
        async let third = envelope.enter(USD(cents: 1))
        await envelope.leave(USD(cents: 6), spent: USD(cents: 3))
        #expect(await second)
        #expect(await third)
        async let fourth = envelope.enter(USD(cents: 5))
        await envelope.leave(USD(cents: 6), spent: USD(cents: 6))
        await envelope.leave(USD(cents: 1), spent: .zero)
        #expect(await !fourth)
    }

    @Test func `a waiting trial that is cancelled leaves the queue`() async {
        let envelope = Envelope(total: USD(cents: 10))
        #expect(await envelope.enter(USD(cents: 10)))
        let waiting = Task { await envelope.enter(USD(cents: 5)) }
        waiting.cancel()
        #expect(await !waiting.value)
        await envelope.leave(USD(cents: 10), spent: .zero)
        #expect(await envelope.enter(USD(cents: 10)))
    }

    @Test func `without a total everybody enters`() async {
        #expect(await Envelope(total: nil).enter(.max))
    }
}
