import Dispatch
import Foundation
import PreflightCore
import Store

/// A process that spends from a ledger by a seed, and says what it has been promised: `ledger-child FILE SCOPE CALLS
/// CALLERS SEED`. A test runs several on one file, and kills some. Every other caller is alone where it is.
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
                    let loner = caller % 2 == 0 ? nil : Loner()
                    for _ in 0..<calls / callers { await call(ledger, scope, loner, &random) }
                }
            }
            try await group.waitForAll()
        }
        await ledger.close()
    }

    private static func call(_ ledger: Ledger, _ scope: ScopeID, _ loner: Loner?, _ random: inout SplitMix) async {
        let ask = BudgetAsk(
            base: USD(picodollars: Int64.random(in: 1...5000, using: &random)),
            perOutputToken: USD(picodollars: Int64.random(in: 1...40, using: &random)), promptTokens: 10,
            wantedOutput: Int.random(in: 1...300, using: &random))
        let patience = Duration.seconds(20)
        let granted =
            if let loner { await loner.reserve(ask, of: ledger, scope: scope, patience: patience) } else {
                try? await ledger.reserve(ask, scope: scope, patience: patience)
            }
        guard let grant = granted else { return say("refused") }
        let id = grant.call.row
        func resolve(_ resolution: LedgerResolution) async {
            if let loner {
                await loner.resolve(grant.call, resolution, in: ledger)
            } else {
                await ledger.resolve(grant.call, resolution)
            }
        }
        say("granted \(id) \(grant.grant.amount.picodollars)")
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            await resolve(.released)
            say("released \(id)")
        case 1:
            await resolve(.held(nil))
            say("held \(id)")
        default:
            let cost = USD(picodollars: Int64.random(in: 0...grant.grant.amount.picodollars, using: &random))
            await resolve(.settled(cost: cost, tokens: 5))
            say("settled \(id) \(cost.picodollars)")
        }
    }

    private static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}

/// A caller with a queue for itself, where the ledger may do its work.
private final class Loner: LedgerCaller {
    private let queue = DispatchQueue(label: "loner")
    let isAlone = true

    func resume(_ answers: LedgerAnswers) { queue.async { answers.deliver() } }
    func atEndOfTurn(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    func reserve(_ ask: BudgetAsk, of ledger: Ledger, scope: ScopeID, patience: Duration) async -> LedgerGrant? {
        await withCheckedContinuation { continuation in
            queue.async {
                ledger.reserve(ask, scope: scope, patience: patience, ticket: ledger.nextTicket(), on: self) {
                    continuation.resume(returning: try? $0.get())
                }
            }
        }
    }

    func resolve(_ call: CallID, _ resolution: LedgerResolution, in ledger: Ledger) async {
        await withCheckedContinuation { continuation in
            queue.async { ledger.resolve(call, resolution, on: self) { _ in continuation.resume() } }
        }
    }
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
