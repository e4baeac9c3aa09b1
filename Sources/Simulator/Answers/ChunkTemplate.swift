import PreflightCore

/// A chunk that differs from the next in its text only, written once: most of a stream is made of these.
struct ChunkTemplate: Sendable {
    private let head: [UInt8]
    private let tail: [UInt8]

    /// What stands for the text in the chunk that is taken as the pattern; no other member may hold it.
    static let mark = "\u{E000}"

    /// Nil when the mark is not there.
    init?(_ pattern: JSON) {
        let bytes = pattern.bytes
        guard let range = bytes.firstRange(of: Array(Self.mark.utf8)) else { return nil }
        head = Array("data: ".utf8) + bytes[..<range.lowerBound]
        tail = bytes[range.upperBound...] + [0x0A, 0x0A]
    }

    func write(_ text: String, to events: inout EventBuffer) {
        events.append(head)
        let bytes = Array(text.utf8)
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 == 0x7F }) {
            events.append(Array(JSON.string(text).bytes.dropFirst().dropLast()))
        } else {
            events.append(bytes)
        }
        events.append(tail)
    }
}
