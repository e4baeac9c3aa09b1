package import PreflightCore

/// What each trial cost against what it achieved, and the frontier: those that none does better for less.
package struct ScatterChart: Sendable {
    package struct Point: Sendable, Equatable {
        package var name: String
        package var cost: USD
        /// In units of which `ScatterChart.perPoint` make one.
        package var score: Int64
        /// Of the style sheet's palette.
        package var colour: Int
        /// What a reader should know of it; drawn as a ring.
        package var note: String?

        package init(name: String, cost: USD, score: Int64, colour: Int, note: String? = nil) {
            self.note = note
            self.name = name
            self.cost = cost
            self.score = score
            self.colour = colour
        }
    }

    package var points: [Point]
    package var frame: ChartFrame
    /// How many units of a point's score make one.
    package var perPoint: Int64
    /// What the points are, and what they are measured in.
    package var noun = "trial"
    private static let mostNames = 24

    package init(_ points: [Point], perPoint: Int64 = 1000, width: Int = 1020, height: Int = 420) {
        self.points = points
        self.perPoint = perPoint
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
        let score = ChartAxis.number(from: points.map(\.score).min() ?? 0, reaching: points.map(\.score).max() ?? 0) {
            text($0)
        }
        let frontier = frontier
        func x(_ point: Point) -> Int { frame.x(cost.place(point.cost.picodollars, on: frame.plotWidth)) }
        func y(_ point: Point) -> Int { frame.y(score.place(point.score, on: frame.plotHeight)) }
        func words(_ point: Point) -> String {
            "\(point.name) (\(point.cost), score \(text(point.score))\(point.note.map { ", \($0)" } ?? ""))"
        }
        let beside = points.filter { !frontier.contains($0) }
        let others = beside.prefix(Self.mostNames)
        let left = beside.count - others.count
        return frame.picture(
            id: id, title: "Cost and score",
            description: "\(Figures.counted(points.count, noun)). On the frontier, cheapest first: "
                + frontier.map(words).joined(separator: ", ") + "."
                + (others.isEmpty ? "" : " Beside it: \(others.map(words).joined(separator: ", ")).")
                + (left > 0 ? " And \(left) more." : ""),
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
                        "class": "dot \(style)\(point.note == nil ? "" : " ring")", "cx": ChartFrame.text(x(point)),
                        "cy": ChartFrame.text(y(point)),
                        "r": frontier.contains(point) ? "5" : "3.5",
                    ]
                ) { $0.element("title", words(point)) }
                guard named.contains(point.name) else { continue }
                let isRight = x(point) > frame.x(frame.plotWidth * 3 / 4)
                svg.element(
                    "text",
                    [
                        "class": "name", "x": ChartFrame.text(x(point) + (isRight ? -80 : 80)),
                        "y": ChartFrame.text(y(point)), "dy": "-0.3em", "text-anchor": isRight ? "end" : "start",
                    ], PlainText.cut(PlainText.oneLine(point.name), to: frame.width < 500 ? 22 : 40))
            }
        }
    }

    private func text(_ score: Int64) -> String { TrialScore.text(Double(score) / Double(perPoint)) }

    /// A score in thousandths as people write it: `0.85`, `12`.
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
