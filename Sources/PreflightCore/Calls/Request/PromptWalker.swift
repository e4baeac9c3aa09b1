/// Walks the parts of a scanned request that become its prompt, and counts them.
///
/// Of messages it counts what reaches a model: texts, names, arguments, members that it does not know. Their framing
/// is counted at so many tokens each. Of tools and schemas it counts the JSON itself.
struct PromptWalker {
    /// Tokens of framing: a role and its delimiters; a part of a message; a tool's wrapping.
    static let perMessage = 8
    static let perPart = 4
    static let perTool = 16

    let bytes: UnsafeRawBufferPointer
    var reader: JSONReader
    var meter = TokenMeter()
    var counts = PromptMeasure.Counts()
    var isOpenEnded = false
    /// A picture lies elsewhere, where it may be another the next time.
    var hasRemoteImage = false
    private(set) var extras: [Extra] = []
    /// There were more of them than are kept.
    private(set) var hasMoreExtras = false
    var toolNames: [String] = []
    /// How many prompts the request holds: each is answered.
    var sequences = 0
    private(set) var firstMark: UInt64?
    /// A part of the prompt carries a mark for a cache.
    var isMarkedForCache = false
    private var lastMarks: [PromptMeasure.Mark] = []
    /// Where the oldest of them is, once there are as many as are kept.
    private var oldestMark = 0
    var hash = PrefixHash()

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let reader = JSONReader(bytes) else { return nil }
        self.bytes = bytes
        self.reader = reader
    }

    var countsSoFar: PromptMeasure.Counts {
        var counts = counts
        counts.tokens = meter.tokens
        return counts
    }

    /// The last ones, in the order of the messages.
    var marks: [PromptMeasure.Mark] {
        oldestMark == 0 ? lastMarks : Array(lastMarks[oldestMark...] + lastMarks[..<oldestMark])
    }

    mutating func mark() {
        let mark = PromptMeasure.Mark(hash: hash.value, counts: countsSoFar)
        if firstMark == nil { firstMark = hash.value }
        if lastMarks.count < PromptMeasure.maximumMarks {
            if lastMarks.isEmpty { lastMarks.reserveCapacity(8) }
            lastMarks.append(mark)
        } else {
            lastMarks[oldestMark] = mark
            oldestMark = (oldestMark + 1) % PromptMeasure.maximumMarks
        }
    }

    mutating func note(_ extra: Extra) {
        guard !extras.contains(extra) else { return }
        if extras.count < CallFacts.maximumExtras { extras.append(extra) } else { hasMoreExtras = true }
    }

    mutating func openEnd(_ extra: Extra? = nil) {
        isOpenEnded = true
        if let extra { note(extra) }
    }

    /// Counts the value at the index as text, its JSON included.
    mutating func wholeValue() throws(JSONScan.Failure) {
        var open = 0
        var isAfterTTL = false
        repeat {
            switch reader.byte {
            case UInt8(ascii: "\""):
                meter.add(2)
                let text = countedString()
                if isAfterTTL, !text.equals("5m", in: bytes) { note(Extra(.hourCache)) }
                isAfterTTL = text.range.count >= 3 && text.equals("ttl", in: bytes)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open += 1
                meter.add(1)
                reader.index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                open -= 1
                meter.add(1)
                reader.index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                meter.add(1)
                reader.index += 1
            default:
                let start = reader.index
                try reader.scalar()
                meter.add(reader.index - start)
            }
            if open > 0 { reader.skipBlanks() }
        } while open > 0
    }

    /// Counts a string's text; any other value as a whole.
    mutating func text() throws(JSONScan.Failure) {
        guard reader.byte == UInt8(ascii: "\"") else { return try wholeValue() }
        countedString()
    }

    /// Counts the string at the index and steps over it: it was scanned before.
    @discardableResult
    mutating func countedString() -> JSONScan.Text {
        let start = reader.index + 1
        let (end, isEscaped) = meter.count(reader.base, from: start)
        reader.index = end + 1
        return JSONScan.Text(range: start..<end, isEscaped: isEscaped)
    }

    /// Calls `body` for every element of the array at the index, which it must step over.
    mutating func elements(
        _ body: (inout PromptWalker) throws(JSONScan.Failure) -> Void
    ) throws(JSONScan.Failure) {
        guard reader.opens(closing: UInt8(ascii: "]")) else { return }
        repeat { try body(&self) } while try reader.continues(until: UInt8(ascii: "]"))
    }

    /// Calls `body` for every member of the object at the index; it must step over the value.
    mutating func members(
        _ body: (inout PromptWalker, JSONScan.Text) throws(JSONScan.Failure) -> Void
    ) throws(JSONScan.Failure) {
        guard reader.opens(closing: UInt8(ascii: "}")) else { return }
        repeat {
            let key = try reader.key()
            try body(&self, key)
        } while try reader.continues(until: UInt8(ascii: "}"))
    }
}
