import Dispatch
import PreflightCore
import Store

/// A caller that works in turns, as an event loop does.
final class Turns: LedgerCaller, @unchecked Sendable {
    private let queue = DispatchQueue(label: "turns")
    private let key = DispatchSpecificKey<Bool>()
    /// Used on the queue only.
    var isAlone: Bool

    init(isAlone: Bool = true) {
        self.isAlone = isAlone
        queue.setSpecific(key: key, value: true)
    }

    /// Whether this is asked in a turn of it.
    var isHere: Bool { DispatchQueue.getSpecific(key: key) ?? false }

    func resume(_ answers: LedgerAnswers) { queue.async { answers.deliver() } }
    func atEndOfTurn(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Does something in a turn, after those that began before.
    func turn(_ work: () -> Void) { queue.sync(execute: work) }

    /// Asks in a turn of its own.
    func reserve(
        _ ask: BudgetAsk, of ledger: Ledger, scope: ScopeID, patience: Duration = .zero
    ) async throws(LedgerRefusal) -> LedgerGrant {
        let result = await withCheckedContinuation { continuation in
            queue.async {
                ledger.reserve(ask, scope: scope, patience: patience, ticket: ledger.nextTicket(), on: self) {
                    continuation.resume(returning: $0)
                }
            }
        }
        return try result.get()
    }

    func resolve(_ call: CallID, _ resolution: LedgerResolution, in ledger: Ledger) async {
        await withCheckedContinuation { continuation in
            queue.async { ledger.resolve(call, resolution, on: self) { _ in continuation.resume() } }
        }
    }
}
