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
            let newline = bytes[start...].firstIndex(of: 0x0A)
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
