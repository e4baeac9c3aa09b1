/// HTML or SVG under construction: a tree of elements, written as text that an XML parser reads too.
///
/// Every text and every attribute is escaped here and nowhere else, so no name, reason or output of an agent becomes
/// markup.
package struct Markup: Sendable {
    package private(set) var text = ""

    package init() {}

    package typealias Attributes = KeyValuePairs<String, String?>

    /// An element with children. Attributes that are nil are left out.
    package mutating func element(
        _ name: StaticString, _ attributes: Attributes, _ body: (inout Markup) -> Void
    ) {
        open(name, attributes)
        text += ">"
        body(&self)
        text += "</\(name)>"
    }

    package mutating func element(_ name: StaticString, _ body: (inout Markup) -> Void) {
        element(name, [:], body)
    }

    /// An element that holds text.
    package mutating func element(_ name: StaticString, _ attributes: Attributes, _ words: String) {
        element(name, attributes) { $0.words(words) }
    }

    package mutating func element(_ name: StaticString, _ words: String) {
        element(name, [:]) { $0.words(words) }
    }

    /// An element that holds nothing: one of HTML's void elements, or a shape of SVG.
    package mutating func void(_ name: StaticString, _ attributes: Attributes = [:]) {
        open(name, attributes)
        text += "/>"
    }

    package mutating func words(_ words: String) { text += Self.escape(words) }

    package mutating func append(_ other: Markup) { text += other.text }

    /// Text of this program itself that must stand as it is: a style sheet, a script, a doctype.
    package mutating func verbatim(_ own: StaticString) { text += "\(own)" }

    private mutating func open(_ name: StaticString, _ attributes: Attributes) {
        text += "<\(name)"
        for (key, value) in attributes {
            if let value { text += " \(key)=\"\(Self.escape(value))\"" }
        }
    }

    /// Characters that mean something in markup become references; those that XML does not know, or that turn the
    /// direction of what follows, become blanks.
    package static func escape(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            default:
                let isUnfit =
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                    || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
                    || scalar.value & 0xFFFE == 0xFFFE
                escaped.unicodeScalars.append(isUnfit ? " " : scalar)
            }
        }
        return escaped
    }
}
