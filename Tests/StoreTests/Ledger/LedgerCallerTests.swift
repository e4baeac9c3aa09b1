import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

/// Callers that are alone where they are, and whose work is done there.
@Suite struct LedgerCallerTests {
    private let time: @Sendable () -> Timestamp = { Timestamp(seconds: 1_767_268_800) }

    private func ask(_ base: Int64) -> BudgetAsk {
        BudgetAsk(base: USD(picodollars: base), perOutputToken: .zero, promptTokens: 3, wantedOutput: 1)
    }

    private func limits(calls: Int? = nil) -> BudgetLimits {
        var limits = BudgetLimits(total: USD(picodollars: 1_000_000))
        limits.calls = calls
        return limits
    }

    /// What one turn has seen: its answer, if that came before it went on.
    private func turn(
        _ caller: Turns, _ ledger: Ledger, _ scope: ScopeID, _ ask: BudgetAsk,
        then: @escaping @Sendable (LedgerGrant) -> Void = { _ in }
    ) -> Result<LedgerGrant, LedgerRefusal>? {
        let answer = Mutex<Result<LedgerGrant, LedgerRefusal>?>(nil)
        var seen: Result<LedgerGrant, LedgerRefusal>?
        caller.turn {
            ledger.reserve(ask, scope: scope, patience: .seconds(20), ticket: ledger.nextTicket(), on: caller) {
                result in
                answer.withLock { $0 = result }
                if case .success(let grant) = result { then(grant) }
            }
            // Before another turn can begin.
            seen = answer.withLock { $0 }
        }
        return seen
    }

