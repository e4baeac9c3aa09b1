/// The calls of a trial as its event log tells them: to be held against the ledger.
package struct CallBook: Hashable, Sendable {
    package struct Call: Hashable, Sendable {
        /// Settled or reconciled at this; nil while the log does not say.
        package var cost: USD?
        /// The log said once that its cost was unknown.
        package var wasHeld = false
    }

    /// By their numbers in the ledger.
    package private(set) var calls: [Int64: Call] = [:]
    /// Of the log's last event.
    package private(set) var lastAt: Timestamp?

    package init() {}

    package mutating func apply(_ event: Event) {
        lastAt = event.timestamp
        guard event.source == .gateway, let number = event.fields["call"]?.int else { return }
        var call = calls[Int64(number)] ?? Call()
        switch event.type {
        case "call_settled", "call_reconciled": call.cost = event.fields["cost_usd"]?.usd()
        case "call_held": call.wasHeld = true
        default: break
        }
        calls[Int64(number)] = call
    }

    /// The sum of the costs that the log tells.
    package var settled: USD { calls.values.reduce(.zero) { $0 + ($1.cost ?? .zero) } }
}
