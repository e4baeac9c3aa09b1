/// Estimates with what surrounds them, a line each, on one axis.
package struct IntervalChart: Sendable {
    package struct Row: Sendable, Equatable {
        package var name: String
        package var estimate: Double
        /// Nil where nothing is claimed.
        package var interval: Interval?
        /// Of the style sheet's palette.
        package var colour: Int

        package init(name: String, estimate: Double, interval: Interval?, colour: Int) {
            self.name = name
            self.estimate = estimate
            self.interval = interval
            self.colour = colour
        }
    }

    package var rows: [Row]
    package var frame: ChartFrame
    private let title: String
    private let words: @Sendable (Double) -> String

    private static let rowHeight = 34
    private static let nameLength = 40

    /// - Parameters:
    ///   - title: what is estimated.
    ///   - words: a value for people.
    package init(
        _ rows: [Row], title: String, width: Int = 1020, words: @escaping @Sendable (Double) -> String
    ) {
        self.rows = rows
        self.title = title
        self.words = words
        frame = ChartFrame(width: width, height: 0)
        frame.left = 12
        frame.right = 24
        frame.height = frame.top + frame.bottom + rows.count * Self.rowHeight
    }

    /// - Parameter id: of its own on the page.
    package func svg(id: String, class extra: String = "") -> Markup {
        let ends = rows.flatMap { [$0.estimate, $0.interval?.low ?? $0.estimate, $0.interval?.high ?? $0.estimate] }
        let scale = Self.scale(ends.map(abs).max() ?? 0)
        func whole(_ value: Double) -> Int64 { Int64(exactly: (value * scale).rounded()) ?? 0 }
        let axis = ChartAxis.number(
            from: whole(ends.min() ?? 0), reaching: whole(ends.max() ?? 0), ticks: frame.width < 500 ? 3 : 6
        ) { words(Double($0) / scale) }
        func x(_ value: Double) -> Int { frame.x(axis.place(whole(value), on: frame.plotWidth)) }
        return frame.picture(
            id: id, title: title, description: rows.map(describe).joined(separator: "; ") + ".", class: extra
        ) { svg in
            frame.drawHorizontal(axis, into: &svg)
            for (index, row) in rows.enumerated() {
                let y = (frame.top + index * Self.rowHeight + 20) * 10
                svg.void(
                    "line",
                    [
                        "class": "grid", "x1": "\(frame.left)", "x2": "\(frame.width - frame.right)",
                        "y1": ChartFrame.text(y), "y2": ChartFrame.text(y),
                    ])
                svg.element(
                    "text", ["class": "name", "x": "\(frame.left)", "y": ChartFrame.text(y), "dy": "-0.6em"],
                    PlainText.cut(PlainText.oneLine(row.name), to: Self.nameLength))
                let style = row.colour < SpendChart.colours ? "s\(row.colour)" : "quiet"
                if let interval = row.interval {
                    let d =
                        "M\(ChartFrame.text(x(interval.low))) \(ChartFrame.text(y))"
                        + "H\(ChartFrame.text(x(interval.high)))"
                    svg.void("path", ["class": "line \(style)", "d": d])
                }
                svg.element(
                    "circle",
                    [
                        "class": "dot \(style)", "cx": ChartFrame.text(x(row.estimate)), "cy": ChartFrame.text(y),
                        "r": "5",
                    ]
                ) { $0.element("title", describe(row)) }
            }
        }
    }

    private func describe(_ row: Row) -> String {
        "\(row.name) \(words(row.estimate))"
            + (row.interval.map { " (\(words($0.low)) to \(words($0.high)))" } ?? "")
    }

    /// By which values become whole numbers, as fine as an axis can show: a power of ten.
    private static func scale(_ most: Double) -> Double {
        var scale = 1.0
        while most > 0, most * scale < 100_000, scale < 1e12 { scale *= 10 }
        return scale
    }
}
