/// The text of `budget.txt`, which tells an agent how much money it has left.
package enum BudgetFile {
    package enum Mode: String, Sendable, CaseIterable {
        case simple, detailed
    }

    /// An action and what the calls that led to it cost.
    package struct Action: Hashable, Sendable {
        package var name: String
        package var cost: USD

        package init(name: String, cost: USD) {
            self.name = name
            self.cost = cost
        }
    }

    /// - Parameters:
    ///   - recent: the newest last; the last five are shown.
    ///   - actions: how many actions there were in all.
    package static func text(
        limit: USD, spent: USD, mode: Mode, recent: [Action] = [], actions: Int = 0
    ) -> String {
        let remaining = max(USD.zero, limit - spent)
        let percent = remaining.permille(of: limit) / 10
        var text = "Budget: \(remaining.fixed(3)) remaining of \(limit) (\(percent)% left)\n"
        guard mode == .detailed else { return text }

        text += "\n"
        guard actions > 0, spent > .zero else { return text + "(No cost data yet)\n" }
        if !recent.isEmpty {
            text += "Recent costs:\n"
            for action in recent.suffix(5) { text += "- \(action.cost) (\(printable(action.name)))\n" }
            text += "\n"
        }
        let average = USD(picodollars: spent.picodollars / Int64(actions))
        text += "Total actions: \(actions) | Avg cost/action: \(average)\n"
        if let left = remaining.count(of: average) { text += "Estimated actions remaining: ~\(left)\n" }
        return text
    }

    /// A tool's name comes from the agent: one line, bounded, no control characters.
    private static func printable(_ name: String) -> String {
        String(String.UnicodeScalarView(name.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }).prefix(60))
    }
}
