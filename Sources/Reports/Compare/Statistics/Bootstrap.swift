import PreflightCore

/// Intervals by drawing from the sample again and again: the expanded percentile interval of Hesterberg (2015), whose
/// percentiles are moved out as far as Student's t lies outside the normal, since those of few values are too narrow.
///
/// The same seed draws the same resamples, whatever was asked before.
package struct Bootstrap: Hashable, Sendable {
    package var resamples: Int
    package var seed: UInt64

    package static let standard = Bootstrap(resamples: 10_000, seed: 1)
    /// With fewer values nothing is claimed: of three normal ones an interval of 95% would hold the mean 76 times of a
    /// hundred, whatever its percentiles.
    package static let fewest = 5

    package init(resamples: Int, seed: UInt64) {
        self.resamples = resamples
        self.seed = seed
    }

    /// Of a mean. Nil of too few values, or where all are alike and show no spread.
    package func interval(ofMean values: [Double], confidence: Double) -> Interval? {
        guard let first = values.first, values.contains(where: { $0 != first }) else { return nil }
        return interval(count: values.count, confidence: confidence) { drawn in
            var sum = 0.0
            for index in drawn { sum += values[index] }
            if sum.isFinite { return sum / Double(drawn.count) }
            return drawn.map { values[$0] }.mean.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// Of a ratio of sums. Nil of too few values, or where a tenth of the resamples or more have nothing below the line.
    package func interval(
        ofRatio values: [(above: Double, below: Double)], confidence: Double
    ) -> Interval? {
        interval(count: values.count, confidence: confidence) { drawn in
            var (above, below) = (0.0, 0.0)
            for index in drawn {
                above += values[index].above
                below += values[index].below
            }
            let ratio = above / below
            return below > 0 && ratio.isFinite ? ratio : nil
        }
    }

    private func interval(count: Int, confidence: Double, _ statistic: ([Int]) -> Double?) -> Interval? {
        guard count >= Self.fewest, resamples > 0 else { return nil }
        var random = SplitMix64(seed: seed)
        var drawn = [Int](repeating: 0, count: count)
        var found: [Double] = []
        found.reserveCapacity(resamples)
        for _ in 0..<resamples {
            for index in drawn.indices { drawn[index] = random.index(below: count) }
            if let value = statistic(drawn) { found.append(value) }
        }
        guard found.count * 10 > resamples * 9 else { return nil }
        found.sort()
        let share = Self.tail(confidence: confidence, count: count)
        return Interval(Self.quantile(found, share), Self.quantile(found, 1 - share))
    }

    /// Which share of the resamples lies below the interval.
    package static func tail(confidence: Double, count: Int) -> Double {
        let t = StudentT.quantile((1 - confidence) / 2, degrees: count - 1)
        return Normal.cumulative(t * (Double(count) / Double(count - 1)).squareRoot())
    }

    /// Between neighbours in proportion.
    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let place = share * Double(sorted.count - 1)
        let below = min(sorted.count - 1, max(0, Int(place)))
        let above = min(sorted.count - 1, below + 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
    }
}

extension SplitMix64 {
    mutating func index(below count: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(count)).high)
    }
}
