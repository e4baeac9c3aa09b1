/// How long answers were, for each key and model: what a hold may expect. It is no bound.
///
/// A histogram for each, in steps of about a quarter; a value of bounded size.
package struct OutputLearning: Sendable {
    package struct Subject: Hashable, Sendable {
        package var key: String
        package var model: String

        package init(key: String, model: String) {
            self.key = key
            self.model = model
        }
    }

    /// Answers before a quantile is given.
    package static let minimumSamples = 16
    /// Where a histogram has this many, its counts are halved, so that it follows a change.
    package static let maximumSamples = 1_024

    private let capacity: Int
    private var histograms: [Subject: Histogram] = [:]
    private var clock = 0

    /// - Parameter capacity: subjects kept; the one unused for longest gives way.
    package init(capacity: Int = 512) { self.capacity = max(1, capacity) }

    package mutating func settle(_ subject: Subject, outputTokens: Int) {
        guard outputTokens >= 0 else { return }
        clock += 1
        if let index = histograms.index(forKey: subject) {
            return histograms.values[index].add(outputTokens, at: clock)
        }
        if histograms.count >= capacity, let oldest = histograms.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            histograms[oldest.key] = nil
        }
        histograms[subject, default: Histogram()].add(outputTokens, at: clock)
    }

    /// A length that at least `permille` of a thousand answers did not exceed; nil until enough were seen.
    package func quantile(_ permille: Int, of subject: Subject) -> Int? {
        guard let histogram = histograms[subject], histogram.samples >= Self.minimumSamples else { return nil }
        return histogram.quantile(permille)
    }
}

struct Histogram: Sendable {
    /// The largest value of each step: 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12 … by a quarter, to beyond any answer.
    static let limits: [Int] = {
        var limits = [0]
        while let last = limits.last, last < 4_000_000 { limits.append(max(last + 1, last * 5 / 4)) }
        return limits
    }()

    private var counts = [UInt32](repeating: 0, count: limits.count)
    private(set) var samples = 0
    private(set) var lastUse = 0

    mutating func add(_ value: Int, at use: Int) {
        if samples >= OutputLearning.maximumSamples {
            for index in counts.indices { counts[index] /= 2 }
            samples = counts.reduce(0) { $0 + Int($1) }
        }
        counts[Self.step(of: value)] += 1
        samples += 1
        lastUse = use
    }

    /// The first step whose limit is not below the value; the last one for what is beyond all.
    static func step(of value: Int) -> Int {
        var low = 0
        var high = limits.count - 1
        while low < high {
            let middle = (low + high) / 2
            if limits[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func quantile(_ permille: Int) -> Int {
        let wanted = (samples * min(1_000, max(0, permille)) + 999) / 1_000
        var seen = 0
        for (index, count) in counts.enumerated() {
            seen += Int(count)
            if seen >= wanted, seen > 0 { return Self.limits[index] }
        }
        return Self.limits.last ?? 0
    }
}
