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
        try await control { state, now in try ScopePlan([(name, change)], in: state).carry(out: 0, in: state, at: now) }
    }

    /// All of them, or none where one cannot be. Those that others lie below come first.
    package func define(all changes: [(name: String, change: BudgetChange)]) async throws {
        try await control { state, now in
            let plan = try ScopePlan(changes, in: state)
            for index in changes.indices { _ = try plan.carry(out: index, in: state, at: now) }
        }
    }
}

/// Scopes to make or to change, found to be possible before the first is written.
private struct ScopePlan {
    private struct Step {
        var name: String
        var change: BudgetChange
        /// Of a scope that is to be made.
        var parent: String?
    }

    private var steps: [Step] = []
    private var names: ScopeNames

    /// - Throws: `PreflightError` with code `usage` that says which of them cannot be, and why.
    init(_ changes: [(name: String, change: BudgetChange)], in state: LedgerState) throws {
        names = ScopeNames(file: state.file)
        for (name, change) in changes {
            try ScopeName.check(name)
            _ = try change.applied(to: BudgetLimits())
            guard try !names.have(name) else {
                try names.check(change, of: name)
                steps.append(Step(name: name, change: change))
                continue
            }
            let parent = try names.parent(for: name, change)
            names.add(name, below: parent)
            steps.append(Step(name: name, change: change, parent: parent))
        }
    }

    func carry(out index: Int, in state: LedgerState, at now: Timestamp) throws -> Ledger.Definition {
        let step = steps[index]
        let change = step.change
        if let row = try state.file.scopeID(named: step.name) {
            let id = ScopeID(row: row)
            let limits = try change.applied(to: state.standing(of: id).scope.limits)
            let standing = try state.change(id) { scope in
                scope.limits = limits
                scope.isClosed = change.isClosed ?? scope.isClosed
            }
            return Ledger.Definition(id: id, isNew: false, standing: standing)
        }
        let limits = try change.applied(to: BudgetLimits())
        let parent = try step.parent.flatMap { try state.file.scopeID(named: $0) }.map(ScopeID.init(row:))
        let id = try state.addScope(name: step.name, parent: parent, limits: limits, now: now)
        let isClosed = change.isClosed ?? false
        return Ledger.Definition(id: id, isNew: true, standing: try state.change(id) { $0.isClosed = isClosed })
    }
}

/// The names of a ledger's scopes, with those that are about to be made, and what each lies below.
private struct ScopeNames {
    private let file: LedgerFile
    private var parents: [String: String?] = [:]

    init(file: LedgerFile) { self.file = file }

    func have(_ name: String) throws -> Bool {
        if parents[name] != nil { return true }
        return try file.scopeID(named: name) != nil
    }

    mutating func add(_ name: String, below parent: String?) { parents[name] = .some(parent) }

    private func parent(of name: String) throws -> String? {
        if let parent = parents[name] { return parent }
        guard let row = try file.scopeID(named: name), let parent = try file.scope(row)?.parent else { return nil }
        return try file.scope(parent)?.scope.name
    }

    private func isAt(_ name: String, orBelow other: String) throws -> Bool {
        var next: String? = name
        while let current = next {
            if current == other { return true }
            next = try parent(of: current)
        }
        return false
    }

    /// What a new scope is put below.
    func parent(for name: String, _ change: BudgetChange) throws -> String? {
        if let parent = change.parent, !change.isParentImplied {
            guard try have(parent) else {
                throw PreflightError(
                    .usage, "the parent \(parent) is no scope", hint: "make it first", place: "parent")
            }
            return parent
        }
        let nearest = try ScopeName.above(name).first { try have($0) }
        if let wanted = change.parent { try check(nearest, isAtOrBelow: wanted, for: name) }
        return nearest
    }

    /// That a scope that is there lies where the change has it.
    func check(_ change: BudgetChange, of name: String) throws {
        guard let wanted = change.parent else { return }
        let present = try parent(of: name)
        if change.isParentImplied { return try check(present, isAtOrBelow: wanted, for: name) }
        guard wanted == present else { throw Self.misplaced(name, below: present, not: wanted) }
    }

    private func check(_ present: String?, isAtOrBelow wanted: String, for name: String) throws {
        guard try present.map({ try isAt($0, orBelow: wanted) }) ?? false else {
            throw Self.misplaced(name, below: present, not: wanted)
        }
    }

    private static func misplaced(_ name: String, below present: String?, not wanted: String) -> PreflightError {
        PreflightError(
            .usage, "\(name) lies below \(present ?? "no other scope"), not below \(wanted)",
            hint: "a scope keeps its parent; make another below \(wanted)", place: "parent")
    }
}
