/// Where a string stands in JSON text, without its quotes.
struct JSONText {
    var range: Range<Int>
    /// Bytes of UTF-8 once escapes are resolved.
    var byteCount: Int
    var isEscaped: Bool

    var isEmpty: Bool { range.isEmpty }

    func string(in bytes: UnsafeRawBufferPointer) -> String {
        let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard isEscaped else { return String(decoding: slice, as: UTF8.self) }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.append(contentsOf: slice)
        quoted.append(UInt8(ascii: "\""))
        return (try? JSON.parse(quoted))?.string ?? String(decoding: slice, as: UTF8.self)
    }

    @inline(__always)
    func `is`(_ word: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool { JSONKey(bytes, self).is(word) }
}

/// A key, or another short word, to be compared.
struct JSONKey {
    let count: Int
    /// The first eight bytes, the first lowest, zeros behind a shorter key.
    private let head: UInt64
    private let bytes: UnsafeRawBufferPointer
    private let start: Int

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, _ text: JSONText) {
        self.bytes = bytes
        start = text.range.lowerBound
        count = text.range.count
        head = bytes.head(from: start, count: count)
    }

    @inline(__always)
    func `is`(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        let other = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard head == other.head(from: 0, count: count) else { return false }
        guard count > 8 else { return true }
        return (8..<count).allSatisfy { bytes[start + $0] == other[$0] }
    }
}
