import PreflightCore

/// The status table: one plain frame, so that `watch` can do the rest.
package enum StatusFrame {
    /// - Parameter width: columns of the terminal; notes are cut to fit.
    package static func text(_ view: RunView, width: Int = 80) -> String {
        var lines = ["Run: \(view.id)", String(repeating: "=", count: min(60, width))]
        lines += table(view, width: width)
        let whys = view.trials.compactMap { trial in why(trial).map { "\(PlainText.cut(trial.alias, to: 18)): \($0)" } }
        if !whys.isEmpty { lines += [""] + whys.map { PlainText.cut($0, to: width) } }
        let unfinished = view.trials.filter { $0.outcome == nil }.count
        let budget = view.trials.reduce(USD.zero) { $0 + $1.budget }
        lines.append("")
        lines.append(
            "\(view.cost) of \(budget) spent, \(unfinished) of \(view.trials.count) unfinished"
                + (view.isAlive || unfinished == 0 ? "" : ", nobody watches"))
        if let silence = view.silentFor {
            lines.append(
                "its process has not been heard of for \(silence.shortText); harness.lock names it, should it hang")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func table(_ view: RunView, width: Int) -> [String] {
        let isScored = view.trials.contains { $0.score != nil }
        var table = TextTable(
            header: ["alias", "status", "events", "tools", "snaps", "cost", "cache", "time"]
                + (isScored ? ["score"] : []) + ["note"],
            alignments: Array(repeating: .left, count: isScored ? 10 : 9), width: width)
        // In a narrow terminal the columns move together and aliases are cut, so that the note can be read.
        let aliasWidth = width < 100 ? 13 : 24
        if width < 100, view.trials.contains(where: { $0.alias.count > 8 }) { table.gap = 1 }
        table.rows = view.trials.map { trial in
            [
                PlainText.cut(trial.alias, to: aliasWidth),
                status(trial),
                String(trial.events), String(trial.toolCalls), String(trial.snapshots),
                cost(trial.totalCost),
                trial.cachePermille.map { $0 > 0 ? "\($0 / 10)%" : "-" } ?? "-",
                trial.startedAt == nil ? "-" : trial.runtime.shortText + (trial.isRunning ? "*" : ""),
            ] + (isScored ? [trial.score?.text ?? "-"] : []) + [note(trial)]
        }
        return table.lines()
    }

    /// Four places at most: the column must stay narrow.
    static func cost(_ cost: USD) -> String {
        guard cost > .zero, cost < USD(cents: 1) else { return "\(cost)" }
        return cost < USD(picodollars: 100_000_000) ? "<$0.0001" : cost.fixed(4)
    }

    static func status(_ trial: TrialSummary) -> String {
        trial.outcome?.label ?? (trial.phase == .provisioning ? "key" : trial.phase.rawValue)
    }

    /// What is left of the budget while it runs, or what it waits for; which policy or cause ended it, if not well; the most that a lost one may
    /// have spent.
    static func note(_ trial: TrialSummary) -> String {
        guard let outcome = trial.outcome else {
            if let hold = trial.hold { return "held: \(PlainText.oneLine(hold))" }
            if let pause = trial.pause { return "waits: \(PlainText.oneLine(pause))" }
            return trial.startedAt == nil ? "" : "\(max(USD.zero, trial.budget - trial.cost)) remaining"
        }
        if outcome == .lost, let unknown = trial.unknownUpTo, unknown > .zero {
            return "up to \(trial.totalCost + unknown)"
        }
        guard outcome != .completed, let reason = trial.reason else { return "" }
        let plain = PlainText.oneLine(reason)
        return String(plain.prefix { $0 != ":" && $0 != ";" && $0 != "," })
    }

    /// The whole reason of a trial that did not end well, that it was run again, and what may still turn up on its bill.
    static func why(_ trial: TrialSummary) -> String? {
        var parts: [String] = []
        if let last = trial.earlier.last {
            let cost = trial.earlier.reduce(USD.zero) { $0 + $1.cost }
            parts.append(
                "attempt \(trial.attempt.number), the last was \(last.outcome?.rawValue ?? "not ended")"
                    + (cost > .zero ? ", \(cost) before" : ""))
        }
        guard let outcome = trial.outcome else { return parts.first }
        if outcome != .completed, let reason = trial.reason { parts.append(PlainText.oneLine(reason)) }
        let unknown = outcome == .lost ? trial.totalUnknown - (trial.unknownUpTo ?? .zero) : trial.totalUnknown
        if unknown > .zero {
            parts.append("up to \(unknown) not yet billed")
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}
