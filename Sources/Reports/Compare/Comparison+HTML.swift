import PreflightCore

extension Comparison {
    /// One file that opens anywhere, in the look of reports.
    package var html: String {
        HTMLPage.make(title: "Comparison \(headline)") { page in
            page.element("header") { html in
                html.element("p", ["class": "kicker"], "Preflight comparison")
                html.element("h1", "Comparison \(headline)")
            }
            if let stamp {
                page.element("ul", ["class": "notes"]) { html in
                    html.element("li") { $0.element("strong", stamp) }
                    for difference in likeness.differences { html.element("li", difference.text) }
                }
            }
            for (index, table) in tables.enumerated() {
                page.element("section") { html in
                    html.element("h2", table.title)
                    Self.write(table, into: &html)
                    if index == 0 { writeEstimates(into: &html) }
                    if index == 2 { writeCompletion(into: &html) }
                }
            }
            page.element("section") { html in
                html.element("h2", "What the numbers mean")
                html.element("ul") { list in for line in legend { list.element("li", line) } }
            }
            page.element("footer", "Written by Preflight from the record of \(runs.joined(separator: ", ")).")
        }
    }

    private static func write(_ table: Table, into html: inout Markup) {
        func isNumber(_ column: Int) -> Bool {
            if case .right = table.alignments[column] { true } else { false }
        }
        html.table(
            table.title, table.header.enumerated().map { isNumber($0.offset) ? .number($0.element) : .text($0.element) }
        ) { html in
            for row in table.rows {
                html.element("tr") { cells in
                    for (column, text) in row.enumerated() {
                        if isNumber(column) { cells.number(text) } else { cells.element("td", text) }
                    }
                }
            }
        }
    }

    private func writeEstimates(into html: inout Markup) {
        let metric = settings.metric
        let rows = arms.enumerated().compactMap { index, arm in
            arm.estimate.map { IntervalChart.Row(name: arm.name, estimate: $0, interval: arm.interval, colour: index) }
        }
        guard rows.contains(where: { $0.interval != nil }) else { return }
        html.figure(
            IntervalChart(rows, title: "\(metric.noun) with its interval") { metric.text($0) }, id: "estimates",
            "\(metric.noun), and where it may lie as far as these trials tell. What is told apart is in the next table: "
                + "intervals of two may overlap and their difference be clear, since they met the same repetitions."
        ) { $0.svg(id: $1, class: $2) }
    }

    private func writeCompletion(into html: inout Markup) {
        let lines = arms.enumerated().filter { !$0.element.seen.isEmpty }.map { index, arm in
            CompletionChart.Line(name: arm.name, endurance: arm.spending, colour: index)
        }
        html.figure(
            CompletionChart(lines, cap: cap), id: "completion",
            "What was spent to the right, the share that has completed by then upwards. A line ends where the last of its "
                + "trials was cut off."
        ) { $0.svg(id: $1, class: $2) }
    }
}

/// A picture that is drawn anew for narrow screens.
protocol FramedChart {
    var frame: ChartFrame { get set }
}

extension IntervalChart: FramedChart {}
extension CompletionChart: FramedChart {}

extension Markup {
    /// - Parameter draw: gets the chart, an id of its own on the page, and a class.
    fileprivate mutating func figure<Chart: FramedChart>(
        _ chart: Chart, id: String, _ caption: String, _ draw: (Chart, String, String) -> Markup
    ) {
        element("figure") { figure in
            figure.append(draw(chart, "\(id)-wide", "wide"))
            var narrow = chart
            narrow.frame.width = 360
            figure.append(draw(narrow, "\(id)-narrow", "narrow"))
            figure.element("figcaption", caption)
        }
    }
}
