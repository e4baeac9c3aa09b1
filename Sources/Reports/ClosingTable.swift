package import PreflightCore

/// What became of a field, in one table.
package enum ClosingTable {
    package static func text(_ trials: [TrialSummary], width: Int = 100) -> String {
        let isScored = trials.contains { $0.score != nil }
        var table = TextTable(
            header: ["alias", "outcome", "cost", "time", "tools", "cache"] + (isScored ? ["score"] : []) + ["why"],
            alignments: [.left, .left, .right, .right, .right, .right] + (isScored ? [.right] : []) + [.left],
            width: width)
        table.rows = trials.map { trial in
            [
                PlainText.cut(trial.alias, to: 24), trial.outcome?.rawValue ?? trial.phase.rawValue,
                "\(trial.totalCost)",
                trial.runtime.shortText, String(trial.toolCalls),
                trial.cachePermille.map { $0 > 0 ? "\($0 / 10)%" : "-" } ?? "-",
            ] + (isScored ? [trial.score?.text ?? "-"] : []) + [StatusFrame.why(trial) ?? ""]
        }
        let cost = trials.reduce(USD.zero) { $0 + $1.totalCost }
        let unknown = trials.reduce(USD.zero) { $0 + $1.totalUnknown }
        let done = trials.filter { $0.outcome == .completed }.count
        var lines = table.lines()
        lines.append("")
        lines.append(
            "\(done) of \(trials.count) completed, \(cost) spent"
                + (unknown > .zero ? ", up to \(unknown) not yet billed" : ""))
        return lines.joined(separator: "\n") + "\n"
    }
}
