import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

@testable import Harness

@Suite(.timeLimit(.minutes(1))) struct LedgerEnvelopeTests {
    private static let now: @Sendable () -> Timestamp = { Timestamp(seconds: 1_800_000_000) }

    /// A run's part of an envelope of $1, through a connection of its own, as a process has one.
    private func run(_ name: String, _ path: String) async throws -> (Ledger, LedgerEnvelope, ScopeID) {
        let ledger = try Ledger(path: path, now: Self.now)
        let shared = try await ledger.scope(named: "envelope:night", limits: BudgetLimits(total: USD(cents: 100)))
        let scope = try await ledger.scope(named: name, parent: shared)
        let door = BudgetDoor(
            standing: {
                let scope = try await ledger.standing(of: shared).scope
                return .init(limit: scope.limits.money.total, committed: scope.committed + scope.reserved)
            }, set: { try await ledger.setTotal($0, of: shared) })
        return (ledger, LedgerEnvelope(ledger: ledger, scope: scope, door: door), shared)
    }

    /// What the trials of both runs hold and have spent, as they say themselves.
    private final class Tally: Sendable {
        private let state = Mutex((now: USD.zero, most: USD.zero, entered: 0))

        var entered: Int { state.withLock { $0.entered } }
        var most: USD { state.withLock { $0.most } }

        func enter(_ amount: USD) {
            state.withLock {
                $0.now += amount
                $0.entered += 1
                $0.most = max($0.most, $0.now)
            }
        }

        func leave(_ amount: USD, spent: USD) { state.withLock { $0.now += spent - amount } }
    }

    @Test func `two harnesses that race for one envelope never hold or spend more than its total`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let (first, a, shared) = try await run("a", path)
            let (second, b, _) = try await run("b", path)
            let tally = Tally()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<24 {
                    let envelope = number % 2 == 0 ? a : b
                    group.addTask {
                        let trial = "t\(number)"
                        guard await envelope.enter(USD(cents: 30), for: trial) else { return }
                        tally.enter(USD(cents: 30))
                        tally.leave(USD(cents: 30), spent: USD(cents: 5))
                        await envelope.leave(USD(cents: 30), spent: USD(cents: 5), for: trial)
                    }
                }
            }
            let standing = try await first.standing(of: shared).scope
            // Fifteen fit: after them less than thirty cents are left.
            #expect(tally.entered == 15)
            #expect(tally.most <= USD(cents: 100))
            #expect(standing.spent.total == USD(cents: 75) && standing.reserved == .zero && standing.held == .zero)
            await first.close()
            await second.close()
        }
    }

    @Test func `what a trial holds grows only into what is left, and shrinks for the others`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let (first, a, shared) = try await run("a", path)
            let (second, b, _) = try await run("b", path)
            #expect(await a.enter(USD(cents: 50), for: "t"))
            #expect(await b.enter(USD(cents: 30), for: "t"))
            #expect(await !a.resize(USD(cents: 50), to: USD(cents: 71), for: "t"))
            #expect(await a.resize(USD(cents: 50), to: USD(cents: 70), for: "t"))
            #expect(try await a.door.standing() == .init(limit: USD(cents: 100), committed: USD(cents: 100)))
            #expect(try await !b.door.set(USD(cents: 99)))
            #expect(await a.resize(USD(cents: 70), to: USD(cents: 10), for: "t"))
            #expect(await b.resize(USD(cents: 30), to: USD(cents: 90), for: "t"))
            await a.leave(USD(cents: 10), spent: USD(cents: 2), for: "t")
            await b.leave(USD(cents: 90), spent: USD(cents: 60), for: "t")
            #expect(try await second.standing(of: shared).scope.spent.total == USD(cents: 62))
            await first.close()
            await second.close()
        }
    }

    @Test func `the budgets of a process that died stay held`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let (second, b, shared) = try await run("b", path)
            do {
                let (first, a, _) = try await run("a", path)
                #expect(await a.enter(USD(cents: 80), for: "t"))
                // As a death leaves it: under way, and nobody to end it.
                await first.close()
            }
            #expect(try await second.standing(of: shared).scope.held == USD(cents: 80))
            #expect(await !b.enter(USD(cents: 30), for: "t"))
            #expect(await b.enter(USD(cents: 20), for: "t"))
            await second.close()
        }
    }

    @Test func `what a dead process held for a trial becomes what its key has spent`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let (first, a, shared) = try await run("a", path)
            #expect(await a.enter(USD(cents: 30), for: "llama"))
            #expect(await a.enter(USD(cents: 20), for: "gemini"))
            await first.close()
            try await LedgerEnvelope.settleLost(
                trial: "llama", of: "a", spent: USD(cents: 4), ledger: path, now: Self.now)
            let second = try Ledger(path: path, now: Self.now)
            let scope = try await second.standing(of: shared).scope
            #expect(scope.spent.total == USD(cents: 4))
            #expect(scope.held == USD(cents: 20))
            await second.close()
        }
    }
}
