/// Lines of a file that spreadsheets read.
enum CSV {
    static func line(_ fields: [String]) -> String { fields.map(field).joined(separator: ",") + "\n" }

    /// Texts come from outside: none is to be a formula where the file is opened, and none makes a line of its own.
    static func field(_ text: String) -> String {
        var text = PlainText.oneLine(text)
        // A negative number is none.
        if let first = text.unicodeScalars.first, "=+-@".unicodeScalars.contains(first), !isNumber(text) {
            text = "'" + text
        }
        // By scalars: a mark with something on top of it is a mark to those who read the file. Some separate by `;`.
        guard text.unicodeScalars.contains(where: { ",;\"".unicodeScalars.contains($0) }) else { return text }
        var quoted = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        quoted.append("\"")
        return String(quoted)
    }

    /// As JSON writes one, with an exponent or without. Letters that only some read as a number, `-inf`, are none.
    private static func isNumber(_ text: String) -> Bool {
        text.utf8.allSatisfy { (48...57).contains($0) || ".eE+-".utf8.contains($0) } && Double(text) != nil
    }
}
