import GRDB
package import PreflightCore

extension LedgerReader {
    /// What a scope has spent, and what it may have spent: sums of its calls.
    package struct Account: Sendable, Equatable {
        package var settled = USD.zero
        /// Of calls whose cost stayed unknown.
        package var held = USD.zero
        /// Of calls under way, at the most they can cost: what counts once their process is gone.
        package var underWay = USD.zero
        /// How many are held or under way.
        package var uncertainCalls = 0

        package init() {}

        package var most: USD { settled + held + underWay }
    }

    /// Of the scopes right below one of that name, by their names.
    package func accounts(below parent: String) async throws -> [String: Account] {
        try await pool.read { [boot] database in
            var accounts = try Self.accounts(below: parent, in: database)
            for cover in try Self.lostCovers(in: database, boot: boot) where accounts[cover.scopeName] != nil {
                accounts[cover.scopeName]?.held += cover.amount
                accounts[cover.scopeName]?.uncertainCalls += 1
            }
            return accounts
        }
    }

    private static func accounts(below parent: String, in database: Database) throws -> [String: Account] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT scope.name, scope.spent, open.held, open.under_way, open.calls FROM scope LEFT JOIN (
                    SELECT scope, count(*) AS calls, sum(CASE state WHEN 3 THEN amount ELSE 0 END) AS held,
                        sum(CASE state WHEN 0 THEN max(amount, worst) ELSE 0 END) AS under_way
                    FROM call WHERE state IN (0, 3) GROUP BY scope
                ) open ON open.scope = scope.id
                WHERE scope.parent = (SELECT id FROM scope WHERE name = ?)
                """, arguments: [parent]
        ).map { row -> (String, Account) in
            func usd(_ column: String) -> USD { USD(picodollars: (row[column] as Int64?) ?? 0) }
            var account = Account()
            account.settled = usd("spent")
            account.held = usd("held")
            account.underWay = usd("under_way")
            account.uncertainCalls = (row["calls"] as Int?) ?? 0
            return (row["name"], account)
        }
        return Dictionary(rows) { first, _ in first }
    }
}
