import Foundation
package import PreflightCore

#if canImport(FoundationNetworking)
    package import FoundationNetworking
#endif

/// A client of OpenRouter's own API.
///
/// It keeps connections open between calls, bounds every call in time, and repeats a call only where that
/// is safe: a read, a change that can be made twice, or a call that was never accepted.
package struct OpenRouterClient: Sendable {
    package let baseURL: String
    let key: Secret
    let session: URLSession
    let retry: RetryPolicy
    let clock: any Clock<Duration>

    /// - Parameters:
    ///   - baseURL: with `/api/v1`, without a slash at the end.
    ///   - clock: what waits between attempts.
    package init(
        baseURL: String, key: Secret, session: URLSession = OpenRouterClient.makeSession(),
        retry: RetryPolicy = RetryPolicy(), clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.key = key
        self.session = session
        self.retry = retry
        self.clock = clock
    }

    /// The same connections with another key.
    package func with(key: Secret) -> OpenRouterClient {
        OpenRouterClient(baseURL: baseURL, key: key, session: session, retry: retry, clock: clock)
    }

    /// The same connections with another patience.
    package func with(retry: RetryPolicy) -> OpenRouterClient {
        OpenRouterClient(baseURL: baseURL, key: key, session: session, retry: retry, clock: clock)
    }

    /// A session that keeps no cookies, caches nothing and leaves timeouts to the calls.
    package static func makeSession() -> URLSession {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.httpMaximumConnectionsPerHost = 64
        return URLSession(configuration: configuration)
    }
}

/// When and how often a failed call is repeated.
package struct RetryPolicy: Sendable {
    /// All attempts together, the first included.
    package var attempts = 4
    package var firstDelay = Duration.milliseconds(250)
    package var longestDelay = Duration.seconds(8)
    /// A server that asks for a longer wait than this is not waited for.
    package var longestRetryAfter = Duration.seconds(30)
    /// A factor of 0.5…1 that spreads the attempts of many callers.
    package var jitter: @Sendable () -> Double = { Double.random(in: 0.5...1) }

    package init() {}

    package static var none: RetryPolicy {
        var policy = RetryPolicy()
        policy.attempts = 1
        return policy
    }

    /// How long to wait before the next attempt; nil when there is to be none.
    func delay(after error: OpenRouterError, attempt: Int, safety: Safety) -> Duration? {
        guard attempt < attempts, safety.allowsRepeat(after: error) else { return nil }
        if case .rateLimited(let wait?) = error.kind { return wait <= longestRetryAfter ? wait : nil }
        let doubled = (1..<max(attempt, 1)).reduce(firstDelay) { delay, _ in min(delay * 2, longestDelay) }
        return doubled * jitter()
    }

    /// What a second attempt could do.
    package enum Safety: Sendable {
        /// Reads, and changes that lead to the same state when made twice.
        case repeatable
        /// Makes something or costs something: repeated only if the first attempt was surely not accepted.
        case once

        func allowsRepeat(after error: OpenRouterError) -> Bool {
            switch (self, error.kind) {
            case (_, .unreachable), (_, .rateLimited): true
            case (.repeatable, .interrupted), (.repeatable, .server), (.repeatable, .unreadable): true
            default: false
            }
        }
    }
}
