extension JSONReader {
    /// Steps over a string and gives what is between its quotes; the index must stand on the opening one.
    @inline(__always)
    mutating func string() throws(JSONScan.Failure) -> JSONScan.Text {
        index += 1
        let start = index
        skipPlain()
        if index < end, self[index] == UInt8(ascii: "\"") {
            index += 1
            return JSONScan.Text(range: start..<(index - 1), isEscaped: false)
        }
        return try unusualString(from: start)
    }

    /// Goes to the next byte that is a quote, a backslash, a control character or no ASCII, eight at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // A lane's top bit is set where the byte is zero (or below 0x20). Borrows make lanes above the first
            // hit unreliable, and only the first one is used.
            let hits = ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | (word &- ones &* 0x20) | word
            if hits & tops != 0 {
                // A subtraction alone also marks bytes of 0xA0 and above, which are hits anyway.
                index &+= (hits & tops).trailingZeroBitCount >> 3
                return
            }
            index &+= 8
        }
        while index < end {
            switch self[index] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x80...: return
            default: index += 1
            }
        }
    }

    @inline(never)
    private mutating func unusualString(from start: Int) throws(JSONScan.Failure) -> JSONScan.Text {
        var isEscaped = false
        while index < end {
            switch self[index] {
            case UInt8(ascii: "\""):
                index += 1
                return JSONScan.Text(range: start..<(index - 1), isEscaped: isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                try escape()
                skipPlain()
            case 0..<0x20: throw fail("control character in a string")
            case 0x80...: try wideCharacter()
            default: skipPlain()
            }
        }
        throw fail("unexpected end of a string")
    }

    private mutating func escape() throws(JSONScan.Failure) {
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
        case UInt8(ascii: "u"):
            index += 1
            for _ in 0..<4 {
                guard byte &- 48 < 10 || (byte | 0x20) &- 97 < 6 else { throw fail("expected a hexadecimal digit") }
                index += 1
            }
        default: throw fail("unknown escape")
        }
    }

    /// One character beyond ASCII, as the Unicode standard's table of well-formed UTF-8 has them.
    private mutating func wideCharacter() throws(JSONScan.Failure) {
        let first = self[index]
        let second = index + 1 < end ? self[index + 1] : 0
        let length: Int
        let seconds: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (length, seconds) = (2, 0x80...0xBF)
        case 0xE0: (length, seconds) = (3, 0xA0...0xBF)
        case 0xED: (length, seconds) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, seconds) = (3, 0x80...0xBF)
        case 0xF0: (length, seconds) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, seconds) = (4, 0x80...0xBF)
        case 0xF4: (length, seconds) = (4, 0x80...0x8F)
        default: throw fail("no UTF-8")
        }
        guard index + length <= end, seconds.contains(second) else { throw fail("no UTF-8") }
        for offset in 2..<max(2, length) where self[index + offset] & 0xC0 != 0x80 { throw fail("no UTF-8") }
        index += length
    }
}
