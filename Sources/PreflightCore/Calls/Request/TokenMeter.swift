/// Counts tokens of text from above, without a tokenizer.
///
/// Held against the five vocabularies of `LetterPairs` it is above all of them: near 2 times the tokens of English and
/// code, 1 to 1.2 times those of random letters, digits, base64 and rare characters. Only text that is made up against
/// one vocabulary, from words that it cuts worst, can have more tokens: up to half as many again.
///
/// A token of a letter pair that every known vocabulary has is counted once (see `LetterPairs`); every other letter,
/// every digit, every other ASCII character and every byte beyond ASCII is one. One blank before a word is part of
/// the word; of more blanks, eight are one token. JSON escapes count by what they stand for.
struct TokenMeter {
    private(set) var tokens = 0

    mutating func add(_ more: Int) { tokens &+= more }

    /// Adds the tokens of a JSON string's text from `start` on. Gives where the quote is that ends it, and whether there
    /// are escapes in it.
    ///
    /// The string must have been scanned before: nothing here looks for the end of the memory.
    @discardableResult
    mutating func count(_ base: UnsafeRawPointer, from start: Int) -> (end: Int, isEscaped: Bool) {
        let characters = LetterPairs.characters
        return characters.signs.withUnsafeBufferPointer { signs in
            characters.partners.withUnsafeBufferPointer { partners in
                var index = start
                var isEscaped = false
                while true {
                    tokens &+= Self.stretch(base, &index, signs, partners)
                    guard base.load(fromByteOffset: index, as: UInt8.self) == UInt8(ascii: "\\") else {
                        return (index, isEscaped)
                    }
                    isEscaped = true
                    let escape = Self.escape(base, index &+ 1)
                    tokens &+= escape.tokens
                    index &+= 1 &+ escape.length
                }
            }
        }
    }

    /// Counts up to the next quote or backslash. Whether two characters join depends on them and the one before alone,
    /// but for that one which has joined is not free any more; so the loop needs no branch for it.
    @inline(__always)
    private static func stretch(
        _ base: UnsafeRawPointer, _ index: inout Int, _ signs: UnsafeBufferPointer<UInt64>,
        _ partners: UnsafeBufferPointer<UInt64>
    ) -> Int {
        func sign(_ index: Int) -> UInt64 { signs[Int(base.load(fromByteOffset: index, as: UInt8.self))] }
        let first = index
        var joined = 0
        var isTaken: UInt64 = 0
        var before: UInt64 = 0
        var here = sign(index)
        while here & LetterPairs.end == 0 {
            index &+= 1
            let next = sign(index)
            let row = Int(truncatingIfNeeded: here & LetterPairs.row | before & LetterPairs.blank)
            let joins: UInt64 = (partners[row] & next != 0 ? 1 : 0) & ~isTaken
            joined &+= Int(truncatingIfNeeded: joins)
            // A word's first letter is still free when the blank before it is part of the word.
            isTaken = joins & ~(here &>> LetterPairs.blankShift)
            if here & next & LetterPairs.blank != 0 { joined &+= skipBlanks(base, &index) }
            before = here
            here = next
        }
        return index &- first &- joined
    }

    /// From the second blank of a run to its last; gives by how much its tokens are fewer than its bytes.
    private static func skipBlanks(_ base: UnsafeRawPointer, _ index: inout Int) -> Int {
        let first = index &- 1
        while base.load(fromByteOffset: index &+ 1, as: UInt8.self) == 0x20 { index &+= 1 }
        let isBeforeWord = (base.load(fromByteOffset: index &+ 1, as: UInt8.self) | 0x20) &- 97 < 26
        let blanks = index &- first &+ (isBeforeWord ? 0 : 1)
        return max(0, blanks &- 1 &- (blanks &+ 7) / 8)
    }

    /// What the escape behind a backslash counts, and how many bytes it has.
    private static func escape(_ base: UnsafeRawPointer, _ index: Int) -> (tokens: Int, length: Int) {
        func byte(_ offset: Int) -> UInt8 { base.load(fromByteOffset: index &+ offset, as: UInt8.self) }
        guard byte(0) == UInt8(ascii: "u") else { return (1, 1) }
        func digit(_ offset: Int) -> UInt8 { byte(offset) | 0x20 }
        if byte(1) == 0x30, byte(2) == 0x30, byte(3) &- 0x30 < 8 { return (1, 5) }
        if byte(1) == 0x30, byte(2) &- 0x30 < 8 { return (2, 5) }
        // A pair of surrogates is one character of four bytes.
        let isHigh = digit(1) == UInt8(ascii: "d") && (byte(2) &- 0x38 < 2 || digit(2) &- 97 < 2)
        let isPair =
            isHigh && byte(5) == UInt8(ascii: "\\") && byte(6) == UInt8(ascii: "u")
            && digit(7) == UInt8(ascii: "d") && digit(8) &- 99 < 4
        return isPair ? (4, 11) : (3, 5)
    }
}
