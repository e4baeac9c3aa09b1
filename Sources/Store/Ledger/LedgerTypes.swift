package import PreflightCore

/// A scope's number in the ledger.
package struct ScopeID: Hashable, Sendable {
    package let row: Int64
    package init(row: Int64) { self.row = row }
}

/// A call's number in the ledger.
package struct CallID: Hashable, Sendable {
    package let row: Int64
    package init(row: Int64) { self.row = row }
}

/// A reservation that is written, and whose money is on the disk: the call may be sent.
package struct LedgerGrant: Sendable, Equatable {
    package var call: CallID
    package var grant: BudgetGrant
}

/// Why there is no reservation.
package enum LedgerRefusal: Error, Sendable, Equatable {
    case short(BudgetShortage)
    /// Calls under way held the money for longer than the caller may wait, or too many wait already.
    case busy(scope: String)
    /// The ledger could not be read or written. Nothing may be spent then.
    case unavailable(String)
    case cancelled
}

/// How a call ended.
package enum LedgerResolution: Sendable, Equatable {
    case settled(cost: USD, tokens: Int)
    /// Nothing was sent.
    case released
    /// Sent, outcome unknown: counts as spent. Nil takes the whole worst case.
    case held(USD?)
}

/// A call whose cost is not known yet.
package struct HeldCall: Sendable, Equatable {
    package var id: CallID
    package var scope: ScopeID
    package var amount: USD
    package var model: String?
    /// OpenRouter's name for it, where it was learnt.
    package var generation: String?
    package var createdAt: Timestamp

    package init(
        id: CallID, scope: ScopeID, amount: USD, model: String?, generation: String?, createdAt: Timestamp
    ) {
        self.id = id
        self.scope = scope
        self.amount = amount
        self.model = model
        self.generation = generation
        self.createdAt = createdAt
    }
}

/// How a scope stands after a change.
package struct LedgerStanding: Sendable, Equatable {
    package var scope: BudgetScope
    /// What is left for calls that begin now, in the tightest scope of the chain; nil without any limit.
    package var headroom: USD?
}

/// Where the ledger hands its answers back, many at once. An event loop is one.
package protocol LedgerCaller: AnyObject, Sendable {
    /// Has the answers delivered where the caller wants them.
    func resume(_ answers: LedgerAnswers)
    /// Calls `work` once what is being done now is done, so that all that is asked of the ledger in one turn wakes it
    /// once. Called where the caller asks.
    func atEndOfTurn(_ work: @escaping @Sendable () -> Void)
    /// Nobody else is served where the caller is: what it asks for may be done there and then, and be answered before
    /// it goes on. Asked where the caller is.
    var isAlone: Bool { get }
}

extension LedgerCaller {
    package var isAlone: Bool { false }
    package func atEndOfTurn(_ work: @escaping @Sendable () -> Void) { work() }
}
