package import PreflightCore

/// How fast a run spends: over the last two minutes, and before it has seen ten seconds of them, since its beginning.
package struct BurnMeter: Hashable, Sendable {
    private struct Sample: Hashable, Sendable {
        var at: Timestamp
        var spent: USD
    }

    private var samples: [Sample] = []

    private static let window = Duration.seconds(120)
    /// Of less time a rate would say nothing.
    package static let least = Duration.seconds(10)
    private static let step = Duration.seconds(2)

    package init() {}

    /// Notes what was spent by then. What is lower than before, as a bill corrected, begins anew.
    package mutating func note(_ spent: USD, at now: Timestamp) {
        if let last = samples.last {
            if spent < last.spent || now < last.at { samples = [] } else if now - last.at < Self.step { return }
        }
        samples.append(Sample(at: now, spent: spent))
        // The oldest one kept is the last that is out of the window.
        while samples.count > 2, now - samples[1].at >= Self.window { samples.removeFirst() }
    }

    /// A minute's spend; nil while too little is known.
    package func perMinute(_ spent: USD, at now: Timestamp, since start: Timestamp?) -> USD? {
        if let first = samples.first, now - first.at >= Self.least {
            return Self.rate(max(.zero, spent - first.spent), in: now - first.at)
        }
        guard let start, now - start >= Self.least else { return nil }
        return Self.rate(spent, in: now - start)
    }

    /// How long `left` lasts at that rate; nil where nothing is spent.
    package static func time(for left: USD, at perMinute: USD) -> Duration? {
        guard perMinute > .zero else { return nil }
        let perSecond = max(1, perMinute.picodollars / 60)
        return .seconds(max(0, left.picodollars) / perSecond)
    }

    /// For a minute, of an amount that was spent in `time`.
    package static func rate(_ amount: USD, in time: Duration) -> USD {
        let milliseconds = max(1, time.wholeMicroseconds / 1000)
        let (whole, rest) = amount.picodollars.quotientAndRemainder(dividingBy: milliseconds)
        let (product, overflow) = whole.multipliedReportingOverflow(by: 60_000)
        guard !overflow else { return USD(picodollars: .max) }
        // `rest` is less than the milliseconds of two minutes, or of a run.
        let (part, tooMuch) = rest.multipliedReportingOverflow(by: 60_000)
        return USD(picodollars: product &+ (tooMuch ? 0 : part / milliseconds))
    }
}
