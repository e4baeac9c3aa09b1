extension JSONScan.Text {
    /// The text with its escapes resolved. A lone surrogate becomes U+FFFD.
    func string(in bytes: UnsafeRawBufferPointer) -> String {
        guard isEscaped else { return String(decoding: bytes[range], as: UTF8.self) }
        let quoted = Array(bytes[(range.lowerBound - 1)..<(range.upperBound + 1)])
        return (try? JSON.parse(quoted))?.string ?? ""
    }

    /// Is this the text? Compares bytes; escapes are resolved first.
    func equals(_ other: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard !isEscaped else { return Array(string(in: bytes).utf8) == Array(UnsafeBufferPointer(of: other)) }
        guard range.count == other.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count where bytes[range.lowerBound + offset] != other.utf8Start[offset] {
            return false
        }
        return true
    }
}

extension UnsafeBufferPointer<UInt8> {
    init(of text: StaticString) {
        self.init(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}

extension JSONScan.Member {
    /// The text of a string value; nil for other kinds.
    func string(in bytes: UnsafeRawBufferPointer) -> String? {
        guard kind == .string else { return nil }
        let inner = (value.lowerBound + 1)..<(value.upperBound - 1)
        let isEscaped = bytes[inner].contains(UInt8(ascii: "\\"))
        return JSONScan.Text(range: inner, isEscaped: isEscaped).string(in: bytes)
    }

    /// The value of `true` and `false`; nil for other kinds.
    func bool(in bytes: UnsafeRawBufferPointer) -> Bool? {
        kind == .bool ? bytes[value.lowerBound] == UInt8(ascii: "t") : nil
    }

    /// A whole number, also when it is written `3.0` or `3e2`; nil for others, and for other kinds.
    func int(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard kind == .number else { return nil }
        return JSON.number(String(decoding: bytes[value], as: UTF8.self)).int
    }

    /// The value read as a tree; for small members.
    func json(in bytes: UnsafeRawBufferPointer) -> JSON? { try? JSON.parse(Array(bytes[value])) }
}
