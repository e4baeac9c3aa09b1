/// Decides whether a budget may become what its owner asks for.
package struct ExtensionRule: Sendable {
    /// Whose budget: an alias, or `the run`.
    package var name: String
    package var budget: USD
    /// What is spent of it for certain, or may have been.
    package var committed: USD
    /// The budget above it, which it cannot exceed; nil where there is none.
    package var total: USD?

    package init(name: String, budget: USD, committed: USD, total: USD? = nil) {
        self.name = name
        self.budget = budget
        self.committed = committed
        self.total = total
    }

    /// Why `target` cannot be the budget; nil when it can.
    package func refusal(of target: USD) -> String? {
        if target == budget { return "\(name) has a budget of \(budget) already" }
        if target < committed { return "\(name) has spent \(committed): its budget cannot become \(target)" }
        if let total, target > total {
            return "\(target) is more than the run's total, \(total): extend the run first, without naming a trial"
        }
        return nil
    }
}
