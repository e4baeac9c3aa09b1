import PreflightCore

extension GatewayConfiguration {
    static let budgetKeys = BudgetChange.keys

    /// A scope lies below its `parent`, or below the nearest one that its path names; of those in the file it must be
    /// below the nearest, however many of the ledger lie between.
    static func budgets(_ reader: TreeReader) throws(PreflightError) -> [Budget] {
        var readers: [String: TreeReader] = [:]
        var budgets: [Budget] = []
        for (scope, entry) in try reader.named("SCOPE: LIMITS pairs") {
            guard readers[scope] == nil else { throw entry.fail("given twice") }
            readers[scope] = entry
            do {
                try ScopeName.check(scope)
                let change = entry.value.isNull ? BudgetChange() : try BudgetChange(json: entry.value)
                budgets.append(Budget(scope: scope, change: change))
            } catch {
                let place = error.place.map { TreeReader(.null, path: "\(entry.path).\($0)") } ?? entry
                throw place.fail(error.message, hint: error.hint)
            }
        }
        for index in budgets.indices where budgets[index].change.parent == nil {
            budgets[index].change.parent = ScopeName.above(budgets[index].scope).first { readers[$0] != nil }
            budgets[index].change.isParentImplied = budgets[index].change.parent != nil
        }
        return try ordered(budgets, readers)
    }

    /// Parents first. A parent that is not in the file may be in the ledger.
    private static func ordered(
        _ budgets: [Budget], _ readers: [String: TreeReader]
    ) throws(PreflightError) -> [Budget] {
        var placed: Set<String> = []
        var ordered: [Budget] = []
        var rest = budgets
        while !rest.isEmpty {
            let ready = rest.filter { budget in
                budget.change.parent.map { placed.contains($0) || readers[$0] == nil } ?? true
            }
            guard !ready.isEmpty else {
                let first = rest[0].scope
                throw (readers[first] ?? TreeReader(.null)).fail("lies below itself", hint: "mend its parent")
            }
            ordered += ready
            placed.formUnion(ready.map(\.scope))
            rest.removeAll { placed.contains($0.scope) }
        }
        return ordered
    }
}
