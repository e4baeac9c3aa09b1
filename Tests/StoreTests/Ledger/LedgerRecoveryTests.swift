import PreflightCore
import Store
import TestSupport
import Testing

/// What a file holds after ends that nobody wished for, and how it gets there.
@Suite struct LedgerRecoveryTests {
    private let time: @Sendable () -> Timestamp = { Timestamp(seconds: 1_767_268_800) }

    private func ask(_ base: Int64) -> BudgetAsk {
        BudgetAsk(base: USD(picodollars: base), perOutputToken: .zero, promptTokens: 3, wantedOutput: 1)
    }

    @Test func `what a dead session has left is found, however many calls ended since`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            var first: Ledger? = try Ledger(path: path, now: time)
            let run = try await first?.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            let scope = try #require(run)
            let ask = ask(1)
            let old = try await first?.reserve(ask, scope: scope)
            try await withThrowingTaskGroup(of: Void.self) { [first] group in
                for _ in 0..<64 {
                    group.addTask {
                        for _ in 0..<130 {
                            guard let grant = try await first?.reserve(ask, scope: scope) else { return }
                            first?.resolve(grant.call, .released, on: nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let new = try await first?.reserve(ask, scope: scope)
            // Not closed: as after a crash, the system alone lets go of the lock.
            first = nil

            let second = try Ledger(path: path, now: time)
            let reader = try LedgerReader(path: path)
            let expected = [old, new].compactMap { $0?.call }
            #expect(expected.count == 2)
            let found = try await eventually {
                _ = try await second.recover()
                return try await reader.heldCalls().map(\.id) == expected
            }
            #expect(found)
            #expect(try await reader.calls().count == 64 * 130 + 2)
            #expect(try await second.standing(of: scope).scope.held == USD(picodollars: 2))
            await second.close()
        }
    }

    @Test func `a file of the layout before is opened, and calls that were under way in it are held`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let first = try Ledger(path: path, now: time)
            let run = try await first.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            await first.close()
            try await LedgerReader(path: path).execute(
                """
                DROP INDEX call_held;
                CREATE INDEX call_open ON call(state) WHERE state IN (0, 3);
                ALTER TABLE session DROP COLUMN first_open;
                DELETE FROM grdb_migrations WHERE identifier = '3';
                INSERT INTO session (lock, started_us) VALUES ('\(directory)/gone.lock', 1);
                INSERT INTO call (scope, session, state, amount, worst, tokens, created_us)
                    VALUES (\(run.row), last_insert_rowid(), 0, 70, 80, 9, 1);
                UPDATE scope SET reserved = 70, reserved_tokens = 9, open_calls = 1 WHERE id = \(run.row);
                """)
            let second = try Ledger(path: path, now: time)
            let standing = try await second.standing(of: run).scope
            #expect(standing.held == USD(picodollars: 80))
            #expect(standing.reserved == .zero)
            #expect(try await LedgerReader(path: path).heldCalls().count == 1)
            let grant = try await second.reserve(ask(920), scope: run)
            await second.resolve(grant.call, .settled(cost: USD(picodollars: 1), tokens: 1))
            await second.close()
        }
    }

    @Test func `what is asked of one call in one transaction is all kept`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let ledger = try Ledger(path: path, now: time)
            let run = try await ledger.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            let ask = BudgetAsk(base: USD(picodollars: 10), perOutputToken: USD(picodollars: 1), wantedOutput: 90)
            let calls = try await withThrowingTaskGroup(of: LedgerGrant.self) { group in
                for _ in 0..<9 { group.addTask { try await ledger.reserve(ask, scope: run, model: "a/b") } }
                return try await group.reduce(into: []) { $0.append($1.call) }
            }
            for (index, call) in calls.enumerated() {
                ledger.shrink(call, to: USD(picodollars: 60), tokens: 50)
                if index < 8 { ledger.note(call, generation: "gen-\(index)") }
                let cost = USD(picodollars: 7)
                ledger.resolve(call, index % 2 == 0 ? .held(nil) : .settled(cost: cost, tokens: 3), on: nil)
                if index == 8 { ledger.note(call, generation: "gen-8") }
            }
            // Runs in a transaction that comes after all of these, or with them.
            #expect(try await ledger.standing(of: run).scope.held == USD(picodollars: 300))
            let rows = try await LedgerReader(path: path).calls()
            #expect(rows.map(\.model) == Array(repeating: "a/b", count: 9))
            for (index, call) in calls.enumerated() {
                let row = try #require(rows.first { $0.id == call })
                #expect(row.generation == "gen-\(index)")
                #expect(row.state == (index % 2 == 0 ? .held : .settled))
                #expect(row.amount == USD(picodollars: 60))
                #expect(row.cost == (index % 2 == 0 ? nil : USD(picodollars: 7)))
            }
            await ledger.close()
        }
    }
}
