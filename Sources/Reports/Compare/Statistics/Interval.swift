/// Where a figure may lie, as far as the sample tells.
package struct Interval: Hashable, Sendable {
    package var low: Double
    package var high: Double

    package init(_ low: Double, _ high: Double) {
        self.low = low
        self.high = high
    }

    package func contains(_ value: Double) -> Bool { low <= value && value <= high }
}

extension Interval {
    /// Wilson's interval for a share of few: it stays within 0 and 1, and 0 of 5 is not taken for never.
    ///
    /// - Parameters:
    ///   - count: of `total`, which is above 0.
    ///   - confidence: above 0 and below 1.
    package static func wilson(_ count: Int, of total: Int, confidence: Double) -> Interval {
        let (z, n) = (Normal.quantile((1 + confidence) / 2), Double(total))
        let share = Double(count) / n
        let middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        let reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return Interval(max(0, middle - reach), min(1, middle + reach))
    }

    /// Of a share that is known within bounds only: from the low end of the least to the high end of the most.
    package static func wilson(from least: Int, to most: Int, of total: Int, confidence: Double) -> Interval {
        Interval(
            wilson(least, of: total, confidence: confidence).low, wilson(most, of: total, confidence: confidence).high)
    }
}

extension Collection<Double> {
    var sum: Double { reduce(0, +) }
    /// Nil of nothing. Of numbers so large that their sum is none it is one all the same.
    package var mean: Double? {
        guard !isEmpty else { return nil }
        let (sum, count) = (self.sum, Double(self.count))
        let mean = sum.isFinite ? sum / count : reduce(0.0) { $0 + $1 / count }
        return mean
    }
}
