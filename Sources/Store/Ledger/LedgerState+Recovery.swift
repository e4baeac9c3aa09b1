import PreflightCore

/// What has come of calls that this process does not have under way.
extension LedgerState {
    /// More calls than a process grants between two writes to the disk.
    private static let lostNumbers: Int64 = 65_536

    /// Calls of processes that are gone: whether they were billed is unknown. How many there may be, at least.
    func holdLost(now: Timestamp) throws -> Int {
        let remains = try LedgerSession.bury(file: file, except: session, boot: boot, at: now)
        for call in remains.calls {
            let index = try index(of: ScopeID(row: call.scope))
            let reservation = BudgetReservation(
                scope: index, amount: call.amount, tokens: call.tokens, perOutputToken: .zero)
            try file.calls.resolve(call.id, .held, amount: call.worst, tokens: call.tokens, cost: nil, at: now)
            tree.hold(reservation, amount: call.worst)
            touch(from: index)
        }
        for cover in remains.covers { try hold(cover, now: now) }
        return remains.calls.count + remains.covers.count
    }

    /// What a power cut has taken from the file is held as one call that nobody knows more of.
    ///
    /// In full, though it may be more than the file says is left: it may have been granted from what calls gave back
    /// whose end the file does not know either.
    private func hold(_ cover: LedgerSession.LostCover, now: Timestamp) throws {
        let index = try index(of: ScopeID(row: cover.scope))
        let amount = cover.amount
        // Lost calls may stand in logs by their numbers: none is given twice.
        let id = try nextCall() + Self.lostNumbers
        newest = id
        try file.calls.write(session: session)
        file.calls.insert(
            LedgerCalls.Row(
                id: id, scope: cover.scope, state: .held, amount: amount, worst: amount, tokens: 0, createdAt: now))
        try file.calls.write(session: cover.session)
        tree.holdUnknown(amount, scope: index, at: now)
        touch(from: index)
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
