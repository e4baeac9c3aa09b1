import PreflightCore

/// A reservation that is asked for, waits if it must, and carries its answer back.
///
/// One object from the question to the answer. Whoever has it alone uses it: the caller, the inbox, who does the
/// ledger's work, and then the caller again, each of which takes it over under a lock.
final class LedgerWait: @unchecked Sendable {
    let ticket: Ledger.Ticket
    let ask: BudgetAsk
    let scope: ScopeID
    let model: String?
    let patience: Duration
    let caller: (any LedgerCaller)?
    private let then: @Sendable (Result<LedgerGrant, LedgerRefusal>) -> Void
    /// When patience is over, on the engine's clock; set when the ledger looks at it first.
    var deadline = Duration.zero
    private var result: Result<LedgerGrant, LedgerRefusal>?

    init(
        ticket: Ledger.Ticket, ask: BudgetAsk, scope: ScopeID, model: String?, patience: Duration,
        caller: (any LedgerCaller)?, then: @escaping @Sendable (Result<LedgerGrant, LedgerRefusal>) -> Void
    ) {
        self.ticket = ticket
        self.ask = ask
        self.scope = scope
        self.model = model
        self.patience = patience
        self.caller = caller
        self.then = then
    }

    func answer(_ result: Result<LedgerGrant, LedgerRefusal>) -> LedgerAnswer {
        self.result = result
        return .reservation(self)
    }

    /// Where the caller wants it.
    func deliver() { if let result { then(result) } }
}
