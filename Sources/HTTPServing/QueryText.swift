/// The parts of an address behind its host.
package enum QueryText {
    /// `%2F` and the like resolved; malformed escapes stay as they are.
    package static func decoded(_ text: some StringProtocol) -> String { decoded(text, plus: UInt8(ascii: "+")) }

    /// - Parameter plus: what a `+` stands for.
    private static func decoded(_ text: some StringProtocol, plus: UInt8) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Character(UnicodeScalar(bytes[index + 1])).hexDigitValue,
                let low = Character(UnicodeScalar(bytes[index + 2])).hexDigitValue
            {
                out.append(UInt8(high * 16 + low))
                index += 3
            } else {
                out.append(bytes[index] == UInt8(ascii: "+") ? plus : bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The first of equal names counts. Browsers write a blank as `+`, and a plus as `%2B`.
    package static func pairs(_ text: some StringProtocol) -> [String: String] {
        let blank = UInt8(ascii: " ")
        var pairs: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = decoded(parts[0], plus: blank)
            if pairs[name] == nil { pairs[name] = parts.count > 1 ? decoded(parts[1], plus: blank) : "" }
        }
        return pairs
    }
}
