/// Markdown under construction, its tables padded so that they can be read as they are.
struct Markdown {
    private(set) var text = ""

    mutating func heading(_ level: Int, _ words: String) {
        if !text.isEmpty { text += "\n" }
        text += "\(String(repeating: "#", count: level)) \(Self.escape(words))\n"
    }

    mutating func paragraph(_ words: String) { text += "\n\(Self.escape(words))\n" }

    mutating func list(_ items: [String]) {
        guard !items.isEmpty else { return }
        text += "\n" + items.map { "- \(Self.escape($0))\n" }.joined()
    }

    /// - Parameter numbers: columns that are set to the right.
    mutating func table(_ header: [String], numbers: Range<Int> = 0..<0, _ rows: [[String]]) {
        let all = ([header] + rows).map { $0.map(Self.cell) }
        let widths = header.indices.map { column in max(3, all.map { $0[column].count }.max() ?? 0) }
        func line(_ cells: [String]) -> String {
            let padded = cells.indices.map { column in
                let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
                return numbers.contains(column) ? blanks + cells[column] : cells[column] + blanks
            }
            return "| " + padded.joined(separator: " | ") + " |\n"
        }
        text += "\n" + line(all[0])
        text +=
            "|"
            + header.indices.map { column in
                let dashes = String(repeating: "-", count: widths[column] + 1)
                return numbers.contains(column) ? " \(dashes.dropLast()):" : " \(dashes.dropLast()) "
            }.joined(separator: "|") + "|\n"
        text += all.dropFirst().map(line).joined()
    }

    private static func cell(_ text: String) -> String { escape(text) }

    /// Words from outside stay words: none becomes a link, a tag or another column.
    static func escape(_ text: String) -> String {
        let scalars = Array(PlainText.oneLine(text).unicodeScalars)
        var escaped = String.UnicodeScalarView()
        for (place, scalar) in scalars.enumerated() {
            if "\\`*_[]<>|&".unicodeScalars.contains(scalar) { escaped.append("\\") }
            escaped.append(scalar)
            if Autolink.isBegun(behind: place, of: scalars) {
                escaped.append(contentsOf: Autolink.breaker.unicodeScalars)
            }
        }
        return String(escaped)
    }
}
