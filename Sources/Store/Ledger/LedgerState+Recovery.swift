import PreflightCore

/// What has come of calls that this process does not have under way.
extension LedgerState {
    /// Calls of processes that are gone: whether they were billed is unknown.
    func holdLost(now: Timestamp) throws -> Int {
        let lost = try LedgerSession.bury(file: file, except: session, at: now)
        for call in lost {
            let index = try index(of: ScopeID(row: call.scope))
            let reservation = BudgetReservation(
                scope: index, amount: call.amount, tokens: call.tokens, perOutputToken: .zero)
            try file.calls.resolve(call.id, .held, amount: call.worst, tokens: call.tokens, cost: nil, at: now)
            tree.hold(reservation, amount: call.worst)
            touch(from: index)
        }
        return lost.count
    }

    /// The cost of a held call has become known. False when the call is not held.
    func reconcile(_ call: HeldCall, cost: USD, tokens: Int, now: Timestamp) throws -> Bool {
        // It may have become held in this very transaction.
        try file.calls.write(session: session)
        let check = try file.database.prepare("SELECT amount, tokens FROM call WHERE id = ? AND state = 3")
        check.bind(0, call.id.row)
        var held: (amount: USD, tokens: Int)?
        try check.query { held = ($0.usd(0), $0.int(1)) }
        guard let held else { return false }
        let index = try index(of: call.scope)
        try file.calls.resolve(call.id.row, .settled, amount: held.amount, tokens: tokens, cost: cost, at: now)
        tree.reconcile(scope: index, held: held.amount, heldTokens: held.tokens, cost: cost, tokens: tokens, at: now)
        touch(from: index)
        return true
    }
}
