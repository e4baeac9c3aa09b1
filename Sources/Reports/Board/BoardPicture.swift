/// A frame of the board as a picture for documents: what a terminal shows, in SVG.
package enum BoardPicture {
    private static let cell = (width: 8.4, height: 18.0)
    private static let margin = 14.0

    /// - Parameter columns: of the terminal it was drawn for.
    package static func svg(_ lines: [BoardLine], columns: Int, title: String) -> String {
        let width = Double(columns) * cell.width + 2 * margin
        let height = Double(lines.count) * cell.height + 2 * margin
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(number(width))" height="\(number(height))" \
            viewBox="0 0 \(number(width)) \(number(height))" role="img" aria-label="\(escaped(title))">
            <title>\(escaped(title))</title>
            <style>text{font:14px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre;fill:#d8dee6}\
            .strong{fill:#fff;font-weight:700}.dim{fill:#7d8896}.good{fill:#7cc68d}.warning{fill:#e3b866}\
            .bad{fill:#ec7a74}</style>
            <rect width="100%" height="100%" rx="8" fill="#161a20"/>

            """
        for (row, line) in lines.enumerated() {
            let y = margin + Double(row) * cell.height + 13.5
            var column = 0
            for span in line.spans {
                let columns = CellText.width(span.text)
                defer { column += columns }
                guard span.text.contains(where: { $0 != " " }) else { continue }
                let x = margin + Double(column) * cell.width
                // The length is said, so that columns stand under one another in every font.
                out +=
                    "<text x=\"\(number(x))\" y=\"\(number(y))\" textLength=\"\(number(Double(columns) * cell.width))\""
                    + " lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\""
                    + (span.style == .plain ? "" : " class=\"\(span.style.rawValue)\"")
                    + ">\(escaped(span.text))</text>\n"
            }
        }
        return out + "</svg>\n"
    }

    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}
