package import PreflightCore

/// A key of the simulated account.
package struct APIKey: Sendable {
    package enum Kind: Sendable {
        case management, ordinary
    }

    package let kind: Kind
    /// 64 hex digits, drawn at random: that the real hash is a digest of the key is unconfirmed, so nothing here
    /// lets a client rely on it.
    package let hash: String
    /// The key itself; the control plane never shows it.
    package let secret: Secret
    package let createdAt: Timestamp
    package var updatedAt: Timestamp?
    package var name: String
    package var isDisabled = false
    /// The spending cap and the window it counts in (`lifetime` without a reset).
    package var limit: USD?
    var limitWindow = SpendHistory.Window.lifetime
    package var includeBYOKInLimit = false
    package var expiresAt: String?

    var spend = SpendHistory()
    /// At list price, through a provider key of the account's own.
    var byokSpend = SpendHistory()
    /// How often its usage was read, for the readings that go backwards.
    var readings = 0

    init(
        kind: Kind, hash: String, secret: String, name: String, createdAt: Timestamp
    ) {
        self.kind = kind
        self.hash = hash
        self.secret = Secret(secret)
        self.name = name
        self.createdAt = createdAt
    }

    /// What the key was charged over its lifetime, in truth.
    package var spent: USD { spend.total }

    /// As OpenRouter shows it: `sk-or-v1-0e6...c96`.
    package var label: String {
        let text = secret.reveal()
        return "\(text.prefix(12))...\(text.suffix(3))"
    }

    /// What the cap leaves, in truth; nil without a cap.
    func remaining(at now: Timestamp) -> USD? {
        guard let limit else { return nil }
        let byok = includeBYOKInLimit ? byokSpend.spent(in: limitWindow, at: now) : .zero
        return limit - spend.spent(in: limitWindow, at: now) - byok
    }

    func isExpired(at now: Timestamp) -> Bool {
        expiresAt.flatMap(Timestamp.init(iso8601:)).map { $0 <= now } ?? false
    }
}
