package import PreflightCore

/// Which share of trials has completed by what it spent: steps upwards, as far as trials were seen.
package struct CompletionChart: Sendable {
    package struct Line: Sendable {
        package var name: String
        /// In dollars.
        package var endurance: Endurance
        /// Of the style sheet's palette.
        package var colour: Int

        package init(name: String, endurance: Endurance, colour: Int) {
            self.name = name
            self.endurance = endurance
            self.colour = colour
        }
    }

    package var lines: [Line]
    package var frame: ChartFrame
    /// The most that any trial may have cost.
    private let cap: USD

    package init(_ lines: [Line], cap: USD, width: Int = 1020, height: Int = 320) {
        self.lines = lines
        self.cap = cap
        frame = ChartFrame(width: width, height: height)
        frame.right = 24
    }

    /// - Parameter id: of its own on the page.
    package func svg(id: String, class extra: String = "") -> Markup {
        let ends = lines.map { USD(dollars: $0.endurance.trials.map(\.amount).max() ?? 0) }
        let most = ends.max() ?? .zero
        // A cap far above all spend would press the lines to the left.
        let edge = cap.picodollars / 3 <= most.picodollars ? max(cap, most) : most
        let money = ChartAxis.money(reaching: edge, ticks: frame.width < 500 ? 3 : 6)
        let share = ChartAxis.number(reaching: 1000) { "\($0 / 10)%" }
        func x(_ amount: USD) -> String {
            ChartFrame.text(frame.x(money.place(amount.picodollars, on: frame.plotWidth)))
        }
        func y(_ value: Double) -> String {
            ChartFrame.text(frame.y(share.place(Int64((value * 1000).rounded()), on: frame.plotHeight)))
        }
        return frame.picture(
            id: id, title: "Completed by what was spent",
            description: lines.map(describe).joined(separator: "; ") + ".", class: extra
        ) { svg in
            frame.drawVertical(share, into: &svg)
            frame.drawHorizontal(money, into: &svg)
            for (line, end) in zip(lines, ends).reversed() {
                let d = line.endurance.steps.reduce("M\(frame.left) \(y(0))") {
                    $0 + "H\(x(USD(dollars: $1.amount)))V\(y($1.completed))"
                }
                let style = line.colour < SpendChart.colours ? "line s\(line.colour)" : "line quiet"
                // Whoever was seen to the end of all its trials goes on level; where one was cut off nobody knows.
                let reach = line.endurance.reach.isFinite ? end : USD(picodollars: money.top)
                svg.element("path", ["class": style, "d": d + "H\(x(reach))"]) {
                    $0.element("title", describe(line))
                }
            }
            // Lines rise: where they end, there is room below them.
            let edge = frame.width - frame.right
            for (index, line) in lines.prefix(SpendChart.colours).reversed().enumerated() {
                let place = frame.height - frame.bottom - 14 - index * 16
                svg.void(
                    "circle", ["class": "dot s\(line.colour)", "cx": "\(edge - 10)", "cy": "\(place)", "r": "4"])
                svg.element(
                    "text",
                    [
                        "class": "name", "x": "\(edge - 20)", "y": "\(place)", "dy": "0.32em", "text-anchor": "end",
                    ], PlainText.cut(PlainText.oneLine(line.name), to: 40))
            }
        }
    }

    private func describe(_ line: Line) -> String {
        "\(line.name) \(Decimals.text(line.endurance.completed() * 100, places: 0))%"
            + (line.endurance.medianToComplete.map { ", half by \(USD(dollars: $0))" } ?? "")
    }
}
