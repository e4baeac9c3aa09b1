import PreflightCore

/// The ledger's decisions and their rows, inside transactions that `LedgerEngine` begins and ends. Used by one thread
/// at a time.
///
/// The tree in memory is a copy of the file's rows, trusted only while no other connection has written.
final class LedgerState {
    let file: LedgerFile
    let session: Int64
    /// Which start of the system this is.
    let boot: String?
    var tree = BudgetTree()
    var covers = LedgerCovers()
    private var rows: [Int64] = []
    private var indices: [Int64: Int] = [:]
    /// How many of the rows are surely in the file: those behind them may be of a transaction that fails.
    private var keptRows = 0
    private var isFresh: [Bool] = []
    private var dirty: [Int] = []
    private var isDirty: [Bool] = []
    /// Calls of this process that are under way.
    private var open = OpenCalls()
    /// The latest call in the file; nil when another process may have made some.
    var newest: Int64?
    /// How many calls were made since the session's first open one was written.
    private var unmarked = 0

    /// After how many calls the session's first open one is written: so many are looked at in vain after a crash, and
    /// those since the oldest that was under way.
    private static let markEvery = 4096

    init(file: LedgerFile, session: Int64, boot: String?) {
        self.file = file
        self.session = session
        self.boot = boot
    }

    // MARK: The copy

    /// Another connection wrote: every row is read again before it is used.
    func distrust() {
        for index in isFresh.indices { isFresh[index] = false }
        newest = nil
    }

    /// The transaction is in the file, and on the disk if it had to be.
    func keep(at now: Duration) {
        open.keep()
        covers.committed(at: now)
        keepScopes()
    }

    /// Those read or made so far are in the file.
    func keepScopes() { keptRows = rows.count }

    /// The transaction failed: nothing of it holds.
    func forget() {
        open.forget()
        covers.forget()
        for index in dirty { isDirty[index] = false }
        dirty.removeAll(keepingCapacity: true)
        // A scope that was not made after all leaves its number to the next one, which has parents of its own.
        for row in rows[keptRows...] { indices[row] = nil }
        tree.forget(from: keptRows)
        rows.removeSubrange(keptRows...)
        isFresh.removeSubrange(keptRows...)
        isDirty.removeSubrange(keptRows...)
        distrust()
    }

    /// The tree's index of a scope, with its whole chain read.
    func index(of scope: ScopeID) throws -> Int {
        guard let index = indices[scope.row] else { return try load(scope.row) }
        try refresh(from: index)
        return index
    }

    private func load(_ row: Int64) throws -> Int {
        if let index = indices[row] { return index }
        guard let (scope, parent) = try file.scope(row) else { throw LedgerRefusal.unavailable("no scope \(row)") }
        let parentIndex = try parent.map { try load($0) }
        let index = tree.add(scope, parent: parentIndex)
        rows.append(row)
        isFresh.append(true)
        isDirty.append(false)
        indices[row] = index
        if let parentIndex { try refresh(from: parentIndex) }
        return index
    }

    private func refresh(from index: Int) throws {
        var next: Int? = index
        while let current = next {
            if !isFresh[current] {
                guard let (scope, _) = try file.scope(rows[current]) else {
                    throw LedgerRefusal.unavailable("scope \(tree.scopes[current].name) was removed")
                }
                tree.update(current) { $0 = scope }
                isFresh[current] = true
            }
            next = tree.parents[current]
        }
    }

    /// The sums of the scope and of those above it are to be written.
    func touch(from index: Int) {
        tree.forEach(from: index) { index in
            guard !isDirty[index] else { return }
            isDirty[index] = true
            dirty.append(index)
        }
    }

    /// Writes the calls that were made and ended, and the sums of every scope that changed.
    func write() throws {
        try file.calls.write(session: session)
        for index in dirty {
            try file.write(tree.scopes[index], id: rows[index])
            isDirty[index] = false
        }
        dirty.removeAll(keepingCapacity: true)
        if unmarked >= Self.markEvery { try markFirstOpen() }
    }

    /// Whether the transaction must be on the disk before anybody hears of it. Writes what it raises.
    func planDisk() throws -> Bool {
        for (index, amount) in covers.plan(headroom) {
            try file.setCover(amount, session: session, scope: rows[index])
        }
        return covers.mustReachDisk
    }

    private func headroom(at index: Int) -> LedgerCovers.Headroom {
        var isUncovered = false
        tree.forEach(from: index) { index in
            let scope = tree.scopes[index]
            if scope.isClosed || scope.limits.tokens != nil || scope.limits.calls != nil { isUncovered = true }
        }
        if isUncovered { return .uncovered }
        return standing(at: index).headroom.map { .money($0) } ?? .endless
    }

    private func markFirstOpen() throws {
        let next = try nextCall()
        try file.setFirstOpen(open.first ?? next, of: session)
        unmarked = 0
    }

    /// The number of the next call. Other processes make none while this one has the write lock.
    func nextCall() throws -> Int64 {
        let newest = try newest ?? file.calls.newest()
        self.newest = newest
        return newest + 1
    }

    func standing(of scope: ScopeID) throws -> LedgerStanding { standing(at: try index(of: scope)) }

    func standing(at index: Int) -> LedgerStanding {
        var headroom: USD?
        tree.forEach(from: index) { index in
            guard let left = tree.scopes[index].headroom else { return }
            headroom = headroom.map { min($0, left) } ?? left
        }
        return LedgerStanding(scope: tree.scopes[index], headroom: headroom)
    }

