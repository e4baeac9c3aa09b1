package import PreflightCore

/// What each trial cost against what it achieved, and the frontier: those that none does better for less.
package struct ScatterChart: Sendable {
    package struct Point: Sendable, Equatable {
        package var name: String
        package var cost: USD
        /// In thousandths.
        package var score: Int64
        /// Of the style sheet's palette.
        package var colour: Int

        package init(name: String, cost: USD, score: Int64, colour: Int) {
            self.name = name
            self.cost = cost
            self.score = score
            self.colour = colour
        }
    }

    package var points: [Point]
    package var frame: ChartFrame
    private static let mostNames = 24

    package init(_ points: [Point], width: Int = 760, height: Int = 360) {
        self.points = points
        frame = ChartFrame(width: width, height: height)
        frame.right = 24
    }

    /// Cheapest first; each scores more than all that cost no more than it.
    package var frontier: [Point] {
        var best: Int64?
        return points.sorted { ($0.cost, -$0.score, $0.name) < ($1.cost, -$1.score, $1.name) }.filter { point in
            guard best.map({ point.score > $0 }) ?? true else { return false }
            best = point.score
            return true
        }
    }

    /// - Parameter id: of its own on the page.
    package func svg(id: String, class extra: String = "") -> Markup {
        let cost = ChartAxis.money(reaching: points.map(\.cost).max() ?? .zero, ticks: frame.width < 500 ? 3 : 6)
        let score = ChartAxis.number(reaching: points.map(\.score).max() ?? 0) { Self.text($0) }
        let frontier = frontier
        func x(_ point: Point) -> Int { frame.x(cost.place(point.cost.picodollars, on: frame.plotWidth)) }
        func y(_ point: Point) -> Int { frame.y(score.place(point.score, on: frame.plotHeight)) }
        return frame.picture(
            id: id, title: "Cost and score",
            description: "\(points.count) trials. On the frontier, cheapest first: "
                + frontier.map { "\($0.name) (\($0.cost), \(Self.text($0.score)))" }.joined(separator: ", ") + ".",
            class: extra
        ) { svg in
            frame.drawVertical(score, into: &svg)
            frame.drawHorizontal(cost, into: &svg)
            if let first = frontier.first {
                let d = frontier.dropFirst().reduce("M\(ChartFrame.text(x(first))) \(ChartFrame.text(y(first)))") {
                    $0 + "H\(ChartFrame.text(x($1)))V\(ChartFrame.text(y($1)))"
                }
                svg.void("path", ["class": "frontier", "d": d + "H\(frame.width - frame.right)"])
            }
            let named = Set((frontier + points).prefix(Self.mostNames).map(\.name))
            for point in points {
                let style = point.colour < SpendChart.colours ? "s\(point.colour)" : "quiet"
                svg.element(
                    "circle",
                    [
                        "class": "dot \(style)", "cx": ChartFrame.text(x(point)), "cy": ChartFrame.text(y(point)),
                        "r": frontier.contains(point) ? "5" : "3.5",
                    ]
                ) { $0.element("title", "\(point.name): \(point.cost), score \(Self.text(point.score))") }
                guard named.contains(point.name) else { continue }
                let isRight = x(point) > frame.x(frame.plotWidth * 3 / 4)
                svg.element(
                    "text",
                    [
                        "class": "name", "x": ChartFrame.text(x(point) + (isRight ? -80 : 80)),
                        "y": ChartFrame.text(y(point)), "dy": "-0.3em", "text-anchor": isRight ? "end" : "start",
                    ], PlainText.cut(PlainText.oneLine(point.name), to: 22))
            }
        }
    }

    /// A score as people write it: `0.85`, `12`.
    package static func text(_ thousandths: Int64) -> String {
        let magnitude = thousandths.magnitude
        var text = "\(thousandths < 0 ? "-" : "")\(magnitude / 1000)"
        if magnitude % 1000 != 0 {
            var fraction = "\(magnitude % 1000 + 1000)".dropFirst()
            while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
            text += ".\(fraction)"
        }
        return text
    }
}
