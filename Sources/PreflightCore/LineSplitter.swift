/// Cuts a stream of bytes into lines, in bounded memory.
///
/// A line longer than `limit` is handed out once, cut there and marked; the rest of it is dropped. A carriage
/// return before the newline is dropped too.
package struct LineSplitter: Sendable {
    package let limit: Int
    private var partial: [UInt8] = []
    private var isDropping = false

    package init(limit: Int) { self.limit = limit }

    /// Calls `body` for every line that `bytes` completes.
    package mutating func split(
        _ bytes: UnsafeRawBufferPointer, _ body: (_ line: ArraySlice<UInt8>, _ isCut: Bool) -> Void
    ) {
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let newline = bytes.newline(from: start)
            let end = newline ?? bytes.endIndex
            append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), body)
            if newline != nil { endLine(body) }
            start = end + (newline == nil ? 0 : 1)
        }
    }

    /// Hands out what is left without a final newline.
    package mutating func finish(_ body: (_ line: ArraySlice<UInt8>, _ isCut: Bool) -> Void) {
        if !partial.isEmpty { endLine(body) }
        isDropping = false
    }

    private mutating func append(
        _ bytes: UnsafeRawBufferPointer, _ body: (ArraySlice<UInt8>, Bool) -> Void
    ) {
        guard !isDropping else { return }
        partial.append(contentsOf: bytes.prefix(limit - partial.count))
        if partial.count >= limit, bytes.count > 0 {
            body(partial[...], true)
            partial.removeAll(keepingCapacity: true)
            isDropping = true
        }
    }

    private mutating func endLine(_ body: (ArraySlice<UInt8>, Bool) -> Void) {
        if isDropping {
            isDropping = false
            return
        }
        body(partial.last == 0x0D ? partial.dropLast() : partial[...], false)
        partial.removeAll(keepingCapacity: true)
    }
}

extension UnsafeRawBufferPointer {
    /// The first line feed at or behind `start`. Eight bytes at a time, as `firstQuoteOrEscape` does it.
    fileprivate func newline(from start: Int) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index + 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ (ones &* 0x0A)
            let marks = (word &- ones) & ~word & highs
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count {
            if self[index] == 0x0A { return index }
            index += 1
        }
        return nil
    }
}
