import GRDB
package import PreflightCore

extension LedgerReader {
    /// What calls may have been granted shortly before a power cut that the file does not know of. Whoever opens the
    /// ledger next to write holds it as one call (`LedgerSession.bury`); until then only readers count it.
    package struct LostCover: Sendable, Equatable {
        package var scope: ScopeID
        package var scopeName: String
        package var amount: USD
    }

    package func lostCovers() async throws -> [LostCover] {
        try await pool.read { [boot] in try Self.lostCovers(in: $0, boot: boot) }
    }

    static func lostCovers(in database: Database, boot: String?) throws -> [LostCover] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT cover.scope, cover.amount, scope.name, session.lock, session.boot FROM cover
                JOIN session ON session.id = cover.session JOIN scope ON scope.id = cover.scope
                WHERE session.ended_us IS NULL AND NOT scope.closed ORDER BY cover.session, cover.scope
                """
        ).compactMap { row in
            // Of this very start of the system the file has everything, and a living process knows its calls.
            if let boot, row["boot"] as String? == boot { return nil }
            guard HarnessLock.holder(path: row["lock"]) != .living else { return nil }
            return LostCover(
                scope: ScopeID(row: row["scope"]), scopeName: row["name"], amount: USD(picodollars: row["amount"]))
        }
    }

    /// The scopes with covers held as the ledger would hold them: in their scope and all above it.
    static func holding(_ covers: [LostCover], in scopes: [Scope]) -> [Scope] {
        guard !covers.isEmpty else { return scopes }
        var scopes = scopes
        let places = Dictionary(uniqueKeysWithValues: scopes.enumerated().map { ($1.scope.name, $0) })
        for cover in covers {
            var name: String? = cover.scopeName
            while let place = name.flatMap({ places[$0] }) {
                scopes[place].scope.hold(cover.amount, tokens: 0)
                name = scopes[place].parent
            }
        }
        return scopes
    }
}
