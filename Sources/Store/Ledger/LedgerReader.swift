import GRDB
package import PreflightCore

/// Reads the ledger beside those who write it, without a session of its own.
package struct LedgerReader: Sendable {
    let pool: DatabasePool
    let boot: String?

    /// - Parameter boot: Which start of the system this is; by default it is asked.
    package init(path: String, boot: String? = SystemStart.name) throws {
        pool = try Schema.open(path)
        self.boot = boot
    }

    /// A call as it stands in the ledger.
    package struct Call: Sendable, Equatable {
        package enum State: Int, Sendable { case open, settled, released, held }

        package var id: CallID
        package var scope: ScopeID
        package var scopeName: String
        package var state: State
        /// What was, or is, reserved; for a held call what counts as spent.
        package var amount: USD
        package var cost: USD?
        package var tokens: Int
        package var model: String?
        package var generation: String?
        package var createdAt: Timestamp
        package var resolvedAt: Timestamp?

        /// It stands for calls that a power cut has taken from the ledger: every other one names its model.
        package var isOfPowerCut: Bool { model == nil }

        package var call: HeldCall {
            HeldCall(
                id: id, scope: scope, amount: amount, model: model, generation: generation, createdAt: createdAt)
        }
    }

    /// A scope, with the name of its parent.
    package struct Scope: Sendable, Equatable {
        package var id: ScopeID
        package var parent: String?
        package var scope: BudgetScope
    }

    package func calls(since: CallID? = nil) async throws -> [Call] {
        try await calls("call.id > ?", [since?.row ?? 0])
    }

    /// Calls whose cost is unknown, oldest first.
    package func heldCalls() async throws -> [Call] { try await calls("call.state = 3", []) }

    func calls(
        _ condition: String, _ arguments: StatementArguments, order: String = "call.id"
    ) async throws -> [Call] {
        try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT call.*, scope.name AS scope_name FROM call JOIN scope ON scope.id = call.scope
                    WHERE \(condition) ORDER BY \(order)
                    """, arguments: arguments
            ).compactMap { row in
                guard let state = Call.State(rawValue: row["state"]) else { return nil }
                return Call(
                    id: CallID(row: row["id"]), scope: ScopeID(row: row["scope"]), scopeName: row["scope_name"],
                    state: state, amount: USD(picodollars: row["amount"]),
                    cost: (row["cost"] as Int64?).map(USD.init(picodollars:)), tokens: row["tokens"],
                    model: row["model"], generation: row["generation"],
                    createdAt: Timestamp(microseconds: row["created_us"]),
                    resolvedAt: (row["resolved_us"] as Int64?).map(Timestamp.init(microseconds:)))
            }
        }
    }

    /// All scopes, parents before their children. What a power cut may have taken counts as held.
    package func scopes() async throws -> [Scope] {
        try await pool.read { [boot] database in
            let covers = try Self.lostCovers(in: database, boot: boot)
            let scopes = try Row.fetchAll(
                database,
                sql: """
                    SELECT scope.*, above.name AS parent_name FROM scope LEFT JOIN scope above ON above.id = scope.parent
                    ORDER BY scope.id
                    """
            ).map { row -> Scope in
                func usd(_ column: String) -> USD { USD(picodollars: row[column]) }
                return Scope(
                    id: ScopeID(row: row["id"]), parent: row["parent_name"],
                    scope: BudgetScope(
                        name: row["name"], limits: try BudgetLimits(json: JSON.parse(row["limits"] as String)),
                        isClosed: row["closed"],
                        spent: PerWindow(
                            total: usd("spent"), daily: usd("spent_daily"), weekly: usd("spent_weekly"),
                            monthly: usd("spent_monthly")),
                        reserved: usd("reserved"), held: usd("held"), tokens: row["tokens"],
                        reservedTokens: row["reserved_tokens"], calls: row["calls"], openCalls: row["open_calls"],
                        firstCallAt: (row["first_call_us"] as Int64?).map(Timestamp.init(microseconds:)),
                        day: (row["day"] as Int64?) ?? .min))
            }
            return Self.holding(covers, in: scopes)
        }
    }

    /// For tests that damage the file on purpose.
    package func execute(_ sql: String) async throws {
        try await pool.write { try $0.execute(sql: sql) }
    }
}
