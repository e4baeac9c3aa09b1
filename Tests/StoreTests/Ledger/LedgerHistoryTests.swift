import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// Random histories, against a model so simple that it can be seen to be right.
@Suite struct LedgerHistoryTests {
    /// What a scope has promised: open reservations and what ended, as a list.
    private struct Model {
        var limit: Int64
        var open: [Int64: Int64] = [:]
        var spent: Int64 = 0
        var held: Int64 = 0
        var committed: Int64 { spent + held + open.values.reduce(0, +) }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `the ledger agrees with a simple model after every step`(seed: UInt64) async throws {
        let caller = Turns()
        try await withTemporaryDirectory { directory in
            var random = SeededRandom(seed: seed)
            let ledger = try Ledger(path: directory + "/l.sqlite", now: { Timestamp(seconds: 1_767_268_800) })
            let limits: [Int64] = [20_000, 9_000, 7_000, 12_000]
            let parents: [Int?] = [nil, 0, 0, 1]
            var ids: [ScopeID] = []
            for index in limits.indices {
                ids.append(
                    try await ledger.scope(
                        named: "s\(index)", parent: parents[index].map { ids[$0] },
                        limits: BudgetLimits(total: USD(picodollars: limits[index]))))
            }
            var models = limits.map { Model(limit: $0) }
            func chain(_ index: Int) -> [Int] { [index] + (parents[index].map(chain) ?? []) }
            var open: [(call: CallID, scope: Int, amount: Int64)] = []

            for _ in 0..<400 {
                let isAlone = Bool.random(using: &random)
                caller.turn { caller.isAlone = isAlone }
                if Bool.random(using: &random) || open.isEmpty {
                    let scope = Int.random(in: 0..<4, using: &random)
                    let amount = Int64.random(in: 1...900, using: &random)
                    let fits = chain(scope).allSatisfy { models[$0].committed + amount <= models[$0].limit }
                    let mayFit = chain(scope).allSatisfy {
                        models[$0].spent + models[$0].held + amount <= models[$0].limit
                    }
                    let ask = BudgetAsk(base: USD(picodollars: amount), perOutputToken: .zero, wantedOutput: 1)
                    do {
                        let grant = try await caller.reserve(ask, of: ledger, scope: ids[scope])
                        #expect(fits)
                        open.append((grant.call, scope, amount))
                        for index in chain(scope) { models[index].open[grant.call.row] = amount }
                    } catch LedgerRefusal.busy {
                        #expect(!fits && mayFit)
                    } catch LedgerRefusal.short {
                        #expect(!mayFit)
                    }
                } else {
                    let (call, scope, amount) = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                    for index in chain(scope) { models[index].open[call.row] = nil }
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: await caller.resolve(call, .released, in: ledger)
                    case 1:
                        await caller.resolve(call, .held(nil), in: ledger)
                        for index in chain(scope) { models[index].held += amount }
                    default:
                        let cost = Int64.random(in: 0...amount, using: &random)
                        await caller.resolve(call, .settled(cost: USD(picodollars: cost), tokens: 1), in: ledger)
                        for index in chain(scope) { models[index].spent += cost }
                    }
                }
                for index in models.indices {
                    let scope = try await ledger.standing(of: ids[index]).scope
                    #expect(scope.spent.total.picodollars == models[index].spent)
                    #expect(scope.held.picodollars == models[index].held)
                    #expect(scope.reserved.picodollars == models[index].open.values.reduce(0, +))
                    #expect(models[index].committed <= models[index].limit)
                }
            }
            await ledger.close()
        }
    }

    private struct Child {
        var process: Process
        var output: Pipe
    }

    private func child(_ path: String, calls: Int, callers: Int, seed: UInt64) throws -> Child {
        let process = Process()
        process.executableURL = TestData.package.appendingPathComponent(".build/debug/preflight-tools")
        process.arguments = ["ledger-child", path, "run/a", "\(calls)", "\(callers)", "\(seed)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        return Child(process: process, output: output)
    }

    /// What a child was told, by call.
    private func promises(_ text: String) -> (granted: [Int64: Int64], ended: [Int64: Int64?]) {
        var granted: [Int64: Int64] = [:]
        var ended: [Int64: Int64?] = [:]
        // A line without its end may be cut anywhere.
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            guard words.count > 1, let id = Int64(words[1]) else { continue }
            switch words[0] {
            case "granted": granted[id] = Int64(words[2])
            case "settled": ended[id] = Int64(words[2])
            case "released": ended[id] = 0
            case "held": ended[id] = .some(nil)
            default: break
            }
        }
        return (granted, ended)
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func `processes on one file, some killed at any moment, never pass the limit and lose nothing`(
        seed: UInt64
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/l.sqlite"
            var random = SeededRandom(seed: seed)
            let limit = USD(picodollars: 9_000_000)
            let setup = try Ledger(path: path, now: { Timestamp(seconds: 1_767_268_800) })
            let run = try await setup.scope(named: "run", limits: BudgetLimits(total: limit))
            let trial = try await setup.scope(named: "run/a", parent: run, limits: BudgetLimits(total: limit))

            var children: [Child] = []
            for index in 0..<4 {
                children.append(try child(path, calls: 600, callers: 8, seed: seed * 100 + UInt64(index)))
            }
            let texts = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for (index, child) in children.enumerated() {
                    let handle = child.output.fileHandleForReading
                    group.addTask { (index, String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)) }
                }
                for index in [0, 2] {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 100...900, using: &random)))
                    kill(children[index].process.processIdentifier, SIGKILL)
                }
                var texts: [Int: String] = [:]
                for try await (index, text) in group { texts[index] = text }
                return texts
            }
            for child in children { child.process.waitUntilExit() }
            #expect(children[1].process.terminationStatus == 0)
            _ = try await setup.recover()

            let standing = try await setup.standing(of: trial).scope
            #expect(standing.reserved == .zero)
            #expect(standing.openCalls == 0)
            #expect(standing.committed <= limit)
            let whole = try await setup.standing(of: run).scope
            #expect(whole.committed == standing.committed)

            let rows = try await LedgerReader(path: path).calls()
            let byID = Dictionary(uniqueKeysWithValues: rows.map { ($0.id.row, $0) })
            #expect(rows.filter { $0.state == .held }.reduce(USD.zero) { $0 + $1.amount } == standing.held)
            #expect(rows.reduce(USD.zero) { $0 + ($1.cost ?? .zero) } == standing.spent.total)
            var count = 0
            for text in texts.values {
                let (granted, ended) = promises(text)
                count += granted.count
                for id in granted.keys { #expect(byID[id] != nil, "call \(id) was granted and is not in the ledger") }
                for (id, cost) in ended {
                    if let cost {
                        #expect(byID[id]?.cost == USD(picodollars: cost))
                    } else {
                        #expect(byID[id]?.state == .held)
                    }
                }
            }
            #expect(count > 100)
            await setup.close()
        }
    }
}
