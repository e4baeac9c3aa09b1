package import PreflightCore

/// How the models of a field stand by their scores, in one table.
package enum LeaderboardTable {
    /// Nil where nothing was scored.
    package static func text(_ trials: [TrialSummary], width: Int = 100) -> String? {
        let board = Leaderboard(trials)
        guard !board.isEmpty else { return nil }
        var table = TextTable(
            header: columns, alignments: [.right, .left, .right, .right, .right, .right, .right, .left], width: width)
        table.rows = board.rows.map(cells)
        return table.lines().joined(separator: "\n") + "\n" + (board.caution.map { "\($0)\n" } ?? "")
    }

    static let columns = ["rank", "model", "score", "spread", "cost", "per $", "scored", "note"]

    static func cells(_ row: Leaderboard.Row) -> [String] {
        [
            row.rank.map(String.init) ?? "-", PlainText.cut(PlainText.oneLine("\(row.source)"), to: 40),
            row.mean.map(TrialScore.text) ?? "-", row.spread.map { "±\(TrialScore.text($0))" } ?? "-",
            row.meanCost.map { "\($0)" } ?? "-", row.perDollarText,
            "\(row.scores.count) of \(row.trials)", row.note ?? "",
        ]
    }
}

extension Leaderboard {
    /// Why ranks may mislead; nil where they were made alike.
    package var caution: String? {
        scorers.count > 1
            ? "Scores of \(scorers.count) different scorers stand side by side: `preflight score` makes them alike."
            : nil
    }
}

extension Leaderboard.Row {
    /// Of the scored trials, those that did not end by themselves.
    package var note: String? {
        var parts: [String] = []
        if overBudget > 0 { parts.append("\(overBudget) stopped by its budget") }
        if stopped > overBudget { parts.append("\(stopped - overBudget) stopped early") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// Three digits are enough for a ratio.
    var perDollarText: String {
        guard let perDollar else { return "-" }
        guard abs(perDollar) >= 1, abs(perDollar) < 1e12 else { return TrialScore.text(perDollar) }
        return abs(perDollar) < 100
            ? TrialScore.text((perDollar * 100).rounded() / 100) : Figures.count(Int(perDollar.rounded()))
    }
}
