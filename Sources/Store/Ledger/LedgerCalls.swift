import PreflightCore

/// The rows of calls. Used by one thread at a time.
///
/// New and ended calls are gathered, and written together before the transaction ends.
final class LedgerCalls {
    enum State: Int { case open, settled, released, held }

    /// A row of a call that this process has, or had, under way.
    struct Row {
        var id: Int64
        var scope: Int64
        var state: State
        /// What is reserved, or held.
        var amount: USD
        var worst: USD
        var tokens: Int
        var cost: USD?
        var createdAt: Timestamp
        var resolvedAt: Timestamp?
        var model: String?
        var generation: String?
    }

    private let newestRow: SQLite.Statement
    private let insertRows: RowWriter
    private let replaceRows: RowWriter
    private let resizeRow: SQLite.Statement
    private let resolveRow: SQLite.Statement
    private let noteRow: SQLite.Statement
    private var new: [Row] = []
    private var ended: [Row] = []

    init(_ database: SQLite) throws {
        newestRow = try database.prepare("SELECT ifnull(max(id), 0) FROM call")
        // What fails ends the transaction in any case, so that SQLite need not be ready to undo the statement alone.
        insertRows = try RowWriter(
            database,
            "INSERT OR ROLLBACK INTO call (id, session, scope, state, amount, worst, tokens, created_us, model)",
            columns: 9)
        replaceRows = try RowWriter(
            database,
            """
            REPLACE INTO call (id, session, scope, state, amount, worst, tokens, created_us, model, generation, cost,
                resolved_us)
            """, columns: 12)
        resizeRow = try database.prepare("UPDATE call SET amount = ?, worst = ?, tokens = ? WHERE id = ?")
        resolveRow = try database.prepare(
            "UPDATE call SET state = ?, amount = ?, tokens = ?, cost = ?, resolved_us = ? WHERE id = ?")
        noteRow = try database.prepare("UPDATE call SET generation = ? WHERE id = ?")
    }

    // MARK: Gathered

    func insert(_ row: Row) { new.append(row) }

    /// Writes the whole row anew: nobody else writes to a call that this process has under way.
    func replace(_ row: Row) { ended.append(row) }

    /// Writes what was gathered.
    func write(session: Int64) throws {
        if !new.isEmpty {
            try insertRows.write(new) { $0.bind(call: $2, of: session, at: $1) }
            new.removeAll(keepingCapacity: true)
        }
        if !ended.isEmpty {
            try replaceRows.write(ended) { statement, first, row in
                statement.bind(call: row, of: session, at: first)
                statement.bind(first + 9, row.generation)
                statement.bind(first + 10, row.cost?.picodollars)
                statement.bind(first + 11, row.resolvedAt?.microseconds)
            }
            ended.removeAll(keepingCapacity: true)
        }
    }

    /// The transaction failed.
    func forget() {
        new.removeAll(keepingCapacity: true)
        ended.removeAll(keepingCapacity: true)
    }

    // MARK: At once

    /// The latest call in the file, 0 if there is none. Calls are never removed.
    func newest() throws -> Int64 {
        var newest: Int64 = 0
        try newestRow.query { newest = $0.int64(0) }
        return newest
    }

    func resize(_ call: Int64, amount: USD, worst: USD, tokens: Int) throws {
        resizeRow.bind(0, amount)
        resizeRow.bind(1, worst)
        resizeRow.bind(2, tokens)
        resizeRow.bind(3, call)
        try resizeRow.execute()
    }

    func resolve(_ call: Int64, _ state: State, amount: USD, tokens: Int, cost: USD?, at now: Timestamp) throws {
        resolveRow.bind(0, state.rawValue)
        resolveRow.bind(1, amount)
        resolveRow.bind(2, tokens)
        resolveRow.bind(3, cost?.picodollars)
        resolveRow.bind(4, now.microseconds)
        resolveRow.bind(5, call)
        try resolveRow.execute()
    }

    func note(_ call: Int64, generation: String) throws {
        noteRow.bind(0, generation)
        noteRow.bind(1, call)
        try noteRow.execute()
    }
}

extension SQLite.Statement {
    /// The values that new rows have.
    fileprivate func bind(call row: LedgerCalls.Row, of session: Int64, at first: CInt) {
        bind(first, row.id)
        bind(first + 1, session)
        bind(first + 2, row.scope)
        bind(first + 3, row.state.rawValue)
        bind(first + 4, row.amount)
        bind(first + 5, row.worst)
        bind(first + 6, row.tokens)
        bind(first + 7, row.createdAt.microseconds)
        bind(first + 8, row.model)
    }
}
