/// The measures that all charts share. Coordinates are tenths of a unit of the view box, as whole numbers.
package struct ChartFrame: Sendable {
    /// Of the whole picture, in units.
    package var width: Int
    package var height: Int
    /// Around the plot, in units: room for labels.
    package var left = 56
    package var right = 16
    package var top = 18
    package var bottom = 30

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// Of the plot, in tenths.
    var plotWidth: Int { max(10, (width - left - right) * 10) }
    var plotHeight: Int { max(10, (height - top - bottom) * 10) }

    func x(_ place: Int) -> Int { left * 10 + place }
    /// Upwards from the plot's lower edge.
    func y(_ place: Int) -> Int { top * 10 + plotHeight - place }

    /// `12.5` of 125.
    static func text(_ tenths: Int) -> String {
        let magnitude = abs(tenths)
        let sign = tenths < 0 ? "-" : ""
        return magnitude % 10 == 0 ? "\(sign)\(magnitude / 10)" : "\(sign)\(magnitude / 10).\(magnitude % 10)"
    }
}

extension ChartFrame {
    /// A picture with its name and description for those who do not see it.
    ///
    /// - Parameter id: of its own on the page.
    package func picture(
        id: String, title: String, description: String, class extra: String = "", _ body: (inout Markup) -> Void
    ) -> Markup {
        var markup = Markup()
        markup.element(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "class": extra.isEmpty ? "chart" : "chart \(extra)",
                "viewBox": "0 0 \(width) \(height)", "role": "img", "aria-labelledby": "\(id)-title \(id)-desc",
            ]
        ) {
            $0.element("title", ["id": "\(id)-title"], title)
            $0.element("desc", ["id": "\(id)-desc"], description)
            body(&$0)
        }
        return markup
    }

    /// Horizontal lines with labels at the left.
    func drawVertical(_ axis: ChartAxis, into markup: inout Markup) {
        for tick in axis.ticks {
            let y = Self.text(y(axis.place(tick.value, on: plotHeight)))
            markup.void(
                "line",
                [
                    "class": tick.value == 0 ? "base" : "grid", "x1": "\(left)", "x2": "\(width - right)", "y1": y,
                    "y2": y,
                ])
            markup.element(
                "text", ["class": "tick", "x": "\(left - 8)", "y": y, "dy": "0.32em", "text-anchor": "end"], tick.label)
        }
    }

    /// Labels below the plot.
    func drawHorizontal(_ axis: ChartAxis, into markup: inout Markup) {
        for tick in axis.ticks {
            let place = axis.place(tick.value, on: plotWidth)
            let x = Self.text(x(place))
            markup.void(
                "line",
                ["class": "notch", "x1": x, "x2": x, "y1": "\(height - bottom)", "y2": "\(height - bottom + 4)"])
            markup.element(
                "text",
                [
                    "class": "tick", "x": x, "y": "\(height - bottom + 18)",
                    // The last label must not be cut at the edge.
                    "text-anchor": place == 0 ? "start" : place > plotWidth - 150 ? "end" : "middle",
                ], tick.label)
        }
    }
}
