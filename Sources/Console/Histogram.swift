import PreflightCore

/// Counts of durations by their length. Sums are in whole microseconds.
struct Histogram: Sendable, Equatable {
    /// Upper ends of the buckets, in milliseconds.
    static let bounds: [Int64] = [
        50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    ]

    private(set) var counts = [Int](repeating: 0, count: bounds.count)
    private(set) var count = 0
    private(set) var sum: Int64 = 0

    mutating func observe(_ duration: Duration) {
        let micros = max(0, duration.wholeMicroseconds)
        if let index = Self.bounds.firstIndex(where: { micros <= $0 * 1000 }) { counts[index] += 1 }
        count += 1
        let (total, overflow) = sum.addingReportingOverflow(micros)
        sum = overflow ? .max : total
    }

    /// Each bucket holds those below it too, as Prometheus has them; the last is of all.
    var cumulative: [(bound: String, count: Int)] {
        var below = 0
        var buckets: [(String, Int)] = []
        for (bound, count) in zip(Self.bounds, counts) {
            below += count
            buckets.append((USD(picodollars: bound * 1_000_000_000).decimalText, below))
        }
        return buckets + [("+Inf", count)]
    }
}
