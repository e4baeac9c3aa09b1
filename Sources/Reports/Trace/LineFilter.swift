import PreflightCore

/// What lines of a log somebody wants to see: words that must all be there, `-word` must not, `type:` and `source:` name
/// what an event's line begins with.
///
/// A word without capitals matches in any case.
package struct LineFilter: Sendable, Equatable {
    struct Word: Sendable, Equatable {
        var bytes: [UInt8]
        var ignoresCase: Bool
        var isUnwanted: Bool
    }

    private var words: [Word] = []
    private var types: Set<String> = []
    private var unwantedTypes: Set<String> = []
    private var sources: Set<String> = []

    /// Words past the twentieth count nothing.
    package init(_ text: String) {
        for part in text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" }).prefix(20) {
            let isUnwanted = part.hasPrefix("-") && part.count > 1
            let part = isUnwanted ? part.dropFirst() : part
            if part.hasPrefix("type:"), part.count > 5 {
                let names = part.dropFirst(5).split(separator: ",").map(String.init)
                if isUnwanted { unwantedTypes.formUnion(names) } else { types.formUnion(names) }
            } else if part.hasPrefix("source:"), part.count > 7, !isUnwanted {
                sources.formUnion(part.dropFirst(7).split(separator: ",").map(String.init))
            } else {
                let ignoresCase = !part.utf8.contains { (65...90).contains($0) }
                words.append(Word(bytes: Array(part.utf8), ignoresCase: ignoresCase, isUnwanted: isUnwanted))
            }
        }
    }

    package var isEmpty: Bool { words.isEmpty && types.isEmpty && sources.isEmpty && unwantedTypes.isEmpty }

    package func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        if !types.isEmpty || !sources.isEmpty || !unwantedTypes.isEmpty {
            guard let head = LineHead(line) else { return false }
            if !types.isEmpty, !types.contains(head.type) { return false }
            if unwantedTypes.contains(head.type) { return false }
            if !sources.isEmpty, !sources.contains(head.source.rawValue) { return false }
        }
        return words.allSatisfy { Self.contains(line, $0) != $0.isUnwanted }
    }

    private static func contains(_ line: UnsafeRawBufferPointer, _ word: Word) -> Bool {
        word.bytes.withUnsafeBufferPointer { letters in
            guard let first = letters.first, line.count >= letters.count else { return letters.isEmpty }
            let folds = word.ignoresCase
            var start = 0
            let last = line.count - letters.count
            while start <= last {
                if folded(line[start], folds) == first {
                    var length = 1
                    while length < letters.count, folded(line[start + length], folds) == letters[length] { length += 1 }
                    if length == letters.count { return true }
                }
                start += 1
            }
            return false
        }
    }

    private static func folded(_ byte: UInt8, _ folds: Bool) -> UInt8 {
        folds && byte >= 65 && byte <= 90 ? byte | 0x20 : byte
    }
}
