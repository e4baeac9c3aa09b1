import PreflightCore
import Reports
import Testing

@Suite struct StatisticsTests {
    private func isNear(_ a: Double, _ b: Double, _ slack: Double = 0.0005) -> Bool { abs(a - b) <= slack }

    @Test(arguments: [(0.975, 1.959964), (0.5, 0.0), (0.995, 2.575829), (0.001, -3.090232)])
    func `quantiles of the normal are those of the tables`(share: Double, point: Double) {
        #expect(isNear(Normal.quantile(share), point, 1e-5))
        #expect(isNear(Normal.cumulative(point), share, 1e-6))
    }

    /// Two-sided 95% and one-sided 99.5%, as every table of t has them.
    @Test(arguments: [
        (0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 4, 2.7764), (0.975, 5, 2.5706), (0.975, 9, 2.2622),
        (0.975, 30, 2.0423), (0.995, 3, 5.8409), (0.995, 10, 3.1693), (0.025, 7, -2.3646),
    ])
    func `quantiles of t are those of the tables`(share: Double, degrees: Int, point: Double) {
        #expect(isNear(StudentT.quantile(share, degrees: degrees), point, 0.0002))
    }

    /// Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    @Test(arguments: [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ])
    func `Wilson's interval is as it was published`(count: Int, total: Int, low: Double, high: Double) {
        let interval = Interval.wilson(count, of: total, confidence: 0.95)
        #expect(isNear(interval.low, low, 0.0001) && isNear(interval.high, high, 0.0001), "\(interval)")
    }

    @Test func `a share that is known within bounds reaches from the low end to the high end`() {
        let both = Interval.wilson(from: 2, to: 5, of: 10, confidence: 0.95)
        #expect(both.low == Interval.wilson(2, of: 10, confidence: 0.95).low)
        #expect(both.high == Interval.wilson(5, of: 10, confidence: 0.95).high)
    }

    /// Fisher's pairs of Darwin's maize: 863 of 32,768 ways are as far off on one side.
    @Test func `sign flips of Darwin's maize give what Fisher reckoned by hand`() {
        let differences: [Double] = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
        // 15 pairs are more than are tried one by one: 20,000 draws come near 2 x 863 / 32,768 = 0.05267.
        #expect(isNear(SignFlip.p(differences), 0.05267, 0.005))
    }

    @Test func `few differences are flipped in all ways`() {
        #expect(SignFlip.p([1, 2, 3]) == 0.25)
        #expect(SignFlip.p([1, 2, 3, 4, 5, 6]) == 2.0 / 64)
        // |1 + 2 - 3| = 0 is reached by all 8.
        #expect(SignFlip.p([1, 2, -3]) == 1)
        // 4 - 1 = 3 at least: +4+1, +4-1 and their mirrors.
        #expect(SignFlip.p([4, -1]) == 1)
        #expect(SignFlip.p([0, 0, 5]) == 1, "a difference of nothing says nothing")
        #expect(SignFlip.p([]) == 1)
        // 0.1 + 0.2 is not 0.3 in binary; it is the same sum all the same.
        #expect(SignFlip.p([0.1, 0.2, -0.3]) == 1)
    }

    @Test func `no number of pairs gives less than its least p value`() {
        for count in 1...12 {
            #expect(SignFlip.p([Double](repeating: 1, count: count)) == SignFlip.least(count))
        }
    }

    @Test func `so many ways are drawn that each of all comparisons can be told apart`() {
        #expect(SignFlip.draws(comparisons: 1, confidence: 0.95) == SignFlip.fewestDraws)
        // Seven arms make 21 comparisons.
        let alike = [Double](repeating: 1, count: 30)
        #expect(SignFlip.p(alike) * 21 > 0.001)
        let draws = SignFlip.draws(comparisons: 21, confidence: 0.999)
        let p = SignFlip.p(alike, draws: draws)
        #expect(p == SignFlip.least(30, draws: draws) && p * 21 <= 0.001)
        // It ends somewhere all the same.
        let most = SignFlip.draws(comparisons: 1_000_000, confidence: 0.999)
        #expect(most == SignFlip.draws(comparisons: 2_000_000, confidence: 0.999) && most > draws)
        // Whatever is drawn of them, the one that was found and its mirror are two.
        #expect(SignFlip.least(15, draws: draws) == 2.0 / 32_768)
    }

    @Test func `numbers at the end of their range are neither lost nor told apart by that`() throws {
        let huge = -1.7e308
        #expect(SignFlip.p([Double](repeating: huge, count: 6)) == 2.0 / 64)
        #expect(SignFlip.p([huge, -huge, huge]) == 1)
        #expect(SignFlip.p([Double](repeating: -.infinity, count: 6)) == 1)
        #expect(SignFlip.p([Double](repeating: .nan, count: 6)) == 1)
        #expect([huge, huge].mean == huge)
        let bootstrap = Bootstrap(resamples: 1000, seed: 1)
        let interval = try #require(bootstrap.interval(ofMean: [huge, huge / 2, huge, huge, huge], confidence: 0.95))
        #expect(interval.low.isFinite && interval.high.isFinite && interval.high < 0)
        let pairs = [Double](repeating: 1.7e308, count: 6).map { (above: $0, below: 1.0) }
        #expect(bootstrap.interval(ofRatio: pairs, confidence: 0.95) == nil)
    }

