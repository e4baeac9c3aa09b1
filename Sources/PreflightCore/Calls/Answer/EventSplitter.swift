/// Cuts a stream of server-sent events, in any split, into the data of its events.
///
/// Data that lies whole in one piece of input is not copied. Line ends are `\n`, `\r\n` or `\r`; several data lines
/// are joined by `\n`; comments and other fields are passed over. An event larger than `limit` is given without data.
struct EventSplitter: Sendable {
    let limit: Int
    /// Complete data lines of the event that came in earlier pieces, joined.
    private(set) var data: [UInt8] = []
    private(set) var hasData = false
    /// The line that earlier pieces began.
    private(set) var line: [UInt8] = []
    /// Something of an event has come, and not the blank line that ends it.
    private(set) var isInEvent = false
    /// The event is too large to be kept.
    private(set) var isOversized = false
    /// The line of an oversized event has bytes, so its end is no blank line.
    private var isInDroppedLine = false
    private var skipsLineFeed = false

    init(limit: Int) { self.limit = limit }

    /// Where the data of an event is.
    enum Event {
        case inPlace(Range<Int>)
        case joined([UInt8])
        case empty
        case oversized
    }

    /// The next event that `bytes` completes, from `position` on, which is moved behind it; nil at the end.
    @inline(__always)
    mutating func next(in bytes: UnsafeRawBufferPointer, at position: inout Int) -> Event? {
        // The event's only data line so far, if it lies in `bytes`.
        var single: Range<Int>?
        while position < bytes.count {
            if skipsLineFeed {
                skipsLineFeed = false
                if bytes[position] == 0x0A {
                    position += 1
                    continue
                }
            }
            let start = position
            let end = bytes.lineEnd(from: start)
            guard end < bytes.count else {
                keep(&single, of: bytes)
                keepLine(bytes, start..<end)
                position = end
                return nil
            }
            position = end + 1
            if bytes[end] == 0x0D {
                if position == bytes.count {
                    skipsLineFeed = true
                } else if bytes[position] == 0x0A {
                    position += 1
                }
            }
            if !line.isEmpty || isInDroppedLine {
                endLine(bytes, start..<end)
            } else if start == end {
                return endEvent(single)
            } else {
                isInEvent = true
                guard let value = Self.dataValue(bytes, start..<end) else { continue }
                if hasData || single != nil {
                    keep(&single, of: bytes)
                    append(UnsafeRawBufferPointer(rebasing: bytes[value]))
                } else {
                    single = value
                }
            }
        }
        keep(&single, of: bytes)
        return nil
    }

    /// What is left when the stream ends without a blank line.
    mutating func finish() -> Event? {
        guard isInEvent else { return nil }
        if !line.isEmpty || isInDroppedLine { endLine(UnsafeRawBufferPointer(start: nil, count: 0), 0..<0) }
        return endEvent(nil)
    }

    private mutating func endEvent(_ single: Range<Int>?) -> Event {
        defer {
            isInEvent = false
            isOversized = false
            hasData = false
        }
        if isOversized { return .oversized }
        if let single { return single.count > limit ? .oversized : .inPlace(single) }
        guard hasData else { return .empty }
        defer { data = [] }
        return .joined(data)
    }

    private mutating func keep(_ single: inout Range<Int>?, of bytes: UnsafeRawBufferPointer) {
        guard let value = single else { return }
        single = nil
        append(UnsafeRawBufferPointer(rebasing: bytes[value]))
    }

    /// Adds a data line to the event.
    private mutating func append(_ value: UnsafeRawBufferPointer) {
        guard !isOversized, fits(value.count + 1) else { return }
        if hasData { data.append(0x0A) }
        hasData = true
        data.append(contentsOf: value)
    }

    private mutating func keepLine(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        isInEvent = true
        if isOversized || !fits(range.count) {
            isInDroppedLine = true
        } else {
            line.append(contentsOf: bytes[range])
        }
    }

    /// Ends the line that earlier pieces began.
    private mutating func endLine(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        keepLine(bytes, range)
        isInDroppedLine = false
        // Taken out, as the line and the data cannot be used at once.
        var whole: [UInt8] = []
        swap(&whole, &line)
        whole.withUnsafeBytes { whole in
            guard let value = Self.dataValue(whole, 0..<whole.count) else { return }
            append(UnsafeRawBufferPointer(rebasing: whole[value]))
        }
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &line)
    }

    /// Gives up on the event if it would become too large.
    private mutating func fits(_ count: Int) -> Bool {
        if data.count + line.count + count <= limit { return true }
        isOversized = true
        isInDroppedLine = isInDroppedLine || !line.isEmpty
        hasData = false
        data = []
        line = []
        return false
    }

    /// The value of a `data` line, without the one blank that may follow the colon; nil for any other line.
    @inline(__always)
    private static func dataValue(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> Range<Int>? {
        guard line.count >= 4, bytes[line.lowerBound] == UInt8(ascii: "d"),
            bytes[line.lowerBound + 1] == UInt8(ascii: "a"), bytes[line.lowerBound + 2] == UInt8(ascii: "t"),
            bytes[line.lowerBound + 3] == UInt8(ascii: "a")
        else { return nil }
        var start = line.lowerBound + 4
        guard start < line.upperBound else { return start..<start }
        guard bytes[start] == UInt8(ascii: ":") else { return nil }
        start += 1
        if start < line.upperBound, bytes[start] == 0x20 { start += 1 }
        return start..<line.upperBound
    }
}
