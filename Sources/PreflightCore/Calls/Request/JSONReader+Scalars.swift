extension JSONReader {
    /// Steps over a number or a literal.
    mutating func scalar() throws(JSONScan.Failure) {
        switch byte {
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), 48...57: try number()
        default: throw fail("expected a value")
        }
    }

    private mutating func literal(_ text: StaticString) throws(JSONScan.Failure) {
        for offset in 0..<text.utf8CodeUnitCount {
            guard byte == text.utf8Start[offset] else { throw fail("unexpected word") }
            index += 1
        }
    }

    private mutating func number() throws(JSONScan.Failure) {
        if byte == UInt8(ascii: "-") { index += 1 }
        let leading = byte
        let whole = digits()
        guard whole > 0 else { throw fail("expected a digit") }
        guard whole == 1 || leading != UInt8(ascii: "0") else { throw fail("leading zero") }
        if byte == UInt8(ascii: ".") {
            index += 1
            guard digits() > 0 else { throw fail("expected a digit") }
        }
        if byte | 0x20 == UInt8(ascii: "e") {
            index += 1
            if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") { index += 1 }
            guard digits() > 0 else { throw fail("expected a digit") }
        }
    }

    private mutating func digits() -> Int {
        let start = index
        while byte &- 48 < 10 { index += 1 }
        return index - start
    }
}
