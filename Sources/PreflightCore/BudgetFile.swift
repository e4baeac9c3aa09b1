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
    ///   - messages: for the agent, the newest last; the last five are shown, below all else.
    package static func text(
        limit: USD, spent: USD, mode: Mode, recent: [Action] = [], actions: Int = 0,
        messages: [TrialState.Steer] = []
    ) -> String {
        budget(limit: limit, spent: spent, mode: mode, recent: recent, actions: actions) + block(messages)
    }

    /// A block that no budget can be taken for: a heading, and each message with its number and time. Lines after a
    /// message's first are set in by four blanks.
    private static func block(_ messages: [TrialState.Steer]) -> String {
        guard !messages.isEmpty else { return "" }
        return "\nMessages from the owner of this run:\n"
            + messages.suffix(5).map { message in
                let lines = message.text.split(whereSeparator: \.isNewline).joined(separator: "\n    ")
                return "[\(message.number), \(message.at.iso8601Seconds)] \(lines)\n"
            }.joined()
    }

    private static func budget(
        limit: USD, spent: USD, mode: Mode, recent: [Action], actions: Int
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
