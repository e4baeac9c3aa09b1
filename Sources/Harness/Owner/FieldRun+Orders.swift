import PreflightCore
import Store

/// Orders that were given to a process of the run that is dead now. What was begun with is on record, and is carried out
/// by whoever takes the run up; of the rest nothing comes late that nobody waits for any more.
extension FieldRun {
    /// Of a run that had ended: none of them is meant for trials that run again.
    func closeOrders() async throws {
        try await workshop.journal.closeRequests(run: directory.id, "the run is over", at: workshop.world.now())
    }

    /// Of a run whose process died: a stop or an eject stands.
    func withdrawOrders() async throws {
        for request in try await workshop.journal.openRequests(run: directory.id)
        where request.order.isWithdrawn && request.takenAt == nil {
            _ = try await workshop.journal.withdraw(request.id, at: workshop.world.now())
        }
    }
}
