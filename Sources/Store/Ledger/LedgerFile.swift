import PreflightCore

/// The ledger's transactions and scopes, and the statements on them. Used by one thread at a time.
final class LedgerFile {
    let database: SQLite
    private let begin: SQLite.Statement
    private let commit: SQLite.Statement
    private let look: SQLite.Statement
    private let readScope: SQLite.Statement
    private let writeScope: SQLite.Statement
    private let setFirstOpen: SQLite.Statement
    let calls: LedgerCalls
    /// What the file was like after this connection's last transaction; nil where that failed.
    private var version: UInt32?

    init(path: String) throws {
        database = try SQLite(path: path)
        database.watchLog()
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        look = try database.prepare("PRAGMA data_version")
        readScope = try database.prepare("SELECT \(Self.scopeColumns) FROM scope WHERE id = ?")
        writeScope = try database.prepare(
            """
            UPDATE scope SET spent = ?, spent_daily = ?, spent_weekly = ?, spent_monthly = ?,
                reserved = ?, held = ?, tokens = ?, reserved_tokens = ?, calls = ?, open_calls = ?, first_call_us = ?,
                day = ?
            WHERE id = ?
            """)
        setFirstOpen = try database.prepare("UPDATE session SET first_open = ? WHERE id = ?")
        calls = try LedgerCalls(database)
    }

    // MARK: Transactions

    /// Begins to write. True when another process, or another connection, has written since the last time.
    func beginWriting() throws -> Bool {
        try begin.execute()
        return database.version != version
    }

    /// The same without waiting: nil while another process writes.
    func beginWritingAtOnce() throws -> Bool? {
        do {
            return try database.withoutWaiting { try beginWriting() }
        } catch let failure as SQLite.Failure where failure.isBusy {
            return nil
        }
    }

    func commitWriting() throws {
        try commit.execute()
        version = database.version
    }

    func rollback() {
        calls.forget()
        database.rollback()
        version = nil
    }

    /// Whether another connection has written since this one's last transaction. Takes no lock.
    func hasForeignChanges() throws -> Bool {
        // The connection learns of changes when it reads.
        try look.query { _ in }
        return database.version != version
    }

    // MARK: The log

    /// As many pages as SQLite would take into the file by itself, inside the commit that reaches them.
    var isLogFull: Bool { database.logPages >= 1000 }

    /// Takes what is in the log into the file, as far as no reader needs it.
    func emptyLog() { database.checkpoint() }

    // MARK: Scopes

    static let scopeColumns = """
        name, parent, limits, closed, spent, spent_daily, spent_weekly, spent_monthly, reserved, held, tokens, \
        reserved_tokens, calls, open_calls, first_call_us, day
        """

    func scope(_ id: Int64) throws -> (scope: BudgetScope, parent: Int64?)? {
        var found: (BudgetScope, Int64?)?
        readScope.bind(0, id)
        try readScope.query { row in found = (try Self.scope(row), row.optional(1)) }
        return found
    }

    /// A row of `scopeColumns`.
    static func scope(_ row: SQLite.Statement) throws -> BudgetScope {
        BudgetScope(
            name: row.text(0) ?? "", limits: try BudgetLimits(json: JSON.parse(row.text(2) ?? "{}")),
            isClosed: row.int(3) != 0,
            spent: PerWindow(total: row.usd(4), daily: row.usd(5), weekly: row.usd(6), monthly: row.usd(7)),
            reserved: row.usd(8), held: row.usd(9), tokens: row.int(10), reservedTokens: row.int(11),
            calls: row.int(12), openCalls: row.int(13),
            firstCallAt: row.optional(14).map(Timestamp.init(microseconds:)), day: row.optional(15) ?? .min)
    }

    /// Writes the sums. Limits are written by `setLimits` alone.
    func write(_ scope: BudgetScope, id: Int64) throws {
        let row = writeScope
        row.bind(0, scope.spent.total)
        row.bind(1, scope.spent.daily)
        row.bind(2, scope.spent.weekly)
        row.bind(3, scope.spent.monthly)
        row.bind(4, scope.reserved)
        row.bind(5, scope.held)
        row.bind(6, scope.tokens)
        row.bind(7, scope.reservedTokens)
        row.bind(8, scope.calls)
        row.bind(9, scope.openCalls)
        row.bind(10, scope.firstCallAt?.microseconds)
        row.bind(11, scope.day == .min ? nil : scope.day)
        row.bind(12, id)
        try row.execute()
    }

    func setLimits(_ limits: BudgetLimits, isClosed: Bool, of id: Int64) throws {
        let statement = try database.prepare("UPDATE scope SET limits = ?, closed = ? WHERE id = ?")
        statement.bind(0, limits.json.text)
        statement.bind(1, isClosed ? 1 : 0)
        statement.bind(2, id)
        try statement.execute()
    }

    func scopeID(named name: String) throws -> Int64? {
        let statement = try database.prepare("SELECT id FROM scope WHERE name = ?")
        statement.bind(0, name)
        var id: Int64?
        try statement.query { id = $0.int64(0) }
        return id
    }

    func addScope(name: String, parent: Int64?, limits: BudgetLimits, at now: Timestamp) throws -> Int64 {
        let statement = try database.prepare(
            "INSERT INTO scope (name, parent, limits, created_us) VALUES (?, ?, ?, ?)")
        statement.bind(0, name)
        statement.bind(1, parent)
        statement.bind(2, limits.json.text)
        statement.bind(3, now.microseconds)
        try statement.execute()
        return database.lastInsertedRowID
    }

    /// No call of the session before `call` is under way.
    func setFirstOpen(_ call: Int64, of session: Int64) throws {
        setFirstOpen.bind(0, call)
        setFirstOpen.bind(1, session)
        try setFirstOpen.execute()
    }

    // MARK: Covers

    func setCover(_ amount: USD, session: Int64, scope: Int64) throws {
        let statement = try database.prepare("REPLACE INTO cover (session, scope, amount) VALUES (?, ?, ?)")
        statement.bind(0, session)
        statement.bind(1, scope)
        statement.bind(2, amount)
        try statement.execute()
    }

    func dropCovers(session: Int64) throws {
        let statement = try database.prepare("DELETE FROM cover WHERE session = ?")
        statement.bind(0, session)
        try statement.execute()
    }

    /// What a session had the disk answer for. A scope that was closed had nothing granted since, and its closing was
    /// on the disk.
    func covers(session: Int64) throws -> [(scope: Int64, amount: USD)] {
        let statement = try database.prepare(
            """
            SELECT cover.scope, cover.amount FROM cover JOIN scope ON scope.id = cover.scope
            WHERE cover.session = ? AND NOT scope.closed
            """)
        statement.bind(0, session)
        var covers: [(scope: Int64, amount: USD)] = []
        try statement.query { covers.append(($0.int64(0), $0.usd(1))) }
        return covers
    }
}
