extension JSONScan.Text {
    /// The text with its escapes resolved. A lone surrogate becomes U+FFFD.
    func string(in bytes: UnsafeRawBufferPointer) -> String {
        guard isEscaped else { return bytes.text(range) }
        let quoted = Array(bytes[(range.lowerBound - 1)..<(range.upperBound + 1)])
        return (try? JSON.parse(quoted))?.string ?? ""
    }

    /// Is this the text, which is ASCII? Compares bytes; escapes are resolved first.
    func equals(_ other: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard !isEscaped else {
            // An escape has at most six bytes for one.
            guard range.count <= 6 * other.utf8CodeUnitCount else { return false }
            return Array(string(in: bytes).utf8) == Array(UnsafeBufferPointer(of: other))
        }
        return bytes.holds(other, in: range)
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func holds(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count where self[range.lowerBound &+ offset] != text.utf8Start[offset] { return false }
        return true
    }

    func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: self[range]).bindMemory(to: UInt8.self), as: UTF8.self)
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
        return text(in: bytes).string(in: bytes)
    }

    /// Is it this text?
    func equals(_ other: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        kind == .string && text(in: bytes).equals(other, in: bytes)
    }

    private func text(in bytes: UnsafeRawBufferPointer) -> JSONScan.Text {
        let inner = (value.lowerBound + 1)..<(value.upperBound - 1)
        let isEscaped = bytes.firstQuoteOrEscape(from: inner.lowerBound) < inner.upperBound
        return JSONScan.Text(range: inner, isEscaped: isEscaped)
    }

    /// The value of `true` and `false`; nil for other kinds.
    func bool(in bytes: UnsafeRawBufferPointer) -> Bool? {
        kind == .bool ? bytes[value.lowerBound] == UInt8(ascii: "t") : nil
    }

    /// A whole number, also when it is written `3.0` or `3e2`; nil for others, and for other kinds.
    func int(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard kind == .number else { return nil }
        if value.count <= 18 {
            var plain = 0
            for index in value {
                let digit = bytes[index] &- 48
                guard digit < 10 else { return JSON.number(bytes.text(value)).int }
                plain = plain &* 10 &+ Int(digit)
            }
            return plain
        }
        return JSON.number(bytes.text(value)).int
    }

    /// The value read as a tree; for small members.
    func json(in bytes: UnsafeRawBufferPointer) -> JSON? { try? JSON.parse(Array(bytes[value])) }
}
