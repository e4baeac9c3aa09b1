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
        let (end, isEscaped, count) = LetterPairs.rows.withUnsafeBufferPointer { Self.text(base, start, pairs: $0) }
        tokens &+= count
        return (end, isEscaped)
    }

    private static func text(
        _ base: UnsafeRawPointer, _ start: Int, pairs: UnsafeBufferPointer<UInt32>
    ) -> (end: Int, isEscaped: Bool, tokens: Int) {
        var index = start
        var tokens = 0
        var isEscaped = false
        // The letters that would join the one before; none when that one is already part of a pair.
        var partners: UInt32 = 0
        var table = LetterPairs.within
        while true {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            index &+= 1
            let lower = Int(byte &- 97)
            if lower < 26 {
                if partners &>> UInt32(truncatingIfNeeded: lower) & 1 == 1 {
                    partners = 0
                } else {
                    tokens &+= 1
                    partners = pairs[table &+ lower]
                }
                table = LetterPairs.within
                continue
            }
            let upper = Int(byte &- 65)
            if upper < 26 {
                tokens &+= 1
                partners = pairs[table &+ LetterPairs.capital &+ upper]
                table = LetterPairs.within
                continue
            }
            partners = 0
            table = LetterPairs.within
            switch byte {
            case 0x20:
                let first = index
                while base.load(fromByteOffset: index, as: UInt8.self) == 0x20 { index &+= 1 }
                let next = base.load(fromByteOffset: index, as: UInt8.self) | 0x20
                if next &- 97 < 26 { table = LetterPairs.afterBlank }
                let blanks = index &- first &+ (table == LetterPairs.afterBlank ? 0 : 1)
                tokens &+= blanks <= 1 ? blanks : 1 &+ (blanks &+ 7) / 8
            case UInt8(ascii: "\\"):
                isEscaped = true
                let escape = Self.escape(base, index)
                tokens &+= escape.tokens
                index &+= escape.length
            case UInt8(ascii: "\""): return (index &- 1, isEscaped, tokens)
            default: tokens &+= 1
            }
        }
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