    /// Holm's own order: the least times 4, the next times 3, never below the one before.
    @Test func `Holm's correction is the one reckoned by hand`() {
        let adjusted = Holm.adjusted([0.01, 0.04, 0.03, 0.005])
        for (found, expected) in zip(adjusted, [0.03, 0.06, 0.06, 0.02]) { #expect(isNear(found, expected, 1e-12)) }
        #expect(Holm.adjusted([0.6, 0.9]) == [1, 1])
        #expect(Holm.adjusted([]).isEmpty)
    }

    @Test func `a percentile is moved out as far as t lies outside the normal`() {
        // Hesterberg (2015), of 95%: z = t times the root of n/(n-1).
        let expected = Normal.cumulative(-2.262157 * (10.0 / 9).squareRoot())
        #expect(isNear(Bootstrap.tail(confidence: 0.95, count: 10), expected, 1e-6))
        #expect(Bootstrap.tail(confidence: 0.95, count: 10) < 0.01)
        #expect(isNear(Bootstrap.tail(confidence: 0.95, count: 1000), 0.025, 0.0005))
    }

    @Test func `nothing is claimed of four values, or of values that are all alike`() {
        let bootstrap = Bootstrap.standard
        #expect(bootstrap.interval(ofMean: [1, 2, 3, 4], confidence: 0.95) == nil)
        #expect(bootstrap.interval(ofMean: [1, 1, 1, 1, 1, 1], confidence: 0.95) == nil)
        #expect(bootstrap.interval(ofMean: [], confidence: 0.95) == nil)
        let five = bootstrap.interval(ofMean: [1, 2, 3, 4, 5], confidence: 0.95)
        #expect(
            five.map { $0.low < 1.6 && $0.high > 4.4 && $0.low >= 1 && $0.high <= 5 } == true,
            "\(String(describing: five))")
    }

    @Test func `the same seed draws the same, another draws otherwise`() throws {
        let values = [0.1, 0.7, 0.4, 0.9, 0.3, 0.5, 0.2, 0.8]
        let first = try #require(Bootstrap(resamples: 2000, seed: 7).interval(ofMean: values, confidence: 0.95))
        #expect(Bootstrap(resamples: 2000, seed: 7).interval(ofMean: values, confidence: 0.95) == first)
        #expect(Bootstrap(resamples: 2000, seed: 8).interval(ofMean: values, confidence: 0.95) != first)
        #expect(first.contains(values.mean ?? .nan))
    }

    @Test func `a ratio is one of sums, and is not claimed where it may have nothing below the line`() throws {
        let bootstrap = Bootstrap(resamples: 2000, seed: 1)
        let even = (1...6).map { (above: Double($0), below: Double($0) * 2) }
        let interval = try #require(bootstrap.interval(ofRatio: even, confidence: 0.95))
        #expect(abs(interval.low - 0.5) < 1e-12 && abs(interval.high - 0.5) < 1e-12)
        #expect(bootstrap.interval(ofRatio: [(1, 0), (1, 0), (1, 0), (1, 0), (1, 1)], confidence: 0.95) == nil)
    }

    /// What the interval promises: the true mean lies in it nearly as often as it says.
    @Test(arguments: [(5, 0.88), (8, 0.90), (20, 0.92)])
    func `intervals of a mean hold what is true about as often as they say`(count: Int, least: Double) {
        var random = SplitMix64(seed: 20_260_312)
        let bootstrap = Bootstrap(resamples: 400, seed: 3)
        let rounds = 500
        var held = 0
        for _ in 0..<rounds {
            // Differences of two trials that differ by 0.3, and stray as normal ones do.
            let values = (0..<count).map { _ in 0.3 + 0.5 * Self.normal(&random) }
            if bootstrap.interval(ofMean: values, confidence: 0.95)?.contains(0.3) == true { held += 1 }
        }
        let share = Double(held) / Double(rounds)
        #expect(share >= least && share <= 0.99, "\(share) of \(rounds) with \(count) values")
    }

    @Test func `sign flips find something where there is nothing no oftener than they say`() {
        var random = SplitMix64(seed: 5)
        let rounds = 1000
        let found = (0..<rounds).count { _ in
            SignFlip.p((0..<8).map { _ in Self.normal(&random) }) <= 0.05
        }
        // 50 of 1000 are promised at most; 20 more are chance (three deviations).
        #expect(found <= 70 && found >= 20, "\(found) of \(rounds)")
    }

    /// Twelve even ones less six: near enough.
    private static func normal(_ random: inout SplitMix64) -> Double {
        (0..<12).reduce(-6.0) { sum, _ in sum + Double(random.next() >> 11) / Double(1 << 53) }
    }
}
