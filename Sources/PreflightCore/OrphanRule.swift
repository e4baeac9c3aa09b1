/// Decides when a container that nobody watches any more must end.
package struct OrphanRule: Sendable {
    /// Since when nobody watches.
    package var orphanedAt: Timestamp
    /// How long it may go on at most; nil for as long as its wall limit says.
    package var grace: Duration?

    package init(orphanedAt: Timestamp, grace: Duration?) {
        self.orphanedAt = orphanedAt
        self.grace = grace
    }

    /// - Parameter until: When its wall limit is over; one without a limit must end at once.
    package func end(of until: Timestamp?) -> Timestamp {
        let limit = until ?? orphanedAt
        guard let grace else { return limit }
        return min(limit, orphanedAt + grace)
    }
}
