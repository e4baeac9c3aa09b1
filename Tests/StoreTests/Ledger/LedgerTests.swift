import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

@Suite struct LedgerTests {
    private final class Time: Sendable {
        private let value = Mutex(Timestamp(seconds: 1_767_268_800))
        var now: Timestamp { value.withLock { $0 } }
        func advance(_ duration: Duration) { value.withLock { $0 = $0 + duration } }
    }

    private final class Order: Sendable {
        private let numbers = Mutex<[Int]>([])
        var all: [Int] { numbers.withLock { $0 } }
        func append(_ number: Int) { numbers.withLock { $0.append(number) } }
    }

    private func withLedger(
        _ limit: Int64, _ body: (Ledger, ScopeID, Time, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let time = Time()
            let path = directory + "/preflight.sqlite"
            let ledger = try Ledger(path: path, now: { time.now })
            let scope = try await ledger.scope(
                named: "run", limits: BudgetLimits(total: USD(picodollars: limit)))
            try await body(ledger, scope, time, path)
            await ledger.close()
        }
    }

    private func ask(_ base: Int64, output: Int = 1) -> BudgetAsk {
        BudgetAsk(base: USD(picodollars: base), perOutputToken: .zero, promptTokens: 3, wantedOutput: output)
    }

    @Test func `reservations, settlements and what is held add up in every scope of the chain`() async throws {
        try await withLedger(1000) { ledger, run, _, _ in
            let trial = try await ledger.scope(
                named: "run/a", parent: run, limits: BudgetLimits(total: USD(picodollars: 600)))
            let first = try await ledger.reserve(ask(300), scope: trial)
            let second = try await ledger.reserve(ask(300), scope: trial)
            #expect(first.grant.headroom == USD(picodollars: 300))
            let standing = await ledger.resolve(first.call, .settled(cost: USD(picodollars: 120), tokens: 9))
            #expect(standing?.headroom == USD(picodollars: 180))
            #expect(standing?.scope.spent.total == USD(picodollars: 120))
            await ledger.resolve(second.call, .held(nil))
            let whole = try await ledger.standing(of: run)
            #expect(whole.scope.held == USD(picodollars: 300))
            #expect(whole.scope.spent.total == USD(picodollars: 120))
            #expect(whole.scope.reserved == .zero)
            #expect(whole.headroom == USD(picodollars: 580))
            #expect(whole.scope.calls == 2)
        }
    }

    @Test func `what a running call gives back is free at once, and its worst case is that much less`() async throws {
        try await withLedger(1000) { ledger, run, _, path in
            _ = try await ledger.setLimits(
                BudgetLimits(total: USD(picodollars: 1000), hold: .adaptive), of: run)
            let ask = BudgetAsk(
                base: USD(picodollars: 500), perOutputToken: USD(picodollars: 1), promptTokens: 50, wantedOutput: 400,
                expectedOutput: 100)
            let call = try await ledger.reserve(ask, scope: run).call
            // An extension that is asked for before it is not lost by it.
            let granted = await withCheckedContinuation { continuation in
                ledger.extend(call, output: 20, on: nil) { continuation.resume(returning: $0) }
                ledger.giveBack(call, USD(picodollars: 300), tokens: 30)
            }
            #expect(granted == 20)
            let standing = try await ledger.standing(of: run)
            #expect(standing.scope.reserved == USD(picodollars: 320))
            #expect(standing.scope.reservedTokens == 140)
            #expect(standing.headroom == USD(picodollars: 680))
            // It was allowed 400 tokens.
            await ledger.resolve(call, .held(nil))
            #expect(try await ledger.standing(of: run).scope.held == USD(picodollars: 600))
            #expect(try await LedgerReader(path: path).heldCalls().map(\.call.amount) == [USD(picodollars: 600)])
        }
    }

