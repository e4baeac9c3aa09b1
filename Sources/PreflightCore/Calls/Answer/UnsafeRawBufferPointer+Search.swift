extension UnsafeRawBufferPointer {
    /// The first `"` or `\` at or behind `start`; `count` if there is none.
    @inline(__always)
    func firstQuoteOrEscape(from start: Int) -> Int { first(UInt8(ascii: "\""), UInt8(ascii: "\\"), from: start) }

    /// The first line feed or carriage return at or behind `start`; `count` if there is none.
    @inline(__always)
    func lineEnd(from start: Int) -> Int { first(0x0A, 0x0D, from: start) }

    /// Eight bytes at a time: the subtraction borrows only at and above a byte that is zero, so the lowest mark
    /// is always a true one.
    @inline(__always)
    private func first(_ a: UInt8, _ b: UInt8, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index + 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let x = word ^ (ones &* UInt64(a))
            let y = word ^ (ones &* UInt64(b))
            let marks = (((x &- ones) & ~x) | ((y &- ones) & ~y)) & highs
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count {
            if self[index] == a || self[index] == b { return index }
            index += 1
        }
        return count
    }
}
