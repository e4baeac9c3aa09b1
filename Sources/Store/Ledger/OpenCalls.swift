import PreflightCore

/// A call of this process that is under way.
struct OpenCall {
    var reservation: BudgetReservation
    var worst: USD
    var model: String?
    var generation: String?
    var createdAt: Timestamp
}

/// The calls of this process that are under way, by their rows, and how they were before this transaction.
struct OpenCalls {
    private var calls: [Int64: OpenCall] = [:]
    private var undo: [Change] = []

    private struct Change {
        var id: Int64
        var before: OpenCall?
    }

    subscript(id: Int64) -> OpenCall? { calls[id] }
    var ids: [Int64] { Array(calls.keys) }
    /// The one that was made first.
    var first: Int64? { calls.keys.min() }

    /// - Parameter before: What it is now.
    mutating func set(_ id: Int64, _ call: OpenCall?, before: OpenCall?) {
        undo.append(Change(id: id, before: before))
        calls[id] = call
    }

    /// The transaction is on the disk.
    mutating func keep() { undo.removeAll(keepingCapacity: true) }

    /// The transaction failed.
    mutating func forget() {
        for change in undo.reversed() { calls[change.id] = change.before }
        undo.removeAll(keepingCapacity: true)
    }
}
