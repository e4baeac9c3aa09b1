package import PreflightCore

/// A bar of parts of a whole, small enough for the cell of a table.
package struct PartsBar: Sendable {
    package struct Part: Sendable {
        package var amount: USD
        /// Of the style sheet: `more`, `unknown`, or none.
        package var style: String

        package init(_ amount: USD, _ style: String = "") {
            self.amount = amount
            self.style = style
        }
    }

    package var parts: [Part]
    package var whole: USD

    package init(_ parts: [Part], of whole: USD) {
        self.parts = parts
        self.whole = whole
    }

    /// - Parameter words: what the bar shows, for those who do not see it.
    package func svg(_ words: String) -> Markup {
        var markup = Markup()
        markup.element(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "class": "bar", "viewBox": "0 0 100 8",
                "preserveAspectRatio": "none", "role": "img", "aria-label": words,
            ]
        ) { svg in
            svg.void("rect", ["class": "trough", "width": "100", "height": "8", "rx": "1"])
            var start = 0
            for part in parts where part.amount > .zero {
                // What is there at all is seen.
                let width = min(1000 - start, max(8, part.amount.permille(of: whole)))
                guard width > 0 else { break }
                svg.void(
                    "rect",
                    [
                        "class": part.style.isEmpty ? "part" : "part \(part.style)", "x": ChartFrame.text(start),
                        "width": ChartFrame.text(width), "height": "8",
                    ])
                start += width
            }
        }
        return markup
    }
}
