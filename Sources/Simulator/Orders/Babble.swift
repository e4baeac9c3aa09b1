/// Text of a given length that a seed decides: what a model says when only the count of its tokens matters.
struct Babble {
    private static let words: [[UInt8]] = [
        "wall", "line", "turn", "grid", "left", "right", "ahead", "the", "a", "of", "and", "goes", "meets", "holds",
        "quickly", "slowly", "never", "always", "path", "corner", "board", "player", "round", "sum", "count", "is",
    ].map { Array($0.utf8) }

    /// ASCII that counts as exactly this many tokens, at four bytes each.
    static func text(tokens: Int, seed: UInt64) -> String {
        let size = tokens * Prompt.bytesPerToken
        var chance = IDSource(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 8)
        while bytes.count < size {
            bytes += words[chance.number(below: words.count)]
            bytes.append(UInt8(ascii: " "))
        }
        return String(decoding: bytes.prefix(size), as: UTF8.self)
    }
}
