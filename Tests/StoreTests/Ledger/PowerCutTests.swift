import Foundation
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

/// What is left when the whole machine stops: only what had been brought to the disk.
@Suite struct PowerCutTests {
    private let time: @Sendable () -> Timestamp = { Timestamp(seconds: 1_767_268_800) }

    private func ask(_ base: Int64) -> BudgetAsk {
        BudgetAsk(base: USD(picodollars: base), perOutputToken: .zero, promptTokens: 3, wantedOutput: 1)
    }

    /// A disk that keeps what was brought to it last, and how often that was.
    private final class Platter: Sendable {
        private struct State {
            var database = Data()
            var log = Data()
            var writes = 0
            var code: CInt = 0
        }
        private let state = Mutex(State())
        private let path: String

        init(path: String) { self.path = path }

        var writes: Int { state.withLock { $0.writes } }

        func fail(_ code: CInt) { state.withLock { $0.code = code } }

        func sync(_: CInt) -> CInt {
            state.withLock { state in
                guard state.code == 0 else { return state.code }
                // A checkpoint that ends in between would leave a pair that never stood on a disk together.
                repeat {
                    state.log = read("-wal")
                    state.database = read("")
                } while state.log.prefix(32) != read("-wal").prefix(32)
                state.writes += 1
                return 0
            }
        }

        private func read(_ ending: String) -> Data {
            FileManager.default.contents(atPath: path + ending) ?? Data()
        }

        /// What a machine finds after the cut, and what `meanwhile` says of the moment, in which nothing reaches the
        /// disk.
        func cut<T>(to path: String, meanwhile: () -> T) async throws -> T {
            let known = try state.withLock { state in
                try state.database.write(to: URL(fileURLWithPath: path))
                try state.log.write(to: URL(fileURLWithPath: path + "-wal"))
                return meanwhile()
            }
            // The process that this test is lives on.
            try await LedgerReader(path: path).execute("UPDATE session SET lock = 'nobody-\(path)'")
            return known
        }
    }

    /// A ledger on such a disk, with one scope, and a place for what a cut leaves of it.
    private struct Bench: Sendable {
        let path: String
        let platter: Platter
        let ledger: Ledger
        let run: ScopeID
        var copy: String { path + ".cut" }
    }

