import PreflightCore

/// Something for the ledger to do in its next transaction.
///
/// Small, and of types whose layout is known here: much of it is moved about.
enum LedgerWork: Sendable {
    case reserve(LedgerWait)
    case cancel(Ledger.Ticket)
    case resolve(
        CallID, LedgerResolution, (any LedgerCaller)?, (@Sendable (LedgerStanding?) -> Void)?, isDurable: Bool)
    case extend(CallID, output: Int, (any LedgerCaller)?, @Sendable (Int) -> Void)
    case shrink(CallID, to: USD, tokens: Int)
    case giveBack(CallID, USD, tokens: Int)
    case note(CallID, generation: String)
    case control(@Sendable (LedgerState, Timestamp) throws -> Void, then: @Sendable ((any Error)?) -> Void)

    var isReservation: Bool { if case .reserve = self { true } else { false } }

    /// May let more be spent.
    var isGrant: Bool {
        switch self {
        case .reserve, .extend: true
        case .cancel, .resolve, .shrink, .giveBack, .note, .control: false
        }
    }

    /// Must not be lost when a transaction fails: it is tried again with the next.
    var isKept: Bool {
        switch self {
        case .resolve, .shrink, .giveBack, .note: true
        case .reserve, .cancel, .extend, .control: false
        }
    }

    /// Tells who asked that it was not done.
    func fail(_ refusal: LedgerRefusal) {
        switch self {
        case .reserve(let wait): wait.answer(.failure(refusal)).deliver()
        case .extend(_, _, _, let then): then(0)
        case .control(_, let then): then(refusal)
        case .resolve(_, _, _, let then, _): then?(nil)
        case .cancel, .shrink, .giveBack, .note: break
        }
    }
}
