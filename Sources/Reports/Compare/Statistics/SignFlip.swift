import PreflightCore

/// How often chance alone would make a mean difference as large: if two arms are alike, each difference could as well
/// have had the other sign (Fisher's randomization test).
package enum SignFlip {
    /// Up to so many differences all ways to sign them are tried, beyond that some are drawn.
    package static let exactLimit = 14
    package static let fewestDraws = 20_000
    /// Dozens of arms are still told in seconds.
    static let mostDraws = 500_000
    /// What chance reaches so often need not be known more closely (Besag & Clifford, 1991).
    private static let plenty = 1000

    /// How many ways to draw: so many that p can fall far enough for each of all comparisons, and ten times that, or it
    /// would be a matter of luck.
    package static func draws(comparisons: Int, confidence: Double) -> Int {
        let wanted = 10 * Double(max(1, comparisons)) / (1 - confidence)
        return Int(min(max(wanted, Double(fewestDraws)), Double(mostDraws)))
    }

    /// The two-sided p value. 1 of nothing, and of what is beyond all numbers.
    package static func p(
        _ differences: [Double], seed: UInt64 = Bootstrap.standard.seed, draws: Int = SignFlip.fewestDraws
    ) -> Double {
        // What is zero has no sign to flip.
        let found = differences.filter { $0 != 0 }
        let largest = found.reduce(0.0) { max($0, abs($1)) }
        guard largest > 0, found.allSatisfy(\.isFinite) else { return 1 }
        // The size does not matter, and sums of the largest numbers there are would be none.
        let values = found.map { $0 / largest }
        let scale = values.reduce(0.0) { $0 + abs($1) }
        // Sums that differ by rounding alone are the same.
        let bound = abs(values.sum) - scale * 1e-9
        return values.count <= exactLimit ? exact(values, bound) : drawn(values, bound, seed, draws)
    }

    /// The least p value that so many differences can give: two of all ways are the one that was found and its mirror.
    package static func least(_ count: Int, draws: Int = SignFlip.fewestDraws) -> Double {
        guard count > 0 else { return 1 }
        let two = Double(sign: .plus, exponent: 1 - count, significand: 1)
        return count <= exactLimit ? two : max(two, 1 / Double(draws + 1))
    }

    private static func exact(_ values: [Double], _ bound: Double) -> Double {
        // The other half of the ways mirrors this one.
        let ways = 1 << (values.count - 1)
        var reached = 0
        for way in 0..<ways {
            var sum = 0.0
            for index in values.indices { sum += way >> index & 1 == 1 ? -values[index] : values[index] }
            if abs(sum) >= bound { reached += 1 }
        }
        return Double(reached) / Double(ways)
    }

    private static func drawn(_ values: [Double], _ bound: Double, _ seed: UInt64, _ draws: Int) -> Double {
        var random = SplitMix64(seed: seed)
        var reached = 0
        for draw in 0..<draws {
            if reached >= plenty, draw >= fewestDraws { return Double(reached + 1) / Double(draw + 1) }
            var (sum, bits, left) = (0.0, UInt64(0), 0)
            for value in values {
                if left == 0 { (bits, left) = (random.next(), 64) }
                sum += bits & 1 == 1 ? -value : value
                bits >>= 1
                left -= 1
            }
            if abs(sum) >= bound { reached += 1 }
        }
        return max(Double(reached + 1) / Double(draws + 1), least(values.count, draws: draws))
    }
}

/// Who looks at many differences finds some by chance: p values made larger so that one false find among all of them is
/// no likelier than among one (Holm, 1979).
package enum Holm {
    package static func adjusted(_ values: [Double]) -> [Double] {
        var adjusted = values
        var floor = 0.0
        for (rank, index) in values.indices.sorted(by: { (values[$0], $0) < (values[$1], $1) }).enumerated() {
            floor = max(floor, min(1, values[index] * Double(values.count - rank)))
            adjusted[index] = floor
        }
        return adjusted
    }
}
