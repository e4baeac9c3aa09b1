/// A line of the board: pieces of clean text, each with a look.
package struct BoardLine: Hashable, Sendable {
    package enum Style: String, Sendable {
        case plain, strong, dim, good, warning, bad

        /// Of a terminal's select-graphic-rendition sequence.
        var code: String? {
            switch self {
            case .plain: nil
            case .strong: "1"
            case .dim: "2"
            case .good: "32"
            case .warning: "33"
            case .bad: "31"
            }
        }
    }

    package struct Span: Hashable, Sendable {
        package var text: String
        package var style: Style
    }

    package private(set) var spans: [Span] = []

    package init() {}

    package init(_ text: String, _ style: Style = .plain) { append(text, style) }

    package mutating func append(_ text: String, _ style: Style = .plain) {
        guard !text.isEmpty else { return }
        if spans.last?.style == style {
            spans[spans.count - 1].text += text
        } else {
            spans.append(Span(text: text, style: style))
        }
    }

    package var text: String { spans.map(\.text).joined() }

    package var width: Int { spans.reduce(0) { $0 + CellText.width($1.text) } }

    /// Cut to fit.
    package func fitting(_ width: Int) -> BoardLine {
        guard self.width > width else { return self }
        var line = BoardLine()
        var left = width
        for span in spans where left > 0 {
            let columns = CellText.width(span.text)
            // The ellipsis needs its place in the span that does not fit, or at the end of the last one that just did.
            let cut = columns < left ? span.text : CellText.cut(span.text + "…", to: left)
            line.append(cut, span.style)
            left -= CellText.width(cut)
        }
        return line
    }

    /// With escape sequences for its looks, or without any.
    package func terminalText(isColoured: Bool) -> String {
        guard isColoured else { return text }
        return spans.map { span in
            span.style.code.map { "\u{1B}[\($0)m\(span.text)\u{1B}[0m" } ?? span.text
        }.joined()
    }
}
