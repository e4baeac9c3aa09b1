/// Walks JSON text once, in place: nothing is built and nothing is allocated.
///
/// Made for answers, of which a few members are wanted and the rest, mostly text, is passed over. It checks only as
/// much as it needs to find its way; text that leads it nowhere sets `isBroken`, after which every call ends at once.
/// The bytes must outlive it.
struct JSONCursor {
    let bytes: UnsafeRawBufferPointer
    private(set) var index = 0
    private(set) var isBroken = false
    /// A key with escapes was met, which no comparison here recognises.
    private(set) var hasEscapedKeys = false

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The first byte of the next value or mark; 0 at the end. Nothing but blanks is passed over.
    @inline(__always)
    mutating func peek() -> UInt8 {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte <= 0x20 else { return byte }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            index += 1
        }
        return 0
    }

    /// Whether nothing but blanks is left.
    var isAtEnd: Bool {
        var rest = self
        return !isBroken && rest.peek() == 0 && rest.index == bytes.count
    }

    /// Steps into an object; passes over any other value and answers false.
    @inline(__always)
    mutating func enterObject() -> Bool { enter(UInt8(ascii: "{")) }

    @inline(__always)
    mutating func enterArray() -> Bool { enter(UInt8(ascii: "[")) }

    @inline(__always)
    private mutating func enter(_ bracket: UInt8) -> Bool {
        guard peek() == bracket else {
            skip()
            return false
        }
        index += 1
        return true
    }

    /// The next key of the object that was entered; nil behind its end. Its value has to be read or skipped.
    @inline(__always)
    mutating func nextKey() -> AnswerWord? {
        var byte = peek()
        if byte == UInt8(ascii: ",") {
            index += 1
            byte = peek()
        }
        if byte == UInt8(ascii: "}") {
            index += 1
            return nil
        }
        guard byte == UInt8(ascii: "\""), let text = scanString(), peek() == UInt8(ascii: ":") else {
            abandon()
            return nil
        }
        index += 1
        if text.isEscaped { hasEscapedKeys = true }
        return text.word(in: bytes)
    }

    /// Whether the array that was entered has another element, which then has to be read or skipped.
    @inline(__always)
    mutating func hasNextElement() -> Bool {
        var byte = peek()
        if byte == UInt8(ascii: ",") {
            index += 1
            byte = peek()
        }
        if byte == UInt8(ascii: "]") {
            index += 1
            return false
        }
        guard byte != 0 else {
            abandon()
            return false
        }
        return !isBroken
    }

    /// Reads a string; passes over any other value and answers nil.
    @inline(__always)
    mutating func text() -> JSONText? {
        guard peek() == UInt8(ascii: "\"") else {
            skip()
            return nil
        }
        return scanString()
    }

    /// Reads a string that is one of few words; passes over any other value and answers nil.
    mutating func word() -> AnswerWord? { text()?.word(in: bytes) }

    /// Passes over one value.
    mutating func skip() {
        switch peek() {
        case UInt8(ascii: "\""): _ = scanString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): skipNested()
        default: skipWord()
        }
    }

    /// Passes over one value and tells where it stood.
    mutating func skipped() -> Range<Int> {
        _ = peek()
        let start = index
        skip()
        return start..<max(start, index)
    }

    mutating func abandon() {
        isBroken = true
        index = bytes.count
    }

    private mutating func skipNested() {
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard scanString() != nil else { return }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return }
        }
        abandon()
    }

    /// A number, true, false or null. One that reaches the end of the text may have been cut, and is none.
    private mutating func skipWord() {
        let start = index
        loop: while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x0A, 0x0D, 0x09: break loop
            case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break loop
            default: index += 1
            }
        }
        if index == start || index == bytes.count { abandon() }
    }

    /// Reads the string whose opening quote is next.
    @inline(__always)
    private mutating func scanString() -> JSONText? {
        let start = index + 1
        index = bytes.firstQuoteOrEscape(from: start)
        guard index < bytes.count else {
            abandon()
            return nil
        }
        guard bytes[index] == UInt8(ascii: "\"") else { return scanEscapedString(from: start) }
        index += 1
        return JSONText(range: start..<(index - 1), byteCount: index - 1 - start, isEscaped: false)
    }

    private mutating func scanEscapedString(from start: Int) -> JSONText? {
        var surplus = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                index += 1
                let end = index - 1
                return JSONText(range: start..<end, byteCount: max(0, end - start - surplus), isEscaped: true)
            }
            guard index + 1 < bytes.count else { break }
            if bytes[index + 1] == UInt8(ascii: "u") {
                guard index + 6 < bytes.count else { break }
                surplus += 6 - byteCount(ofUnitAt: index + 2)
                index += 6
            } else {
                surplus += 1
                index += 2
            }
            index = bytes.firstQuoteOrEscape(from: index)
        }
        abandon()
        return nil
    }

    /// Bytes of UTF-8 that the UTF-16 unit written there stands for; each half of a pair counts two.
    private func byteCount(ofUnitAt offset: Int) -> Int {
        let (first, second) = (bytes[offset], bytes[offset + 1])
        if first == UInt8(ascii: "0") {
            guard second < UInt8(ascii: "8") else { return 3 }
            return second == UInt8(ascii: "0") && bytes[offset + 2] < UInt8(ascii: "8") ? 1 : 2
        }
        return (first | 0x20) == UInt8(ascii: "d") && second >= UInt8(ascii: "8") ? 2 : 3
    }
}
