import GRDB

extension LedgerReader {
    /// Calls of a scope and those below it, at most `limit`, in the order they were made.
    ///
    /// - Parameters:
    ///   - scope: nil for all.
    ///   - after: the first ones after this call; nil for the newest ones.
    package func calls(of scope: String? = nil, after: CallID? = nil, limit: Int) async throws -> [Call] {
        let direction = after == nil ? "DESC" : "ASC"
        // The scope and its children, and theirs.
        let tree = """
            call.scope IN (
                WITH RECURSIVE below(id) AS (
                    SELECT id FROM scope WHERE name = ? UNION ALL
                    SELECT scope.id FROM scope JOIN below ON scope.parent = below.id
                ) SELECT id FROM below
            )
            """
        var arguments: StatementArguments = [after?.row ?? 0]
        if let scope { arguments += [scope] }
        let calls = try await calls(
            "call.id > ?" + (scope == nil ? "" : " AND \(tree)"), arguments,
            order: "call.id \(direction) LIMIT \(max(0, limit))")
        return after == nil ? calls.reversed() : calls
    }
}
