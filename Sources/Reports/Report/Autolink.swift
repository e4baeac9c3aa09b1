/// What readers of Markdown make into links and mentions by themselves, with no markup around it.
enum Autolink {
    /// A space without width, by its reference: what stands around it reads as before and is no address any more. A
    /// reference to the sign itself would not do, since some look for names once references are resolved.
    static let breaker = "&#8203;"

    /// Whether an address or a mention is to be broken behind a place: in `://`, `www.`, and behind an `@`.
    static func isBegun(behind place: Int, of text: [Unicode.Scalar]) -> Bool {
        let (before, rest) = (text[..<place], text[(place + 1)...])
        switch text[place] {
        case ":": return rest.starts(with: "//".unicodeScalars)
        case "w", "W": return rest.first == "." && before.suffix(2).map(\.properties.lowercaseMapping) == ["w", "w"]
        case "@":
            guard let next = rest.first, isWord(next) || next == "-" else { return false }
            // Behind a letter it is no mention, and without a point no address: the digest of an image, an attempt.
            guard let last = before.last, isWord(last) else { return true }
            return rest.drop { isWord($0) || $0 == "-" }.first == "."
        default: return false
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
    }
}
