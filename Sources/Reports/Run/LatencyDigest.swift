import PreflightCore

/// Many durations in little room: what share of them was at most how long. Exact for few, within one per cent for many.
package struct LatencyDigest: Sendable, Equatable {
    package private(set) var count = 0
    package private(set) var longest = Duration.zero
    private(set) var sum = Duration.zero
    /// How many lie in each cell. Cells are a microsecond wide up to 128 µs, and of 128 to each doubling from there on:
    /// some four thousand for all durations up to a day.
    private var cells: [Int: Int] = [:]
    /// All of them while they are few; of no use once there are more.
    private var few: [Duration] = []
    private static let fewest = 512

    package init() {}

    package mutating func take(_ duration: Duration) {
        let duration = max(.zero, duration)
        count += 1
        sum += duration
        longest = max(longest, duration)
        if count <= Self.fewest { few.append(duration) }
        cells[Self.cell(duration.wholeMicroseconds), default: 0] += 1
    }

    package static func + (a: LatencyDigest, b: LatencyDigest) -> LatencyDigest {
        var both = a
        both.count += b.count
        both.sum += b.sum
        both.longest = max(a.longest, b.longest)
        both.cells.merge(b.cells) { $0 + $1 }
        both.few = both.count <= fewest ? a.few + b.few : []
        return both
    }

    package var mean: Duration? { count > 0 ? sum / count : nil }

    /// The duration that so many of a thousand do not exceed (the nearest rank); nil without any.
    package func quantile(permille: Int) -> Duration? {
        guard count > 0 else { return nil }
        let rank = max(1, (count * min(1000, max(0, permille)) + 999) / 1000)
        if few.count == count { return few.sorted()[rank - 1] }
        var seen = 0
        for cell in cells.keys.sorted() {
            seen += cells[cell] ?? 0
            if seen >= rank { return min(longest, .microseconds(Self.top(of: cell))) }
        }
        return longest
    }

    private static func cell(_ microseconds: Int64) -> Int {
        let value = max(0, microseconds)
        guard value >= 128 else { return Int(value) }
        let doublings = 63 - value.leadingZeroBitCount - 7
        return 128 * (doublings + 1) + Int(value >> Int64(doublings)) - 128
    }

    /// The longest of a cell, in microseconds.
    private static func top(of cell: Int) -> Int64 {
        guard cell >= 128 else { return Int64(cell) }
        let doublings = cell / 128 - 1
        // Of the last cell of all it is the largest number there is.
        return (Int64(cell % 128 + 128 + 1) << Int64(doublings)) &- 1
    }
}

/// What of calls' latencies is shown.
package struct LatencyFigures: Sendable, Equatable {
    package var calls: LatencyDigest
    /// Until the first token, of calls that streamed.
    package var firstToken: LatencyDigest

    package init(calls: LatencyDigest = LatencyDigest(), firstToken: LatencyDigest = LatencyDigest()) {
        self.calls = calls
        self.firstToken = firstToken
    }

    package static func + (a: LatencyFigures, b: LatencyFigures) -> LatencyFigures {
        LatencyFigures(calls: a.calls + b.calls, firstToken: a.firstToken + b.firstToken)
    }

    package mutating func take(_ call: CallEntry) {
        // What was refused took no model's time.
        guard call.isAnswered || call.ending == .held else { return }
        if let duration = call.duration { calls.take(duration) }
        if let first = call.firstToken { firstToken.take(first) }
    }
}
