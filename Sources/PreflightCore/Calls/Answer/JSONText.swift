/// Where a string stands in JSON text, without its quotes.
struct JSONText {
    var range: Range<Int>
    /// Bytes of UTF-8 once escapes are resolved.
    var byteCount: Int
    var isEscaped: Bool

    var isEmpty: Bool { range.isEmpty }

    func string(in bytes: UnsafeRawBufferPointer) -> String {
        guard isEscaped else { return bytes.text(range) }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.append(contentsOf: bytes[range])
        quoted.append(UInt8(ascii: "\""))
        return (try? JSON.parse(quoted))?.string ?? bytes.text(range)
    }

    func word(in bytes: UnsafeRawBufferPointer) -> AnswerWord { AnswerWord(bytes, range) }
}
