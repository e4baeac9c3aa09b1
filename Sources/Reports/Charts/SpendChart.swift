package import PreflightCore

/// Spend over time of several trials, each with its cap: steps upwards, named at their ends.
package struct SpendChart: Sendable {
    package struct Line: Sendable {
        package var name: String
        package var curve: SpendCurve
        package var cap: USD?
        /// Which of the palette's colours, from 0; those beyond it are drawn quietly.
        package var colour: Int

        package init(name: String, curve: SpendCurve, cap: USD?, colour: Int) {
            self.name = name
            self.curve = curve
            self.cap = cap
            self.colour = colour
        }
    }

    /// Colours that the style sheet knows, `s0` to `s7`.
    package static let colours = 8
    /// Points of all lines together: so large a picture is still a small file.
    private static let mostPoints = 8000

    package var lines: [Line]
    package var frame: ChartFrame

    package init(_ lines: [Line], width: Int = 1020, height: Int = 380) {
        self.lines = lines
        frame = ChartFrame(width: width, height: height)
    }

    /// - Parameters:
    ///   - id: of its own on the page.
    ///   - extra: further classes.
    package func svg(id: String, class extra: String = "") -> Markup {
        let drawn = lines.filter { !$0.curve.points.isEmpty }
        let most = drawn.map(\.curve.peak).max() ?? .zero
        let end = lines.map(\.curve.end).max() ?? .zero
        let caps = Set(lines.compactMap(\.cap))
        // A cap far above all spend would press the lines to the ground.
        let shown = caps.filter { $0.picodollars / 3 <= most.picodollars }.sorted()
        let money = ChartAxis.money(reaching: max(most, shown.max() ?? .zero))
        let time = ChartAxis.time(reaching: end, ticks: frame.width < 500 ? 4 : 7)
        var frame = frame
        let names = labelled(drawn)
        let longest = names.map { min($0.name.count, Self.nameLength) }.max() ?? 0
        frame.right = max(frame.right, longest == 0 ? 0 : 14 + longest * 7)
        return frame.picture(
            id: id, title: "Spend over time", description: description(most: most, end: end), class: extra
        ) { svg in
            frame.drawVertical(money, into: &svg)
            frame.drawHorizontal(time, into: &svg)
            for cap in shown { draw(cap: cap, isOnly: caps.count == 1, money, frame, into: &svg) }
            let limit = max(16, Self.mostPoints / max(1, drawn.count))
            for line in drawn.reversed() {
                let d = path(line.curve.thinned(to: limit), time, money, frame)
                svg.element("path", ["class": Self.style(line), "d": d]) {
                    $0.element("title", "\(line.name): \(line.curve.spend) in \(line.curve.end.shortText)")
                }
            }
            for (line, y) in spread(names, money, frame) { draw(name: line, at: y, time, frame, into: &svg) }
        }
    }
}

extension SpendChart {
    private static let nameLength = 18

    private static func style(_ line: Line) -> String {
        line.colour < colours ? "line s\(line.colour)" : "line quiet"
    }

    private func description(most: USD, end: Duration) -> String {
        guard most > .zero else { return "No trial has spent anything." }
        let named = lines.sorted { $0.curve.spend > $1.curve.spend }.prefix(5).map { "\($0.name) \($0.curve.spend)" }
        return "Spend of \(lines.count) trials within \(end.shortText), at most \(most). The most: "
            + named.joined(separator: ", ") + "."
    }

    /// Those that get a name beside their end: as many as fit.
    private func labelled(_ drawn: [Line]) -> [Line] {
        let room = (frame.height - frame.top - frame.bottom) / 15
        return Array(drawn.filter { $0.colour < Self.colours }.sorted { $0.curve.spend > $1.curve.spend }.prefix(room))
    }

    private func path(_ curve: SpendCurve, _ time: ChartAxis, _ money: ChartAxis, _ frame: ChartFrame) -> String {
        var d = "M\(frame.left) \(ChartFrame.text(frame.y(0)))"
        for point in curve.points {
            let x = frame.x(time.place(point.at.wholeMicroseconds, on: frame.plotWidth))
            let y = frame.y(money.place(point.spend.picodollars, on: frame.plotHeight))
            d += "H\(ChartFrame.text(x))V\(ChartFrame.text(y))"
        }
        return d + "H\(ChartFrame.text(frame.x(time.place(curve.end.wholeMicroseconds, on: frame.plotWidth))))"
    }

    private func draw(cap: USD, isOnly: Bool, _ money: ChartAxis, _ frame: ChartFrame, into svg: inout Markup) {
        let y = frame.y(money.place(cap.picodollars, on: frame.plotHeight))
        let text = ChartFrame.text(y)
        svg.void(
            "line",
            ["class": "cap", "x1": "\(frame.left)", "x2": "\(frame.width - frame.right)", "y1": text, "y2": text])
        svg.element(
            "text", ["class": "cap-name", "x": "\(frame.left + 6)", "y": ChartFrame.text(y - 50)],
            isOnly ? "cap of each trial, \(cap)" : "cap \(cap)")
    }

    /// Heights of the names, none nearer to another than a line of text.
    private func spread(_ lines: [Line], _ money: ChartAxis, _ frame: ChartFrame) -> [(Line, Int)] {
        let gap = 145
        var placed = lines.map { ($0, frame.y(money.place($0.curve.spend.picodollars, on: frame.plotHeight))) }
            .sorted { $0.1 < $1.1 }
        for index in placed.indices.dropFirst() {
            placed[index].1 = max(placed[index].1, placed[index - 1].1 + gap)
        }
        // What was pushed below the plot comes up again.
        var floor = frame.y(0)
        for index in placed.indices.reversed() {
            placed[index].1 = min(placed[index].1, floor)
            floor = placed[index].1 - gap
        }
        return placed
    }

    private func draw(name line: Line, at y: Int, _ time: ChartAxis, _ frame: ChartFrame, into svg: inout Markup) {
        let edge = frame.width - frame.right
        svg.void(
            "circle",
            ["class": "dot s\(line.colour)", "cx": "\(edge + 6)", "cy": ChartFrame.text(y), "r": "3"])
        svg.element(
            "text",
            ["class": "name", "x": "\(edge + 13)", "y": ChartFrame.text(y), "dy": "0.32em"],
            PlainText.cut(PlainText.oneLine(line.name), to: Self.nameLength))
    }
}