    /// - Parameter ebb: by default nothing is rested from while the test runs.
    private func withBench(
        _ limits: BudgetLimits = BudgetLimits(total: USD(picodollars: 1000)), ebb: Duration = .seconds(3600),
        _ body: (Bench) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            let platter = Platter(path: path)
            let ledger = try Ledger(path: path, boot: "before", ebb: ebb, sync: { platter.sync($0) }, now: time)
            let run = try await ledger.scope(named: "run", limits: limits)
            try await body(Bench(path: path, platter: platter, ledger: ledger, run: run))
            await ledger.close()
        }
    }

    /// What callers know: what each call under way may cost, and what ended ones did. Never ahead of the ledger.
    private final class Truth: Sendable {
        private let sums = Mutex<[ScopeID: USD]>([:])
        func add(_ amount: USD, to scope: ScopeID) { sums.withLock { $0[scope, default: .zero] += amount } }
        var all: [ScopeID: USD] { sums.withLock { $0 } }
        private let count = Mutex(0)
        /// Calls that were granted.
        var granted: Int { count.withLock { $0 } }
        func grant(_ worst: USD, in scope: ScopeID) {
            add(worst, to: scope)
            count.withLock { $0 += 1 }
        }
    }

    @Test(arguments: [1, 2, 3])
    func `after a power cut at any moment the ledger has no more to give than there is`(seed: UInt64) async throws {
        try await withBench(BudgetLimits(total: USD(picodollars: 40_000))) { bench in
            let (ledger, run, platter) = (bench.ledger, bench.run, bench.platter)
            var scopes: [ScopeID] = []
            for name in ["run/a", "run/b", "run/c"] {
                scopes.append(
                    try await ledger.scope(
                        named: name, parent: run, limits: BudgetLimits(total: USD(picodollars: 20_000))))
            }
            let truth = Truth()
            let cuts = try await withThrowingTaskGroup(of: Int.self) { [scopes] group in
                for caller in 0..<12 {
                    group.addTask {
                        var random = SeededRandom(seed: seed &* 100 &+ UInt64(caller))
                        let scope = scopes[caller % scopes.count]
                        for _ in 0..<60 {
                            let worst = Int64.random(in: 20...90, using: &random)
                            let grant = try await ledger.reserve(ask(worst), scope: scope)
                            truth.grant(USD(picodollars: worst), in: scope)
                            switch Int.random(in: 0..<10, using: &random) {
                            case 0: await ledger.resolve(grant.call, .held(nil))
                            case 1:
                                truth.add(USD(picodollars: -worst), to: scope)
                                ledger.resolve(grant.call, .released, on: nil)
                            case 2:
                                // More than was reserved.
                                let cost = USD(picodollars: worst + 7)
                                ledger.resolve(grant.call, .settled(cost: cost, tokens: 3), on: nil) { _ in
                                    truth.add(USD(picodollars: 7), to: scope)
                                }
                            default:
                                let cost = Int64.random(in: 0...worst, using: &random)
                                truth.add(USD(picodollars: cost - worst), to: scope)
                                ledger.resolve(
                                    grant.call, .settled(cost: USD(picodollars: cost), tokens: 3), on: nil)
                            }
                        }
                        return 0
                    }
                }
                group.addTask {
                    for cut in 0..<8 {
                        guard await eventually({ truth.granted >= cut * 80 }) else { return cut }
                        let copy = "\(bench.copy)-\(cut)"
                        let known = try await platter.cut(to: copy) { truth.all }
                        let after = try Ledger(path: copy, boot: "after", now: time)
                        var whole = USD.zero
                        for scope in scopes {
                            let standing = try await after.standing(of: scope).scope
                            #expect(standing.committed >= known[scope] ?? .zero)
                            #expect(standing.reserved == .zero)
                            whole += standing.committed
                        }
                        #expect(try await after.standing(of: run).scope.committed == whole)
                        await after.close()
                    }
                    return 8
                }
                return try await group.reduce(0, +)
            }
            #expect(cuts == 8)
            // Most calls waited for no disk.
            #expect(platter.writes < truth.granted * 3 / 4)
        }
    }

    @Test func `a process that dies loses no call and leaves no cover behind`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            var first: Ledger? = try Ledger(path: path, boot: "same", now: time)
            let made = try await first?.scope(named: "run", limits: BudgetLimits(total: USD(picodollars: 1000)))
            let run = try #require(made)
            for _ in 0..<5 { _ = try await first?.reserve(ask(10), scope: run) }
            first = nil
            let second = try Ledger(path: path, boot: "same", now: time)
            let found = try await eventually {
                _ = try await second.recover()
                return try await second.standing(of: run).scope.held == USD(picodollars: 50)
            }
            #expect(found)
            #expect(try await LedgerReader(path: path).heldCalls().count == 5)
            await second.close()
        }
    }

    @Test func `what a power cut took is held as one call, which its owner can settle`() async throws {
        try await withBench { bench in
            let run = bench.run
            // Waits for the disk, and tells it of as much again.
            let known = try await bench.ledger.reserve(ask(40), scope: run)
            try await bench.platter.cut(to: bench.copy) {}

            let after = try Ledger(path: bench.copy, boot: "after", now: time)
            let held = try await LedgerReader(path: bench.copy).heldCalls()
            #expect(held.map(\.amount) == [USD(picodollars: 40), USD(picodollars: 80)])
            #expect(held.first?.id == known.call)
            let unknown = try #require(held.last)
            #expect(unknown.isOfPowerCut)
            #expect(try await after.reconcile(unknown.call, cost: .zero))
            #expect(try await after.standing(of: run).scope.held == USD(picodollars: 40))
            await after.close()
        }
    }

    @Test func `who only reads counts what a power cut took as held, and writes nothing`() async throws {
        try await withBench { bench in
            let trial = try await bench.ledger.scope(named: "run/a", parent: bench.run)
            _ = try await bench.ledger.reserve(ask(40), scope: trial)
            try await bench.platter.cut(to: bench.copy) {}

            let same = try LedgerReader(path: bench.copy, boot: "before")
            #expect(try await same.lostCovers().isEmpty, "no power cut: the file has everything")
            let reader = try LedgerReader(path: bench.copy, boot: "after")
            let lost = try await reader.lostCovers()
            #expect(lost.map(\.scopeName) == ["run/a"] && lost.map(\.amount) == [USD(picodollars: 80)])
            let account = try #require(try await reader.accounts(below: "run")["run/a"])
            #expect(account.most == USD(picodollars: 120) && account.uncertainCalls == 2)
            func held() async throws -> [String: USD] {
                Dictionary(
                    uniqueKeysWithValues: try await reader.scopes().map { ($0.scope.name, $0.scope.committed) })
            }
            let read = try await held()
            #expect(read == ["run": USD(picodollars: 80), "run/a": USD(picodollars: 80)])
            #expect(try await reader.heldCalls().isEmpty, "nothing was written")

            // Whoever writes holds the same, and then it is not counted twice.
            let after = try Ledger(path: bench.copy, boot: "after", now: time)
            #expect(try await reader.lostCovers().isEmpty)
            #expect(try await held() == read.mapValues { $0 + USD(picodollars: 40) }, "with the call under way")
            #expect(try await reader.accounts(below: "run")["run/a"]?.most == account.most)
            await after.close()
        }
    }

    @Test func `a cover goes when nothing is asked for a while, and with the end`() async throws {
        try await withBench(ebb: .milliseconds(10)) { bench in
            let (run, copy) = (bench.run, bench.copy)
            let grant = try await bench.ledger.reserve(ask(40), scope: run)
            bench.ledger.resolve(grant.call, .settled(cost: USD(picodollars: 30), tokens: 1), on: nil)
            let isGone = try await eventually {
                for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: copy + ending) }
                try await bench.platter.cut(to: copy) {}
                let after = try Ledger(path: copy, boot: "after", now: time)
                let committed = try await after.standing(of: run).scope.committed
                await after.close()
                return committed == USD(picodollars: 30)
            }
            #expect(isGone)
        }
    }

    @Test(arguments: [10, 0])
    func `where tokens or calls are limited too, every call waits for the disk`(price: Int64) async throws {
        var limits = BudgetLimits(total: USD(picodollars: 1_000_000))
        limits.calls = 1000
        try await withBench(limits) { bench in
            let before = bench.platter.writes
            for _ in 0..<10 { _ = try await bench.ledger.reserve(ask(price), scope: bench.run) }
            #expect(bench.platter.writes >= before + 10)
        }
    }

    @Test func `a call that ends on a disk that failed is counted once`() async throws {
        try await withBench { bench in
            let (ledger, run) = (bench.ledger, bench.run)
            let grant = try await ledger.reserve(ask(100), scope: run)
            let waits = Task { try await ledger.reserve(ask(950), scope: run, patience: .seconds(3600)) }
            #expect(await eventually { ledger.waitingCount == 1 })
            bench.platter.fail(EIO)
            #expect(await ledger.resolve(grant.call, .settled(cost: USD(picodollars: 30), tokens: 1)) == nil)
            // Nobody can give back any more what it waits for.
            await #expect(throws: LedgerRefusal.self) { try await waits.value }
            await ledger.close()
            // The machine was not started anew: no cover counts.
            let second = try Ledger(path: bench.path, boot: "before", now: time)
            var committed: [Int64] = []
            let isWhole = try await eventually {
                _ = try await second.recover()
                let scope = try await second.standing(of: run).scope
                // The settlement was written before the disk failed, and with it what it made room for; or was not.
                committed = [scope.spent.total, scope.held].map(\.picodollars)
                return (committed == [30, 950] || committed == [0, 100]) && scope.openCalls == 0
            }
            #expect(isWhole, "\(committed)")
            #expect(try await second.standing(of: run).scope.reserved == .zero)
            await second.close()
        }
    }

    @Test func `a disk that fails at once opens no ledger`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/preflight.sqlite"
            #expect(throws: PreflightError.self) { _ = try Ledger(path: path, sync: { _ in EIO }, now: time) }
        }
    }

    @Test func `money that a loose settlement gave back is not lost when it was granted again`() async throws {
        try await withBench { bench in
            let (ledger, run) = (bench.ledger, bench.run)
            let a = try await ledger.scope(named: "run/a", parent: run)
            let b = try await ledger.scope(named: "run/b", parent: run)
            _ = try await ledger.reserve(ask(40), scope: a)
            let large = try await ledger.reserve(ask(920), scope: b)
            // From here on the disk hears nothing, and the ledger goes on.
            try await bench.platter.cut(to: bench.copy) {}
            ledger.resolve(large.call, .settled(cost: USD(picodollars: 10), tokens: 1), on: nil)
            _ = try await ledger.reserve(ask(80), scope: a)
            let after = try Ledger(path: bench.copy, boot: "after", now: time)
            #expect(try await after.standing(of: a).scope.held >= USD(picodollars: 120))
            await after.close()
        }
    }

    @Test func `a disk that failed once is not believed again`() async throws {
        try await withBench { bench in
            let (ledger, run) = (bench.ledger, bench.run)
            bench.platter.fail(EIO)
            // Of more than any cover.
            await #expect(throws: LedgerRefusal.self) { try await ledger.reserve(ask(900), scope: run) }
            bench.platter.fail(0)
            await #expect(throws: LedgerRefusal.self) { try await ledger.reserve(ask(1), scope: run) }
            await ledger.close()
            // What may have been sent or not is held.
            let second = try Ledger(path: bench.path, now: time)
            let isHeld = try await eventually {
                _ = try await second.recover()
                return try await second.standing(of: run).scope.held == USD(picodollars: 900)
            }
            #expect(isHeld)
            let scope = try await second.standing(of: run).scope
            #expect(scope.reserved == .zero && scope.openCalls == 0)
            await second.close()
        }
    }
}
