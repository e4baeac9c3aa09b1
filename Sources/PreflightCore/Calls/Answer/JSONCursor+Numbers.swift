extension JSONCursor {
    /// The most that a count of tokens, or another count in an answer, is believed.
    static let greatestCount = 1_000_000_000

    /// Reads a whole number from 0 to 1,000,000,000; passes over any other value and answers nil.
    mutating func count() -> Int? {
        guard let value = integer(), (0...Self.greatestCount).contains(value) else { return nil }
        return value
    }

    /// Reads a whole number; passes over any other value and answers nil.
    mutating func integer() -> Int? {
        let range = skipped()
        guard !isBroken, range.count <= 64 else { return nil }
        if range.count <= 18 {
            var value = 0
            for index in range {
                guard (48...57).contains(bytes[index]) else { return slowInteger(range) }
                value = value * 10 + Int(bytes[index] - 48)
            }
            return value
        }
        return slowInteger(range)
    }

    private func slowInteger(_ range: Range<Int>) -> Int? {
        guard let first = range.first, first < bytes.count, bytes[first] == 0x2D || (48...57).contains(bytes[first])
        else { return nil }
        return JSON.number(bytes.text(range)).int
    }

    /// Reads dollars from a number or a decimal string, rounded up; passes over any other value and answers nil.
    mutating func dollars() -> USD? {
        if peek() == UInt8(ascii: "\"") {
            return text().flatMap { USD(decimal: $0.string(in: bytes)) }
        }
        let range = skipped()
        guard !isBroken, range.count <= 400 else { return nil }
        return USD(decimal: UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// Reads true or false; passes over any other value and answers nil.
    mutating func bool() -> Bool? {
        switch peek() {
        case UInt8(ascii: "t"):
            skip()
            return true
        case UInt8(ascii: "f"):
            skip()
            return false
        default:
            skip()
            return nil
        }
    }

    /// Builds the next value whole: for rare and small things such as errors.
    mutating func json() -> JSON? {
        let range = skipped()
        guard !isBroken else { return nil }
        return try? JSON.parse([UInt8](bytes[range]))
    }
}
