/// Columns of plain text, for terminals and files alike.
package struct TextTable {
    package enum Alignment { case left, right }

    var header: [String]
    var alignments: [Alignment]
    package var rows: [[String]]
    /// The last column is cut so that a line fits; nil for no bound.
    var width: Int?
    /// Blanks between columns.
    var gap: Int

    package init(
        header: [String], alignments: [Alignment], rows: [[String]] = [], width: Int? = nil, gap: Int = 2
    ) {
        self.header = header
        self.alignments = alignments
        self.rows = rows
        self.width = width
        self.gap = gap
    }

    /// Header, rule, rows; no line ends in blanks.
    package func lines() -> [String] {
        let all = [header] + rows
        var widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        if let width, let last = widths.indices.last {
            let before = widths.dropLast().reduce(0) { $0 + $1 + gap }
            widths[last] = min(widths[last], max(4, width - before))
        }
        var lines = all.map { row in
            row.indices.map { padded(row[$0], to: widths[$0], alignments[$0]) }.joined(
                separator: String(repeating: " ", count: gap)
            ).trimmedEnd
        }
        let rule = widths.reduce(0, +) + gap * max(0, widths.count - 1)
        lines.insert(String(repeating: "─", count: rule), at: 1)
        return lines
    }

    private func padded(_ text: String, to width: Int, _ alignment: Alignment) -> String {
        let text = PlainText.cut(text, to: width)
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return alignment == .left ? text + blanks : blanks + text
    }
}

/// Text from outside, made fit for one line of a terminal.
package enum PlainText {
    /// Control characters, escape sequences among them, become blanks: no agent writes to its owner's terminal.
    package static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                        || (0x202A...0x202E).contains(scalar.value)
                        || (0x2066...0x2069).contains(scalar.value) ? " " : scalar
                }))
    }

    package static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)])
    }
}