    @Test func `a call waits for headroom, and is served in the order it came`() async throws {
        try await withLedger(1000) { ledger, run, _, _ in
            let first = try await ledger.reserve(ask(900), scope: run)
            let order = Order()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<5 {
                    // The second is small and could go at once; it must not overtake.
                    let ask = ask(index == 1 ? 50 : 800)
                    group.addTask {
                        let grant = try await ledger.reserve(ask, scope: run)
                        order.append(index)
                        await ledger.resolve(grant.call, .settled(cost: USD(picodollars: 1), tokens: 1))
                    }
                    #expect(await eventually { ledger.waitingCount == index + 1 })
                }
                #expect(order.all.isEmpty)
                await ledger.resolve(first.call, .released)
                try await group.waitForAll()
            }
            #expect(order.all.first == 0)
            #expect(Set(order.all) == [0, 1, 2, 3, 4])
            #expect(try await ledger.standing(of: run).scope.spent.total == USD(picodollars: 5))
        }
    }

    @Test func `who has waited too long takes what is there, or is told that others hold it`() async throws {
        try await withLedger(1000) { ledger, run, _, _ in
            let long = BudgetAsk(base: USD(picodollars: 100), perOutputToken: USD(picodollars: 10), wantedOutput: 80)
            _ = try await ledger.reserve(ask(700), scope: run)
            let grant = try await ledger.reserve(long, scope: run, patience: .milliseconds(120))
            #expect(grant.grant.output == 20)
            await #expect(throws: LedgerRefusal.busy(scope: "run")) {
                try await ledger.reserve(long, scope: run, patience: .milliseconds(120))
            }
        }
    }

    @Test func `a cancelled caller leaves the line and takes nothing`() async throws {
        try await withLedger(1000) { ledger, run, _, _ in
            let first = try await ledger.reserve(ask(900), scope: run)
            let ask = ask(800)
            let waiter = Task { try await ledger.reserve(ask, scope: run) }
            #expect(await eventually { ledger.waitingCount == 1 })
            waiter.cancel()
            await #expect(throws: LedgerRefusal.cancelled) { try await waiter.value }
            await ledger.resolve(first.call, .released)
            #expect(try await ledger.standing(of: run).scope.reserved == .zero)
        }
    }

    @Test func `calls that a closed ledger leaves behind are held, and can be reconciled once`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let time = Time()
            let first = try Ledger(path: path, now: { time.now })
            let run = try await first.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            let call = try await first.reserve(ask(400), scope: run, model: "a/b")
            first.note(call.call, generation: "gen-1")
            await first.close()
            await #expect(throws: (any Error).self) { try await first.reserve(ask(1), scope: run) }

            let second = try Ledger(path: path, now: { time.now })
            #expect(try await second.standing(of: run).scope.held == USD(picodollars: 400))
            let held = try await LedgerReader(path: path).heldCalls()
            #expect(held.map(\.generation) == ["gen-1"])
            let one = try #require(held.first)
            #expect(one.scopeName == "run")
            #expect(try await second.reconcile(one.call, cost: USD(picodollars: 70), tokens: 12))
            #expect(try await !second.reconcile(one.call, cost: USD(picodollars: 70), tokens: 12))
            let standing = try await second.standing(of: run)
            #expect(standing.scope.held == .zero)
            #expect(standing.scope.spent.total == USD(picodollars: 70))
            await second.close()
        }
    }

    @Test func `limits changed by another process bind the next call, and free those who wait`() async throws {
        try await withLedger(1000) { ledger, run, time, path in
            _ = try await ledger.reserve(ask(900), scope: run)
            let ask = ask(800)
            let waiter = Task { try await ledger.reserve(ask, scope: run, patience: .seconds(20)) }
            #expect(await eventually { ledger.waitingCount == 1 })
            let other = try Ledger(path: path, now: { time.now })
            _ = try await other.setLimits(BudgetLimits(total: USD(picodollars: 2000)), of: run)
            #expect(try await waiter.value.grant.headroom == USD(picodollars: 300))
            _ = try await other.setClosed(true, scope: run)
            await #expect(throws: LedgerRefusal.short(BudgetShortage(scope: "run", kind: .closed))) {
                try await ledger.reserve(self.ask(1), scope: run)
            }
            await other.close()
        }
    }

    @Test func `a scope that could not be made leaves nothing to the next one of its number`() async throws {
        try await withLedger(1000) { ledger, _, _, path in
            let acme = try await ledger.define("acme", BudgetChange()).id
            let vandal = try LedgerReader(path: path)
            try await vandal.execute(
                """
                CREATE TRIGGER refuse BEFORE UPDATE ON scope WHEN NEW.name = 'x'
                BEGIN SELECT RAISE(ABORT, 'no'); END
                """)
            await #expect(throws: PreflightError.self) { try await ledger.define("x", BudgetChange()) }
            try await vandal.execute("DROP TRIGGER refuse")
            let inner = try await ledger.define("acme/ci", BudgetChange()).id
            let grant = try await ledger.reserve(ask(300), scope: inner)
            await ledger.resolve(grant.call, .settled(cost: USD(picodollars: 300), tokens: 1))
            #expect(try await ledger.standing(of: inner).scope.name == "acme/ci")
            #expect(try await ledger.standing(of: acme).scope.spent.total == USD(picodollars: 300))
            let kept = try await LedgerReader(path: path).scopes().map { "\($0.scope.name) \($0.scope.spent.total)" }
            #expect(kept.contains("acme \(USD(picodollars: 300))"), "\(kept)")
        }
    }

    @Test func `a ledger that cannot be written grants nothing, and loses no settlement`() async throws {
        try await withLedger(1000) { ledger, run, _, path in
            let call = try await ledger.reserve(ask(400), scope: run)
            let vandal = try LedgerReader(path: path)
            try await vandal.execute("ALTER TABLE call RENAME TO call_away")
            ledger.resolve(call.call, .settled(cost: USD(picodollars: 100), tokens: 1), on: nil)
            do {
                _ = try await ledger.reserve(ask(10), scope: run)
                Issue.record("granted without a file")
            } catch let refusal as LedgerRefusal {
                guard case .unavailable = refusal else { throw refusal }
            }
            try await vandal.execute("ALTER TABLE call_away RENAME TO call")
            let settled = try await eventually {
                try await ledger.standing(of: run).scope.spent.total == USD(picodollars: 100)
            }
            #expect(settled)
            #expect(try await ledger.standing(of: run).headroom == USD(picodollars: 900))
        }
    }
}
