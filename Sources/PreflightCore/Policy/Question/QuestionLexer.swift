/// Cuts an expression into words, each with its place.
struct QuestionLexer {
    enum Token: Hashable {
        /// A name, or one of the words `and`, `or`, `not`.
        case name(String)
        /// A number without a unit.
        case plain(String)
        case quantity(String, Question.Kind)
        case text(String)
        case symbol(String)
    }

    struct Word {
        var token: Token
        /// In the expression's bytes.
        var range: Range<Int>
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    static func words(_ text: String) throws(QuestionFault) -> [Word] {
        var lexer = QuestionLexer(text)
        var words: [Word] = []
        while let word = try lexer.next() { words.append(word) }
        return words
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private func isLetter(_ byte: UInt8) -> Bool { byte == 0x5F || byte >= 0x80 || (0x41...0x5A).contains(byte & 0xDF) }
    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func end(from start: Int, while holds: (UInt8) -> Bool) -> Int {
        var end = start
        while end < bytes.count, holds(bytes[end]) { end += 1 }
        return end
    }

    private mutating func next() throws(QuestionFault) -> Word? {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
        guard index < bytes.count else { return nil }
        let start = index
        let byte = bytes[index]
        if isDigit(byte) || byte == UInt8(ascii: "$") || byte == UInt8(ascii: ".") { return try number(start) }
        if isLetter(byte) {
            // Dots belong to names such as context.score.
            index = end(from: start) { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: ".") }
            return Word(token: .name(text(start..<index)), range: start..<index)
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            guard let close = bytes[(start + 1)...].firstIndex(of: byte) else {
                throw QuestionFault("a quotation mark is missing at the end", start..<bytes.count)
            }
            index = close + 1
            return Word(token: .text(text(start + 1..<close)), range: start..<index)
        }
        index += 1
        if index < bytes.count, bytes[index] == UInt8(ascii: "="), "<>=!".utf8.contains(byte) { index += 1 }
        let symbol = text(start..<index)
        let words = ["&": "and", "|": "or", "!": "not"]
        if let word = words[symbol] {
            throw QuestionFault("'\(symbol)' is not used here", start..<index, hint: "write the word '\(word)'")
        }
        guard ["<", ">", "<=", ">=", "==", "!=", "=", "+", "-", "*", "/", "(", ")", ","].contains(symbol) else {
            index = end(from: index) { $0 >= 0x80 && $0 < 0xC0 }
            throw QuestionFault("'\(text(start..<index))' is not used here", start..<index)
        }
        return Word(token: .symbol(symbol == "=" ? "==" : symbol), range: start..<index)
    }

    private mutating func number(_ start: Int) throws(QuestionFault) -> Word {
        let isMoney = bytes[start] == UInt8(ascii: "$")
        // Times may be joined: 1h30m.
        index = end(from: isMoney ? start + 1 : start) {
            isDigit($0) || isLetter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "%")
        }
        let number = text(start..<index)
        var kind: Question.Kind?
        if isMoney {
            kind = .money
            if bytes[index...].starts(with: "/min".utf8) {
                kind = .rate
                index += 4
            }
        } else if number.hasSuffix("%") {
            kind = .share
        } else if !number.utf8.allSatisfy(isDigit), DecimalText.scaled(number.utf8, by: 3, roundingUp: true) == nil {
            kind = .time
        }
        let range = start..<index
        guard let kind else { return Word(token: .plain(number), range: range) }
        guard kind.literal(text(range)) != nil else {
            throw QuestionFault(
                "'\(text(range))' is no quantity", range, hint: "such as $0.10, $0.05/min, 25%, 0.1%, 90s, 1h30m or 12")
        }
        return Word(token: .quantity(text(range), kind), range: range)
    }
}

/// What is wrong with an expression, and where in its bytes.
struct QuestionFault: Error {
    var message: String
    var range: Range<Int>
    var hint: String?

    init(_ message: String, _ range: Range<Int>, hint: String? = nil) {
        self.message = message
        self.range = range
        self.hint = hint
    }

    /// The expression with the place marked below it.
    func error(in text: String) -> PreflightError {
        let bytes = Array(text.utf8)
        func plain(_ range: Range<Int>) -> String {
            String(
                String(decoding: bytes[range.clamped(to: 0..<bytes.count)], as: UTF8.self)
                    .map { $0.isNewline || $0 == "\t" ? " " : $0 })
        }
        // What is long is shown around the place.
        let before = plain(0..<min(range.lowerBound, bytes.count))
        let marked = plain(range)
        let lead = before.count > 60 ? "…" + before.suffix(59) : before
        let after = plain(range.upperBound..<max(range.upperBound, bytes.count)).prefix(60)
        let mark =
            String(repeating: " ", count: lead.count) + String(repeating: "^", count: max(1, min(60, marked.count)))
        return PreflightError(.usage, "\(message)\n    \(lead)\(marked.prefix(60))\(after)\n    \(mark)", hint: hint)
    }
}
