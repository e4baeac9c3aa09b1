package import PreflightCore

/// What a report tells of scores: how models stand, and what quality costs.
extension RunReport {
    package var leaderboard: Leaderboard { Leaderboard(trials.map(\.summary)) }

    var isScored: Bool { trials.contains { $0.summary.score != nil } }

    /// A point for each model, by the means of its trials; nil where nothing was scored.
    package var qualityChart: ScatterChart? {
        let rows = leaderboard.rows.filter { $0.mean != nil }
        let most = rows.compactMap { $0.mean.map(abs) }.max() ?? 0
        guard !rows.isEmpty, most < 1e15 else { return nil }
        // As fine as it need be: of scores below a thousandth thousandths would be nothing.
        var perPoint: Int64 = 1000
        while perPoint < 1_000_000_000_000, most > 0, most * Double(perPoint) < 1_000_000 { perPoint *= 10 }
        var chart = ScatterChart(
            rows.enumerated().map { index, row in
                ScatterChart.Point(
                    name: "\(row.source)", cost: row.meanCost ?? .zero,
                    score: Int64(((row.mean ?? 0) * Double(perPoint)).rounded()), colour: index, note: row.note)
            }, perPoint: perPoint)
        chart.noun = "model"
        return chart
    }

    func writeScores(into page: inout Markup) {
        let board = leaderboard
        guard !board.isEmpty else { return }
        page.element("section") { html in
            html.element("h2", "Leaderboard")
            let frontier = Set(qualityChart?.frontier.map(\.name) ?? [])
            html.table(
                "Leaderboard", sortable: true,
                [
                    .number("rank"), .text("model"), .number("mean score"), .number("spread"), .number("lowest"),
                    .number("highest"), .number("mean cost"), .number("score per $"), .number("scored"),
                    .text("frontier"), .text("note"),
                ]
            ) { html in
                for row in board.rows { Self.write(row, isOnFrontier: frontier.contains("\(row.source)"), into: &html) }
            }
            if let caution = board.caution { html.element("p", ["class": "soft"], caution) }
            guard var chart = qualityChart else { return }
            html.element("h3", "What quality costs")
            html.element("figure") { figure in
                figure.append(chart.svg(id: "quality-wide", class: "wide"))
                chart.frame = ChartFrame(width: 360, height: 300)
                chart.frame.right = 24
                figure.append(chart.svg(id: "quality-narrow", class: "narrow"))
                figure.element(
                    "figcaption",
                    "Mean cost of a trial to the right, mean score upwards. On the dotted line are the models that none "
                        + "does better for less. Rings: some of its trials were stopped before their own end.")
            }
        }
    }

    private static func write(_ row: Leaderboard.Row, isOnFrontier: Bool, into html: inout Markup) {
        func real(_ value: Double?, _ cells: inout Markup, _ mark: String = "") {
            cells.number(
                value.map { mark + TrialScore.text($0) } ?? "-", sortedBy: value.map { JSON.real($0).text } ?? "")
        }
        html.element("tr") { cells in
            cells.number(row.rank.map(String.init) ?? "-", sortedBy: "\(row.rank ?? .max)")
            cells.element("th", ["scope": "row"], "\(row.source)")
            real(row.mean, &cells)
            real(row.spread, &cells, "±")
            real(row.scores.first, &cells)
            real(row.scores.last, &cells)
            cells.number(row.meanCost.map { "\($0)" } ?? "-", sortedBy: row.meanCost?.decimalText ?? "")
            cells.number(row.perDollarText, sortedBy: row.perDollar.map { JSON.real($0).text } ?? "")
            cells.number("\(row.scores.count) of \(row.trials)", sortedBy: "\(row.scores.count)")
            cells.element("td", isOnFrontier ? "yes" : "")
            cells.element("td", row.note ?? "")
        }
    }

    func writeScores(into text: inout Markdown) {
        let board = leaderboard
        guard !board.isEmpty else { return }
        let frontier = Set(qualityChart?.frontier.map(\.name) ?? [])
        text.heading(2, "Leaderboard")
        text.table(
            LeaderboardTable.columns.dropLast() + ["frontier", "note"], numbers: 2..<7,
            board.rows.map { row in
                let cells = LeaderboardTable.cells(row)
                return cells.dropLast() + [frontier.contains("\(row.source)") ? "yes" : "", cells.last ?? ""]
            })
        if let caution = board.caution { text.paragraph(caution) }
    }

    /// Null where nothing was scored.
    var leaderboardJSON: JSON? {
        let board = leaderboard
        guard !board.isEmpty else { return nil }
        let frontier = Set(qualityChart?.frontier.map(\.name) ?? [])
        return .array(
            board.rows.map { row in
                var object = row.json.object ?? JSON.Object()
                object.append("on_frontier", .bool(frontier.contains("\(row.source)")))
                return .object(object)
            })
    }
}
