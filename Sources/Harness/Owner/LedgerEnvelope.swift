package import PreflightCore
package import Store
import Synchronization

/// Where the trials of a run get the room for their budgets from.
package protocol TrialEnvelope: Sendable {
    /// Waits until `amount` fits; false when it never will, or the task was cancelled.
    func enter(_ amount: USD, for trial: String) async -> Bool
    /// Gives back a trial's part; `spent` stays counted.
    func leave(_ amount: USD, spent: USD, for trial: String) async
    /// Changes what a trial inside holds; false when there is no room.
    func resize(_ held: USD, to amount: USD, for trial: String) async -> Bool
    /// The total as its owner sees and changes it.
    var door: BudgetDoor { get }
}

extension Envelope: TrialEnvelope {
    package func enter(_ amount: USD, for trial: String) async -> Bool { await enter(amount) }
    package func leave(_ amount: USD, spent: USD, for trial: String) async { leave(amount, spent: spent) }
    package func resize(_ held: USD, to amount: USD, for trial: String) async -> Bool { resize(held, to: amount) }
}

/// A part of a budget that several runs share, perhaps in several processes: the ledger holds it.
///
/// Each trial's whole budget is reserved before its key is made, and settled at what the trial has spent. A process that
/// dies leaves its trials' budgets held in full.
package final class LedgerEnvelope: TrialEnvelope {
    private let ledger: Ledger
    /// The run's scope, below what is shared.
    private let scope: ScopeID
    package let door: BudgetDoor
    private let calls = Mutex<[String: [LedgerGrant]]>([:])

    package init(ledger: Ledger, scope: ScopeID, door: BudgetDoor) {
        self.ledger = ledger
        self.scope = scope
        self.door = door
    }

    /// As long as the longest run.
    private static let patience = Duration.seconds(365 * 86_400)

    package func enter(_ amount: USD, for trial: String) async -> Bool {
        await take(amount, for: trial, patience: Self.patience)
    }

    private func take(_ amount: USD, for trial: String, patience: Duration) async -> Bool {
        let ask = BudgetAsk(base: amount, perOutputToken: .zero, wantedOutput: 0)
        do throws(LedgerRefusal) {
            let grant = try await ledger.reserve(ask, scope: scope, patience: patience)
            calls.withLock { $0[trial, default: []].append(grant) }
            return true
        } catch { return false }
    }

    package func leave(_ amount: USD, spent: USD, for trial: String) async {
        let grants = calls.withLock { $0.removeValue(forKey: trial) } ?? []
        for (index, grant) in grants.enumerated() {
            // The first one carries it all.
            await ledger.resolve(grant.call, .settled(cost: index == 0 ? spent : .zero, tokens: 0))
        }
    }

    package func resize(_ held: USD, to amount: USD, for trial: String) async -> Bool {
        if amount > held { return await take(amount - held, for: trial, patience: .zero) }
        var excess = held - amount
        calls.withLock { calls in
            guard var grants = calls[trial] else { return }
            for index in grants.indices.reversed() where excess > .zero {
                let part = min(excess, grants[index].grant.amount)
                grants[index].grant.amount -= part
                excess -= part
                ledger.shrink(grants[index].call, to: grants[index].grant.amount, tokens: 0)
            }
            calls[trial] = grants
        }
        // Asking how it stands waits for what was written before: others may have it from here on.
        _ = try? await ledger.standing(of: scope)
        return true
    }
}
