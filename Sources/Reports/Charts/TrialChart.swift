import PreflightCore

/// A trial on one axis of time: its calls, its tools, what was decided, and the money below its cap.
package struct TrialChart: Sendable {
    package var trace: TrialTrace
    /// How far the axis goes.
    package var end: Duration
    package var width: Int

    /// - Parameter end: since the trial began; the newest event where it is not so far.
    package init(_ trace: TrialTrace, end: Duration = .zero, width: Int = 900) {
        self.trace = trace
        self.end = max(end, trace.elapsed, .milliseconds(100))
        self.width = min(max(width, 300), 4000)
    }

    private static let lane = 22
    private static let money = 120

    /// - Parameter id: of its own on the page.
    package func svg(id: String) -> Markup {
        let isNarrow = width < 560
        var frame = ChartFrame(width: width, height: 0)
        frame.left = 64
        frame.top = 6 + 3 * Self.lane + 12
        frame.height = frame.top + Self.money + frame.bottom
        let time = ChartAxis.time(reaching: end, ticks: isNarrow ? 4 : 9)
        let cap = trace.curve.caps.last?.spend
        let spent = trace.curve.spend
        // A cap far above the spend would press the curve to the ground.
        let showsCap = cap.map { $0.picodollars / 8 <= spent.picodollars } ?? false
        let dollars = ChartAxis.money(reaching: max(spent, showsCap ? cap ?? .zero : .zero), ticks: 4)
        return frame.picture(id: id, title: "Timeline", description: description(cap: cap)) { svg in
            frame.drawVertical(dollars, into: &svg)
            frame.drawHorizontal(time, into: &svg)
            draw(lane: 0, "calls", trace.calls.spans, "call", time, frame, into: &svg)
            draw(lane: 1, "tools", trace.tools.spans, "tool", time, frame, into: &svg)
            drawMarks(time, frame, into: &svg)
            if showsCap, let cap { draw(cap: cap, dollars, frame, into: &svg) }
            svg.element("path", ["class": "line s0", "d": path(time, dollars, frame)]) {
                $0.element("title", "spent \(spent)\(cap.map { " of \($0)" } ?? "")")
            }
        }
    }

    private func description(cap: USD?) -> String {
        "\(trace.calls.count) calls, \(trace.tools.count) tools and \(trace.curve.spend)"
            + (cap.map { " of \($0)" } ?? "") + " in \(end.shortText)."
    }

    private func x(_ elapsed: Duration, _ time: ChartAxis, _ frame: ChartFrame) -> Int {
        frame.x(time.place(elapsed.wholeMicroseconds, on: frame.plotWidth))
    }

    private func name(_ text: String, lane: Int, _ frame: ChartFrame, into svg: inout Markup) {
        svg.element(
            "text",
            [
                "class": "tick", "x": "\(frame.left - 8)", "y": "\(6 + lane * Self.lane + Self.lane / 2)",
                "dy": "0.32em", "text-anchor": "end",
            ], text)
    }

    private func draw(
        lane: Int, _ title: String, _ spans: [TraceSpan], _ style: String, _ time: ChartAxis, _ frame: ChartFrame,
        into svg: inout Markup
    ) {
        name(title, lane: lane, frame, into: &svg)
        for span in spans {
            let start = x(span.start, time, frame)
            svg.element(
                "rect",
                [
                    "class": "span \(style)\(span.isFailure ? " failed" : "")", "x": ChartFrame.text(start),
                    "y": "\(6 + lane * Self.lane + 3)",
                    // Nothing is too short to be seen.
                    "width": ChartFrame.text(max(15, x(span.end, time, frame) - start)),
                    "height": "\(Self.lane - 6)", "rx": "1.5", "data-offset": "\(span.offset)",
                ]
            ) { $0.element("title", words(span)) }
        }
    }

    private func words(_ span: TraceSpan) -> String {
        (span.count > 1 ? "\(span.count) × " : "") + PlainText.cut(PlainText.oneLine(span.label), to: 80)
            + ", \((span.end - span.start).shortText)" + (span.cost.map { ", \($0)" } ?? "")
            + (span.isFailure ? ", failed" : "") + ", at \(span.start.shortText)"
    }

    /// Each stands at its moment; a verdict goes through all lanes, since everything after follows from it.
    private func drawMarks(_ time: ChartAxis, _ frame: ChartFrame, into svg: inout Markup) {
        name("events", lane: 2, frame, into: &svg)
        let middle = 6 + 2 * Self.lane + Self.lane / 2
        for mark in trace.marks {
            let place = x(mark.elapsed, time, frame)
            let text = ChartFrame.text(place)
            if mark.kind == .verdict {
                svg.void(
                    "line",
                    [
                        "class": "verdict", "x1": text, "x2": text, "y1": "6", "y2": "\(frame.height - frame.bottom)",
                    ])
            }
            svg.element(
                "path",
                [
                    "class": "mark \(mark.kind.rawValue)",
                    "d":
                        "M\(text) \(middle - 5)L\(ChartFrame.text(place + 50)) \(middle)L\(text) \(middle + 5)"
                        + "L\(ChartFrame.text(place - 50)) \(middle)Z",
                    "data-offset": "\(mark.offset)",
                ]
            ) {
                $0.element(
                    "title",
                    "\(mark.type) at \(mark.elapsed.shortText)\(mark.text.isEmpty ? "" : ": \(mark.text)")")
            }
        }
    }

    private func draw(cap: USD, _ dollars: ChartAxis, _ frame: ChartFrame, into svg: inout Markup) {
        let y = frame.y(dollars.place(cap.picodollars, on: frame.plotHeight))
        svg.void(
            "line",
            [
                "class": "cap", "x1": "\(frame.left)", "x2": "\(frame.width - frame.right)", "y1": ChartFrame.text(y),
                "y2": ChartFrame.text(y),
            ])
        svg.element(
            "text", ["class": "cap-name", "x": "\(frame.left + 6)", "y": ChartFrame.text(y + 130)], "cap \(cap)")
    }

    private func path(_ time: ChartAxis, _ dollars: ChartAxis, _ frame: ChartFrame) -> String {
        var d = "M\(frame.left) \(ChartFrame.text(frame.y(0)))"
        for point in trace.curve.points {
            d += "H\(ChartFrame.text(x(point.at, time, frame)))"
            d += "V\(ChartFrame.text(frame.y(dollars.place(point.spend.picodollars, on: frame.plotHeight))))"
        }
        return d + "H\(ChartFrame.text(x(end, time, frame)))"
    }
}
