/// How long a call waits while the provider fails, instead of failing with it.
package struct OutageRule: Hashable, Sendable {
    /// From the first failure of an outage on; zero for not at all.
    package var limit: Duration
    /// Between a failure and the next attempt. Doubled with each failure of the same call, up to `longestPause`.
    package var firstPause = Duration.seconds(1)
    package var longestPause = Duration.seconds(15)
    /// How often a call is sent again that may have been billed. Each of these has a reservation of its own, and what
    /// was sent before stays held.
    package var doubtfulAttempts = 2

    package init(limit: Duration) { self.limit = limit }

    package static let none = OutageRule(limit: .zero)
    /// What trials behind the gateway get where their experiment says nothing.
    package static let standard = OutageRule(limit: .seconds(300))

    /// How long a call waits after a failure before it is sent again; nil where it fails.
    ///
    /// - Parameters:
    ///   - failures: of this call, this one included.
    ///   - lasting: since the outage's first failure.
    ///   - asked: what the provider wants to be left alone for.
    ///   - jitter: 0…1000, spreads calls that failed together over the second half of their pause.
    package func pause(after failures: Int, lasting: Duration, asked: Duration? = nil, jitter: Int = 1000) -> Duration?
    {
        let left = limit - lasting
        guard left > .zero else { return nil }
        if let asked, asked > .zero {
            // To come earlier would be refused, and later nobody waits any more.
            return asked <= left ? asked : nil
        }
        let doubled = (1..<max(1, min(failures, 32))).reduce(firstPause) { pause, _ in min(pause * 2, longestPause) }
        let pause = min(doubled, longestPause)
        return min(left, pause / 2 + pause * max(0, min(jitter, 1000)) / 2000)
    }
}

/// One outage as one trial meets it with one model: a fold of its calls' failures.
///
/// Times are since a fixed instant, by a clock that never jumps.
package struct Outage: Hashable, Sendable {
    package private(set) var since: Duration
    /// Calls that wait for its end now.
    package private(set) var waiting = 0
    private var lastFailure: Duration

    package init(since: Duration) {
        self.since = since
        lastFailure = since
    }

    /// A call has failed. After a silence as long as the limit it is another outage: nobody knows how it was meanwhile.
    package mutating func fail(at now: Duration, rule: OutageRule) {
        if waiting == 0, now - lastFailure > max(rule.limit, .seconds(1)) { since = now }
        lastFailure = now
    }

    package mutating func enter() { waiting += 1 }
    package mutating func leave() { waiting = max(0, waiting - 1) }
}
