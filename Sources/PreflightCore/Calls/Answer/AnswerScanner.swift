/// Reads one JSON document of an answer, a stream's event or a whole body, into the facts, without building it.
struct AnswerScanner {
    var cursor: JSONCursor
    /// The document's `choices` are empty and it has usage: what OpenAI adds for `include_usage`.
    var isUsageOnly = false
    /// Where the `response` of OpenAI's responses stood.
    var response: Range<Int>?

    var bytes: UnsafeRawBufferPointer { cursor.bytes }

    init(_ bytes: UnsafeRawBufferPointer) { cursor = JSONCursor(bytes) }

    /// Whether it was one whole JSON object.
    var isComplete: Bool { cursor.isAtEnd }

    @inline(__always)
    mutating func read(into facts: inout AnswerFacts) {
        let (producedBefore, reasonedBefore) = (facts.producedBytes, facts.reasoningBytes)
        scan(into: &facts)
        // No server is known to escape the keys it sends. It costs nothing to be right about one that does.
        if cursor.hasEscapedKeys, let plain = try? JSON.parse([UInt8](bytes)).bytes {
            facts.producedBytes = producedBefore
            facts.reasoningBytes = reasonedBefore
            plain.withUnsafeBytes { plain in
                var again = AnswerScanner(plain)
                again.scan(into: &facts)
                isUsageOnly = again.isUsageOnly
            }
        }
        if facts.producedBytes > producedBefore { facts.contentEvents += 1 }
    }

    @inline(__always)
    private mutating func scan(into facts: inout AnswerFacts) {
        switch facts.dialect {
        case .chat, .completions, .embeddings: readChat(into: &facts)
        case .messages: readMessages(into: &facts)
        case .responses: readResponses(into: &facts)
        }
    }

    /// A string that is kept once it is not empty: an id, a name.
    mutating func keepText(in member: inout String?) {
        guard member == nil else { return cursor.skip() }
        guard let text = cursor.text(), !text.isEmpty, text.range.count <= 1024 else { return }
        member = text.string(in: bytes)
    }

    /// Adds up the text of a string; anything else is passed over.
    @inline(__always)
    mutating func countText() -> Int { cursor.text()?.byteCount ?? 0 }

    /// Reads an `error` unless it is null.
    mutating func readError(into facts: inout AnswerFacts) {
        switch cursor.peek() {
        case UInt8(ascii: "{"), UInt8(ascii: "\""):
            if let error = cursor.json().flatMap(AnswerError.init(json:)) { facts.error = error }
        default: cursor.skip()
        }
    }
}
