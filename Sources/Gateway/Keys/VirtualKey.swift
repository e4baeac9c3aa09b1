package import PreflightCore
package import Store
import Synchronization

/// What a caller shows instead of the upstream's key, and what it may do with it.
package final class VirtualKey: Sendable {
    /// Its number in the store, or a name for one that lives only as long as its trial.
    package let id: String
    /// The first and last characters, to tell keys apart by.
    package let label: String
    package let scope: ScopeID
    package let scopeName: String
    /// Empty: any model.
    package let models: [ModelPattern]
    package let expiresAt: Timestamp?
    package let callsPerMinute: Int?
    /// The only listener it is good at; nil for any that asks for no binding.
    package let listener: String?
    /// The only upstream that its calls go to; nil: where the routes lead.
    package let upstream: String?
    /// Sent upstream in place of the upstream's own.
    package let upstreamKey: Secret?
    private let revoked = Atomic(false)
    private let rate = Mutex(Rate())

    /// A bucket that fills with time: no burst is larger than a minute's worth.
    private struct Rate {
        var tokens: Int64 = -1
        var filledAt = Timestamp(microseconds: 0)
    }

    package init(
        id: String, label: String, scope: ScopeID, scopeName: String, models: [ModelPattern] = [],
        expiresAt: Timestamp? = nil, callsPerMinute: Int? = nil, listener: String? = nil, upstream: String? = nil,
        upstreamKey: Secret? = nil
    ) {
        self.id = id
        self.label = label
        self.scope = scope
        self.scopeName = scopeName
        self.models = models
        self.expiresAt = expiresAt
        self.callsPerMinute = callsPerMinute
        self.listener = listener
        self.upstream = upstream
        self.upstreamKey = upstreamKey
    }

    package var isRevoked: Bool { revoked.load(ordering: .acquiring) }
    package func revoke() { revoked.store(true, ordering: .releasing) }

    /// Why it is not good any more, for the caller; nil while it is.
    func objection(at now: () -> Timestamp) -> String? {
        if isRevoked { return "This key was revoked" }
        if let expiresAt, now() >= expiresAt { return "This key has expired" }
        return nil
    }

    func allows(model: String) -> Bool { models.isEmpty || models.contains { $0.matches(model) } }

    /// Takes one call from the minute's allowance; returns how long to wait when there is none left.
    func takeCall(at now: Timestamp) -> Duration? {
        guard let callsPerMinute, callsPerMinute > 0 else { return callsPerMinute == nil ? nil : .seconds(60) }
        // In millionths of a call, so that filling is exact.
        let full = Int64(callsPerMinute) * 60_000_000
        return rate.withLock { rate in
            if rate.tokens < 0 {
                rate.tokens = full
            } else {
                let elapsed = min(60_000_000, max(0, now.microseconds - rate.filledAt.microseconds))
                rate.tokens = min(full, rate.tokens + elapsed * Int64(callsPerMinute))
            }
            rate.filledAt = now
            guard rate.tokens >= 60_000_000 else {
                return .microseconds((60_000_000 - rate.tokens) / Int64(callsPerMinute) + 1)
            }
            rate.tokens -= 60_000_000
            return nil
        }
    }
}
