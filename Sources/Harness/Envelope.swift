package import PreflightCore

/// The budget that all trials of a run share.
///
/// A trial enters with its whole budget held; what it did not spend returns when it leaves. Those who wait enter in
/// their order, as soon as the rest of the envelope holds their budget.
package actor Envelope {
    package private(set) var total: USD?
    private var held = USD.zero
    private var settled = USD.zero
    private var open = 0
    private var waiting: [(id: Int, amount: USD, continuation: CheckedContinuation<Bool, Never>)] = []
    private var nextID = 0

    /// - Parameter spent: by trials that have left before.
    package init(total: USD?, spent: USD = .zero) {
        self.total = total
        settled = spent
    }

    /// Takes in a trial that runs already, whether it fits or not.
    package func adopt(_ amount: USD) {
        held += amount
        open += 1
    }

    /// Waits until `amount` fits; false when it never will, or the task was cancelled.
    package func enter(_ amount: USD) async -> Bool {
        guard let total else { return true }
        if waiting.isEmpty, settled + held + amount <= total {
            held += amount
            open += 1
            return true
        }
        guard open > 0 || !waiting.isEmpty else { return false }
        nextID += 1
        let id = nextID
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: false)
                } else {
                    waiting.append((id, amount, continuation))
                }
            }
        } onCancel: {
            Task { await self.leaveQueue(id) }
        }
    }

    /// Gives back a trial's budget; `spent` stays counted.
    package func leave(_ amount: USD, spent: USD) {
        guard total != nil else { return }
        held -= amount
        settled += spent
        open -= 1
        admit()
    }

    /// Changes what a trial inside holds; false when the rest of the envelope does not allow it.
    func resize(_ held: USD, to amount: USD) -> Bool {
        guard let total else { return true }
        guard amount <= held || settled + self.held - held + amount <= total else { return false }
        self.held += amount - held
        if amount < held { admit() }
        return true
    }

    /// The total as its owner sees and changes it.
    package nonisolated var door: BudgetDoor {
        BudgetDoor(
            standing: { await BudgetDoor.Standing(limit: self.total, committed: self.settled + self.held) },
            set: { await self.setTotal($0) })
    }

    private func setTotal(_ amount: USD) -> Bool {
        guard total != nil, settled + held <= amount else { return false }
        total = amount
        admit()
        return true
    }

    private func leaveQueue(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
        admit()
    }

    private func admit() {
        guard let total else { return }
        while let first = waiting.first {
            if settled + held + first.amount <= total {
                held += first.amount
                open += 1
                waiting.removeFirst().continuation.resume(returning: true)
            } else if open == 0 {
                // Nobody is left whose unspent rest could make room.
                waiting.removeFirst().continuation.resume(returning: false)
            } else {
                return
            }
        }
    }
}
