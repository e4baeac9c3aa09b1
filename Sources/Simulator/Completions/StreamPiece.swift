/// The smallest thing a stream says at once.
enum StreamPiece: Sendable, Equatable {
    case reasoning(String)
    case text(String)
    case callStart(index: Int, id: String, name: String)
    case callArguments(index: Int, String)
}

extension Draft {
    /// The answer in the order it is streamed.
    var pieces: [StreamPiece] {
        var pieces = Self.split(reasoning ?? "").map(StreamPiece.reasoning)
        pieces += Self.split(text).map(StreamPiece.text)
        for (index, call) in toolCalls.enumerated() {
            pieces.append(.callStart(index: index, id: call.id, name: call.name))
            pieces += Self.split(call.arguments).map { .callArguments(index: index, $0) }
        }
        return pieces.isEmpty ? [.text("")] : pieces
    }

    /// At most some two hundred parts, none smaller than a few words.
    private static func split(_ text: String) -> [String] {
        if let parts = splitASCII(text) { return parts }
        let size = max(16, text.count / 200 + 1)
        var parts: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            parts.append(String(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return parts
    }

    /// The same for text in which bytes are characters, without looking for their borders.
    private static func splitASCII(_ text: String) -> [String]? {
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ $0 < 0x80 && $0 != 0x0D }) else { return nil }
        let size = max(16, bytes.count / 200 + 1)
        return stride(from: 0, to: bytes.count, by: size).map {
            String(decoding: bytes[$0..<min($0 + size, bytes.count)], as: UTF8.self)
        }
    }
}