    @Test func `one who is alone has its answer before it goes on, and its settlement when its turn is over`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            // No ebb: the cover stays.
            let ledger = try Ledger(path: directory + "/l.sqlite", ebb: .seconds(3600), now: time)
            let run = try await ledger.scope(named: "run", limits: limits())
            let caller = Turns()
            // The first has the disk answer for those that come.
            let first = try await caller.reserve(ask(100), of: ledger, scope: run, patience: .seconds(20))
            await caller.resolve(first.call, .settled(cost: USD(picodollars: 7), tokens: 1), in: ledger)
            var inPlace = 0
            for _ in 0..<20 {
                let standing = Mutex<LedgerStanding?>(nil)
                let granted = Mutex(false)
                let answer = turn(caller, ledger, run, ask(100)) { grant in
                    #expect(caller.isHere)
                    granted.withLock { $0 = true }
                    ledger.resolve(grant.call, .settled(cost: USD(picodollars: 7), tokens: 1), on: caller) { told in
                        #expect(caller.isHere)
                        standing.withLock { $0 = told }
                    }
                }
                if answer != nil { inPlace += 1 }
                #expect(await eventually { granted.withLock { $0 } })
                // Turns of its own are over by then.
                caller.turn {}
                #expect(await eventually { standing.withLock { $0 } != nil })
            }
            // Where the thread is at work by itself it is left to that.
            #expect(inPlace > 0)
            let scope = try await ledger.standing(of: run).scope
            #expect(scope.spent.total == USD(picodollars: 7 * 21))
            #expect(scope.reserved == .zero && scope.calls == 21)
            await ledger.close()
            #expect(turn(caller, ledger, run, ask(1)) == .failure(.unavailable("the ledger is closed")))
        }
    }

    @Test func `one beside others is answered in a later turn`() async throws {
        try await withTemporaryDirectory { directory in
            let ledger = try Ledger(path: directory + "/l.sqlite", now: time)
            let run = try await ledger.scope(named: "run", limits: limits())
            let caller = Turns(isAlone: false)
            for _ in 0..<5 {
                let grant = Mutex<LedgerGrant?>(nil)
                let answer = turn(caller, ledger, run, ask(10)) { given in
                    #expect(caller.isHere)
                    grant.withLock { $0 = given }
                }
                #expect(answer == nil)
                #expect(await eventually { grant.withLock { $0 } != nil })
            }
            await ledger.close()
        }
    }

    @Test(arguments: [nil, 1000])
    func `where a caller is the disk is never waited for`(calls: Int?) async throws {
        try await withTemporaryDirectory { directory in
            let caller = Turns()
            let syncs = Mutex((here: 0, elsewhere: 0))
            let ledger = try Ledger(
                path: directory + "/l.sqlite",
                sync: { _ in
                    syncs.withLock { if caller.isHere { $0.here += 1 } else { $0.elsewhere += 1 } }
                    return 0
                }, now: time)
            let run = try await ledger.scope(named: "run", limits: limits(calls: calls))
            let before = syncs.withLock { $0.elsewhere }
            for index in 0..<40 {
                // Each of more than the last cover, or uncovered altogether.
                let grant = try await caller.reserve(
                    ask(Int64(100 * (index + 1))), of: ledger, scope: run, patience: .seconds(20))
                await caller.resolve(grant.call, .settled(cost: .zero, tokens: 1), in: ledger)
            }
            syncs.withLock {
                #expect($0.here == 0)
                #expect($0.elsewhere >= before + (calls == nil ? 2 : 40))
            }
            await ledger.close()
        }
    }

    @Test func `where a caller is no other process is waited for`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/l.sqlite"
            let ledger = try Ledger(path: path, ebb: .seconds(3600), now: time)
            let run = try await ledger.scope(named: "run", limits: limits())
            let caller = Turns()
            _ = try await caller.reserve(ask(100), of: ledger, scope: run, patience: .seconds(20))
            let isOver = Mutex(false)
            let other = Task {
                defer { isOver.withLock { $0 = true } }
                // Holds the file for a second or more.
                try await LedgerReader(path: path).execute(
                    """
                    CREATE TEMP TABLE slow AS WITH RECURSIVE n(i) AS (
                        SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT max(i) FROM n
                    """)
            }
            var asked: Int64 = 0
            var wasHeldUp = false
            // Until one that was left to the thread is granted when the other has gone, and not before.
            while !wasHeldUp, !isOver.withLock({ $0 }) {
                asked += 1
                let granted = Mutex(false)
                let answer = turn(caller, ledger, run, ask(1)) { _ in granted.withLock { $0 = true } }
                let wasHeld = !isOver.withLock { $0 }
                #expect(await eventually { granted.withLock { $0 } })
                guard answer == nil, wasHeld else { continue }
                // The other says so a moment after its lock is free.
                wasHeldUp = await eventually(within: .milliseconds(500)) { isOver.withLock { $0 } }
            }
            try await other.value
            #expect(wasHeldUp, "a turn stood still until the other had gone")
            #expect(try await ledger.standing(of: run).scope.reserved == USD(picodollars: 100 + asked))
            await ledger.close()
        }
    }

    @Test func `one who has to wait is served by the thread, in its order`() async throws {
        try await withTemporaryDirectory { directory in
            let ledger = try Ledger(path: directory + "/l.sqlite", ebb: .seconds(3600), now: time)
            let run = try await ledger.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            let caller = Turns()
            let small = try await caller.reserve(ask(10), of: ledger, scope: run, patience: .seconds(20))
            let large = try await caller.reserve(ask(900), of: ledger, scope: run, patience: .seconds(20))
            let order = Mutex<[Int]>([])
            #expect(turn(caller, ledger, run, ask(800)) { _ in order.withLock { $0.append(1) } } == nil)
            #expect(await eventually { ledger.waitingCount == 1 })
            #expect(turn(caller, ledger, run, ask(150)) { _ in order.withLock { $0.append(2) } } == nil)
            #expect(await eventually { ledger.waitingCount == 2 })
            await caller.resolve(small.call, .released, in: ledger)
            #expect(order.withLock { $0.isEmpty })
            await caller.resolve(large.call, .released, in: ledger)
            #expect(await eventually { order.withLock { $0 } == [1, 2] })
            #expect(await eventually { ledger.waitingCount == 0 })
            await ledger.close()
        }
    }
}