    /// The row of a scope that the tree holds.
    func row(at index: Int) -> ScopeID { ScopeID(row: rows[index]) }

    // MARK: Calls

    func reserve(_ ask: BudgetAsk, grant: BudgetGrant, at index: Int, model: String?, now: Timestamp) throws -> CallID {
        let worst = grant.ceiling > grant.output ? ask.cost(output: grant.ceiling) : grant.amount
        let id = try nextCall()
        newest = id
        unmarked += 1
        file.calls.insert(
            LedgerCalls.Row(
                id: id, scope: rows[index], state: .open, amount: grant.amount, worst: worst, tokens: grant.tokens,
                createdAt: now, model: model))
        let reservation = tree.reserve(grant, for: ask, scope: index, at: now)
        touch(from: index)
        covers.expose(worst, at: index)
        open.set(id, OpenCall(reservation: reservation, worst: worst, model: model, createdAt: now), before: nil)
        return CallID(row: id)
    }

    func extend(_ call: CallID, output: Int, now: Timestamp) throws -> Int {
        guard let before = open[call.row] else { return 0 }
        var entry = before
        try refresh(from: entry.reservation.scope)
        let granted = tree.extend(&entry.reservation, output: output, at: now)
        guard granted > 0 else { return 0 }
        entry.worst = max(entry.worst, entry.reservation.amount)
        covers.expose(entry.worst - before.worst, at: entry.reservation.scope)
        try resized(call, entry, before: before)
        return granted
    }

    func shrink(_ call: CallID, to amount: USD, tokens: Int) throws {
        guard let before = open[call.row] else { return }
        var entry = before
        try refresh(from: entry.reservation.scope)
        tree.shrink(&entry.reservation, to: amount, tokens: tokens)
        entry.worst = entry.reservation.amount
        try resized(call, entry, before: before)
    }

    func giveBack(_ call: CallID, _ amount: USD, tokens: Int) throws {
        guard amount > .zero, let before = open[call.row] else { return }
        var entry = before
        try refresh(from: entry.reservation.scope)
        let held = entry.reservation
        tree.shrink(&entry.reservation, to: held.amount - amount, tokens: held.tokens - max(0, tokens))
        entry.worst = max(entry.reservation.amount, entry.worst - amount)
        try resized(call, entry, before: before)
    }

    private func resized(_ call: CallID, _ entry: OpenCall, before: OpenCall) throws {
        let reservation = entry.reservation
        try file.calls.resize(call.row, amount: reservation.amount, worst: entry.worst, tokens: reservation.tokens)
        touch(from: reservation.scope)
        open.set(call.row, entry, before: before)
    }

    /// Keeps the provider's name of a call.
    func note(_ call: CallID, generation: String) throws {
        if let before = open[call.row] {
            var entry = before
            entry.generation = generation
            open.set(call.row, entry, before: before)
        } else {
            // It may have ended in this very transaction.
            try file.calls.write(session: session)
        }
        try file.calls.note(call.row, generation: generation)
    }

    /// The index of the call's scope; nil when the call is not under way.
    func resolve(_ call: CallID, _ resolution: LedgerResolution, now: Timestamp) throws -> Int? {
        guard let entry = open[call.row] else { return nil }
        let reservation = entry.reservation
        try refresh(from: reservation.scope)
        var row = LedgerCalls.Row(
            id: call.row, scope: rows[reservation.scope], state: .settled, amount: reservation.amount,
            worst: entry.worst, tokens: 0, createdAt: entry.createdAt, resolvedAt: now, model: entry.model,
            generation: entry.generation)
        switch resolution {
        case .settled(let cost, let tokens):
            row.tokens = tokens
            row.cost = cost
            // An overrun: as long as the disk knows of the reservation only, that is too little.
            covers.expose(cost - entry.worst, at: reservation.scope)
            tree.settle(reservation, cost: cost, tokens: tokens, at: now)
        case .released:
            row.state = .released
            row.cost = .zero
            tree.release(reservation)
        case .held(let amount):
            row.state = .held
            row.amount = amount ?? entry.worst
            row.tokens = reservation.tokens
            covers.expose(row.amount - entry.worst, at: reservation.scope)
            tree.hold(reservation, amount: row.amount)
        }
        file.calls.replace(row)
        touch(from: reservation.scope)
        open.set(call.row, nil, before: entry)
        return reservation.scope
    }

    /// All that is under way becomes held: the process ends.
    func holdAll(now: Timestamp) throws {
        for id in open.ids { _ = try resolve(CallID(row: id), .held(nil), now: now) }
    }

    // MARK: Scopes

    func addScope(name: String, parent: ScopeID?, limits: BudgetLimits, now: Timestamp) throws -> ScopeID {
        ScopeID(row: try file.addScope(name: name, parent: parent?.row, limits: limits, at: now))
    }

    func change(_ scope: ScopeID, _ change: (inout BudgetScope) -> Void) throws -> LedgerStanding {
        let index = try index(of: scope)
        tree.update(index, change)
        let node = tree.scopes[index]
        try file.setLimits(node.limits, isClosed: node.isClosed, of: scope.row)
        if !isDirty[index] {
            isDirty[index] = true
            dirty.append(index)
        }
        return standing(at: index)
    }
}
