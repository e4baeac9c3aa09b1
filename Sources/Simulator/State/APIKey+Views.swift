import PreflightCore

/// When a reader looks at a key, and how far behind it is.
struct Reading: Sendable {
    var now: Timestamp
    /// Charges after this instant are not shown yet.
    var horizon: Timestamp
    /// The newest charge is missing as well.
    var isStale: Bool
}

extension APIKey {
    /// What `/keys` shows of a key.
    func managementView(_ reading: Reading) -> JSON {
        var view = JSON.Object()
        view["hash"] = .string(hash)
        view["name"] = .string(name)
        view["label"] = .string(label)
        view["disabled"] = .bool(isDisabled)
        appendLimits(to: &view, reading)
        appendUsage(to: &view, reading)
        view["created_at"] = .string(createdAt.iso8601)
        view["updated_at"] = updatedAt.map { .string($0.iso8601) } ?? .null
        view["expires_at"] = expiresAt.map(JSON.string) ?? .null
        view["creator_user_id"] = .string(Account.userID)
        view["workspace_id"] = .string(Account.workspaceID)
        return .object(view)
    }

    /// What `/key` tells the key about itself.
    func ownView(_ reading: Reading) -> JSON {
        var view = JSON.Object()
        view["label"] = .string(label)
        appendLimits(to: &view, reading)
        appendUsage(to: &view, reading)
        view["is_free_tier"] = false
        view["is_management_key"] = .bool(kind == .management)
        view["is_provisioning_key"] = .bool(kind == .management)
        view["expires_at"] = expiresAt.map(JSON.string) ?? .null
        view["creator_user_id"] = .string(Account.userID)
        view["rate_limit"] = [
            "requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore.",
        ]
        return .object(view)
    }

    private func seen(_ window: SpendHistory.Window, _ reading: Reading) -> USD {
        spend.seen(in: window, at: reading.now, horizon: reading.horizon, stale: reading.isStale)
    }

    private func seenBYOK(_ window: SpendHistory.Window, _ reading: Reading) -> USD {
        byokSpend.seen(in: window, at: reading.now, horizon: reading.horizon, stale: false)
    }

    private func appendLimits(to view: inout JSON.Object, _ reading: Reading) {
        let byok = includeBYOKInLimit ? seenBYOK(limitWindow, reading) : .zero
        view["limit"] = limit.map(JSON.usd) ?? .null
        view["limit_remaining"] = limit.map { .usd($0 - seen(limitWindow, reading) - byok) } ?? .null
        view["limit_reset"] = limitWindow == .lifetime ? .null : .string(limitWindow.rawValue)
        view["include_byok_in_limit"] = .bool(includeBYOKInLimit)
    }

    private func appendUsage(to view: inout JSON.Object, _ reading: Reading) {
        view["usage"] = .usd(seen(.lifetime, reading))
        view["usage_daily"] = .usd(seen(.daily, reading))
        view["usage_weekly"] = .usd(seen(.weekly, reading))
        view["usage_monthly"] = .usd(seen(.monthly, reading))
        view["byok_usage"] = .usd(seenBYOK(.lifetime, reading))
        view["byok_usage_daily"] = .usd(seenBYOK(.daily, reading))
        view["byok_usage_weekly"] = .usd(seenBYOK(.weekly, reading))
        view["byok_usage_monthly"] = .usd(seenBYOK(.monthly, reading))
    }
}
