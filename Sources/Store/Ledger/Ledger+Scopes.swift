package import PreflightCore

extension Ledger {
    /// What `define` did.
    package struct Definition: Sendable, Equatable {
        package var id: ScopeID
        package var isNew: Bool
        package var standing: LedgerStanding
    }

    /// Makes the scope of that name, or changes the one there is, in one step: what two people change at once does
    /// not undo itself.
    ///
    /// Without a parent, a new `acme/ci` is put below `acme` where that is. A scope never changes its parent, whose
    /// sums would be wrong then.
    package func define(_ name: String, _ change: BudgetChange) async throws -> Definition {
        try ScopeName.check(name)
        return try await control { state, now in
            if let row = try state.file.scopeID(named: name) {
                let id = ScopeID(row: row)
                try Self.check(parent: change.parent, of: row, named: name, in: state.file)
                let limits = try change.applied(to: state.standing(of: id).scope.limits)
                let standing = try state.change(id) { scope in
                    scope.limits = limits
                    scope.isClosed = change.isClosed ?? scope.isClosed
                }
                return Definition(id: id, isNew: false, standing: standing)
            }
            let limits = try change.applied(to: BudgetLimits())
            let parent = try Self.parent(for: name, named: change.parent, in: state.file)
            let id = try state.addScope(name: name, parent: parent, limits: limits, now: now)
            let isClosed = change.isClosed ?? false
            return Definition(id: id, isNew: true, standing: try state.change(id) { $0.isClosed = isClosed })
        }
    }

    private static func parent(for name: String, named parent: String?, in file: LedgerFile) throws -> ScopeID? {
        if let parent {
            guard let row = try file.scopeID(named: parent) else {
                throw PreflightError(
                    .usage, "the parent \(parent) is no scope", hint: "make it first", place: "parent")
            }
            return ScopeID(row: row)
        }
        for path in ScopeName.above(name) {
            if let row = try file.scopeID(named: path) { return ScopeID(row: row) }
        }
        return nil
    }

    private static func check(parent: String?, of row: Int64, named name: String, in file: LedgerFile) throws {
        guard let parent else { return }
        let present = try file.scope(row)?.parent.flatMap { try file.scope($0)?.scope.name }
        guard parent == present else {
            throw PreflightError(
                .usage, "\(name) lies below \(present ?? "no other scope"), not below \(parent)",
                hint: "a scope keeps its parent; make another below \(parent)", place: "parent")
        }
    }
}
