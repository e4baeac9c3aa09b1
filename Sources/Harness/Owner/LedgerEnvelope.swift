package import PreflightCore
package import Store
import Synchronization

/// Where the trials of a run get the room for their budgets from.
package protocol TrialEnvelope: Sendable {
    /// Waits until `amount` fits; false when it never will, or the task was cancelled.
    func enter(_ amount: USD, for trial: String) async -> Bool
    /// Takes in a trial that runs already.
    func adopt(_ amount: USD, for trial: String) async
    /// All are taken in that run already; those that have ended have spent so much.
    func endAdoption(spent: USD) async
    /// Gives back a trial's part; `spent` stays counted.
    func leave(_ amount: USD, spent: USD, for trial: String) async
    /// Changes what a trial inside holds; false when there is no room.
    func resize(_ held: USD, to amount: USD, for trial: String) async -> Bool
    /// The total as its owner sees and changes it.
    var door: BudgetDoor { get }
}

extension Envelope: TrialEnvelope {
    package func enter(_ amount: USD, for trial: String) async -> Bool { await enter(amount) }
    package func adopt(_ amount: USD, for trial: String) async { adopt(amount) }
    package func endAdoption(spent: USD) async {}
    package func leave(_ amount: USD, spent: USD, for trial: String) async { leave(amount, spent: spent) }
    package func resize(_ held: USD, to amount: USD, for trial: String) async -> Bool { resize(held, to: amount) }
}

/// A part of a budget that several runs share, perhaps in several processes: the ledger holds it.
///
/// Each trial's whole budget is reserved before its key is made, and settled at what the trial has spent. A process that
/// dies leaves its trials' budgets held in full, until a sweep has seen what their keys have spent.
package final class LedgerEnvelope: TrialEnvelope {
    private let ledger: Ledger
    /// The run's scope, below what is shared.
    private let scope: ScopeID
    package let door: BudgetDoor
    private let calls = Mutex<[String: [LedgerGrant]]>([:])
    /// Budgets that a dead process of this run has left held, and whose they are by now.
    private let inherited: Mutex<(free: [HeldCall], adopted: [String: [HeldCall]])>

    package init(ledger: Ledger, scope: ScopeID, door: BudgetDoor, inherited: [HeldCall] = []) {
        self.ledger = ledger
        self.scope = scope
        self.door = door
        self.inherited = Mutex((inherited, [:]))
    }

    /// Which of them was whose nobody wrote down: one of the same amount serves.
    package func adopt(_ amount: USD, for trial: String) async {
        inherited.withLock { inherited in
            var missing = amount
            while missing > .zero, !inherited.free.isEmpty {
                let index = inherited.free.firstIndex { $0.amount == missing } ?? 0
                let call = inherited.free.remove(at: index)
                inherited.adopted[trial, default: []].append(call)
                missing = max(.zero, missing - call.amount)
            }
        }
    }

    /// What is left over is that of trials that have ended, or have not begun.
    package func endAdoption(spent: USD) async {
        let left = inherited.withLock { inherited in
            defer { inherited.free = [] }
            return inherited.free
        }
        guard !left.isEmpty, let standing = try? await ledger.standing(of: scope) else { return }
        await settle(left, at: max(.zero, spent - standing.scope.spent.total))
    }

    /// The first one carries it all.
    private func settle(_ held: [HeldCall], at amount: USD) async {
        for (index, call) in held.enumerated() {
            _ = try? await ledger.reconcile(call, cost: index == 0 ? amount : .zero)
        }
    }

    /// As long as the longest run.
    private static let patience = Duration.seconds(365 * 86_400)

    package func enter(_ amount: USD, for trial: String) async -> Bool {
        await take(amount, for: trial, patience: Self.patience)
    }

    private func take(_ amount: USD, for trial: String, patience: Duration) async -> Bool {
        let ask = BudgetAsk(base: amount, perOutputToken: .zero, wantedOutput: 0)
        do throws(LedgerRefusal) {
            // By the trial's name what a dead process has left can be settled.
            let grant = try await ledger.reserve(ask, scope: scope, model: trial, patience: patience)
            calls.withLock { $0[trial, default: []].append(grant) }
            return true
        } catch { return false }
    }

    package func leave(_ amount: USD, spent: USD, for trial: String) async {
        let adopted = inherited.withLock { $0.adopted.removeValue(forKey: trial) } ?? []
        await settle(adopted, at: spent)
        let grants = calls.withLock { $0.removeValue(forKey: trial) } ?? []
        for (index, grant) in grants.enumerated() {
            // The first one carries it all.
            let cost = index == 0 && adopted.isEmpty ? spent : .zero
            await ledger.resolve(grant.call, .settled(cost: cost, tokens: 0))
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

extension LedgerEnvelope {
    /// Puts down what a trial of a dead run has spent in place of what the envelope holds for it.
    ///
    /// - Parameter path: Of the ledger's file. Opening it holds what the dead process had under way.
    static func settleLost(
        trial: String, of run: String, spent: USD, ledger path: String, now: @escaping @Sendable () -> Timestamp
    ) async throws {
        let ledger = try Ledger(path: path, now: now)
        do {
            var rest = spent
            for call in try await LedgerReader(path: path).heldCalls()
            where call.scopeName == run && call.call.model == trial {
                // The first one carries it all.
                if try await ledger.reconcile(call.call, cost: rest) { rest = .zero }
            }
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }
}
