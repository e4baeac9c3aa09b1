import PreflightCore

extension Comparison {
    /// For a terminal.
    package var text: String {
        var lines = ["Comparison \(headline)"]
        if let stamp { lines += ["", stamp] + likeness.differences.map { "  \($0.text)" } }
        for table in tables {
            lines += ["", table.title]
            lines += TextTable(header: table.header, alignments: table.alignments, rows: table.rows).lines()
        }
        lines.append("")
        lines += legend
        return lines.map(PlainText.oneLine).joined(separator: "\n") + "\n"
    }

    package var markdown: String {
        var page = Markdown()
        page.heading(1, "Comparison \(headline)")
        if let stamp {
            page.paragraph(stamp)
            page.list(likeness.differences.map(\.text))
        }
        for table in tables {
            page.heading(2, table.title)
            page.table(table.header, numbers: 2..<table.header.count, table.rows)
        }
        page.heading(2, "What the numbers mean")
        page.list(legend)
        return page.text
    }
}
