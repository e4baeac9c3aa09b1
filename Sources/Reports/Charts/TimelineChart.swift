import PreflightCore

/// When each trial of a run ran: a bar from its beginning to its end, on one clock.
package struct TimelineChart: Sendable {
    package struct Bar: Sendable {
        package var name: String
        /// Since the run began.
        package var from: Duration
        package var to: Duration
        /// Of the style sheet: `well`, `warn`, `bad`, `calm`.
        package var style: String
        package var words: String

        package init(name: String, from: Duration, to: Duration, style: String, words: String) {
            self.name = name
            self.from = from
            self.to = to
            self.style = style
            self.words = words
        }
    }

    package var bars: [Bar]
    package var frame: ChartFrame
    private static let rowHeight = 20
    private static let nameLength = 22

    package init(_ bars: [Bar], width: Int = 760) {
        self.bars = bars
        frame = ChartFrame(width: width, height: 0)
        frame.top = 6
        let longest = bars.map { min($0.name.count, Self.nameLength) }.max() ?? 0
        frame.left = min(width / 3, 14 + longest * 7)
        frame.height = frame.top + frame.bottom + max(1, bars.count) * Self.rowHeight
    }

    /// - Parameter id: of its own on the page.
    package func svg(id: String, class extra: String = "") -> Markup {
        let end = bars.map(\.to).max() ?? .zero
        let time = ChartAxis.time(reaching: end, ticks: frame.width < 500 ? 4 : 7)
        return frame.picture(
            id: id, title: "When each trial ran",
            description: "\(bars.count) trials within \(end.shortText) of the run's beginning.", class: extra
        ) { svg in
            for tick in time.ticks {
                let x = ChartFrame.text(frame.x(time.place(tick.value, on: frame.plotWidth)))
                svg.void(
                    "line",
                    ["class": "grid", "x1": x, "x2": x, "y1": "\(frame.top)", "y2": "\(frame.height - frame.bottom)"])
            }
            frame.drawHorizontal(time, into: &svg)
            for (row, bar) in bars.enumerated() { draw(bar, row, time, into: &svg) }
        }
    }

    private func draw(_ bar: Bar, _ row: Int, _ time: ChartAxis, into svg: inout Markup) {
        let top = frame.top + row * Self.rowHeight
        let from = time.place(bar.from.wholeMicroseconds, on: frame.plotWidth)
        let to = time.place(bar.to.wholeMicroseconds, on: frame.plotWidth)
        let length = frame.width < 500 ? Self.nameLength - 8 : Self.nameLength
        svg.element(
            "text",
            [
                "class": "name", "x": "\(frame.left - 10)", "y": "\(top + Self.rowHeight / 2)", "dy": "0.32em",
                "text-anchor": "end",
            ], PlainText.cut(PlainText.oneLine(bar.name), to: length))
        svg.element(
            "rect",
            [
                "class": "part \(bar.style)", "x": ChartFrame.text(frame.x(from)), "y": "\(top + 5)",
                "width": ChartFrame.text(max(20, to - from)), "height": "\(Self.rowHeight - 10)", "rx": "2",
            ]
        ) { $0.element("title", "\(bar.name): \(bar.words)") }
    }
}
