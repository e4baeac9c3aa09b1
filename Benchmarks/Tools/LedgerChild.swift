import Foundation
import PreflightCore
import Store

/// A process that spends from a ledger by a seed, and says what it has been promised: `ledger-child FILE SCOPE CALLS
/// CALLERS SEED`. A test runs several on one file, and kills some.
///
/// Each line is `granted ID AMOUNT`, `settled ID COST`, `released ID`, `held ID` or `refused`, written once the ledger
/// has answered.
enum LedgerChild {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 5, let calls = Int(arguments[2]), let callers = Int(arguments[3]),
            let seed = UInt64(arguments[4])
        else { throw PreflightError(.usage, "ledger-child FILE SCOPE CALLS CALLERS SEED") }
        let ledger = try Ledger(path: arguments[0], now: { .system })
        guard let scope = try await ledger.findScope(named: arguments[1]) else {
            throw PreflightError(.usage, "no scope \(arguments[1])")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var random = SplitMix(state: seed &* 1_000_003 &+ UInt64(caller))
                    for _ in 0..<calls / callers { await call(ledger, scope, &random) }
                }
            }
            try await group.waitForAll()
        }
        await ledger.close()
    }

    private static func call(_ ledger: Ledger, _ scope: ScopeID, _ random: inout SplitMix) async {
        let ask = BudgetAsk(
            base: USD(picodollars: Int64.random(in: 1...5000, using: &random)),
            perOutputToken: USD(picodollars: Int64.random(in: 1...40, using: &random)), promptTokens: 10,
            wantedOutput: Int.random(in: 1...300, using: &random))
        guard let grant = try? await ledger.reserve(ask, scope: scope, patience: .seconds(20)) else {
            return say("refused")
        }
        let id = grant.call.row
        say("granted \(id) \(grant.grant.amount.picodollars)")
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            await ledger.resolve(grant.call, .released)
            say("released \(id)")
        case 1:
            await ledger.resolve(grant.call, .held(nil))
            say("held \(id)")
        default:
            let cost = USD(picodollars: Int64.random(in: 0...grant.grant.amount.picodollars, using: &random))
            await ledger.resolve(grant.call, .settled(cost: cost, tokens: 5))
            say("settled \(id) \(cost.picodollars)")
        }
    }

    private static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}

/// A small generator, the same everywhere for the same seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
