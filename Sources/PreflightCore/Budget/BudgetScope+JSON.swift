extension BudgetScope {
    /// How the scope stands, for programs: amounts are exact decimals in dollars, times in seconds.
    ///
    /// - Parameters:
    ///   - available: What calls that begin now may take, with all scopes above it; nil where nothing limits them.
    ///   - now: Windows that ended before it show nothing spent.
    package func json(parent: String?, available: USD?, at now: Timestamp) -> JSON {
        rolled(to: now).current(parent: parent, available: available, at: now)
    }

    /// The scope with nothing spent in windows that ended before `now`.
    package func rolled(to now: Timestamp) -> BudgetScope {
        var node = self
        node.roll(to: now)
        return node
    }

    private func current(parent: String?, available: USD?, at now: Timestamp) -> JSON {
        .record([
            "scope": .string(name), "parent": parent.map(JSON.string) ?? .null,
            "limit": limits.money.total.map(JSON.usd) ?? .null, "spent": .usd(spent.total),
            "remaining": headroom(.total).map(JSON.usd) ?? .null, "reserved": .usd(reserved), "held": .usd(held),
            "available": available.map(JSON.usd) ?? .null,
            "softCap": .share(permille: limits.softCapPermille), "hardCap": .share(permille: limits.hardCapPermille),
            "softCapReached": .bool(softCapReached), "hardCapReached": .bool(hardCapReached),
            "daily": window(.daily, now), "weekly": window(.weekly, now), "monthly": window(.monthly, now),
            "tokens": .record([
                "limit": limits.tokens.map(JSON.int) ?? .null, "used": .int(tokens), "reserved": .int(reservedTokens),
                "remaining": limits.tokens.map {
                    .int($0.saturatingAdd(-tokens).saturatingAdd(-reservedTokens))
                } ?? .null,
            ]),
            "calls": .record([
                "limit": limits.calls.map(JSON.int) ?? .null, "made": .int(calls), "open": .int(openCalls),
                "remaining": limits.calls.map { .int($0.saturatingAdd(-calls).saturatingAdd(-openCalls)) } ?? .null,
            ]),
            "time": .record([
                "limit": limits.time.map { .number($0.decimalSeconds(places: 3)) } ?? .null,
                "began": firstCallAt.map { .string($0.iso8601) } ?? .null,
                "ends": timeEnd.map { .string($0.iso8601) } ?? .null,
                "remaining": limits.time.map { limit in
                    .number((timeEnd.map { $0 - now } ?? limit).decimalSeconds(places: 3))
                } ?? .null,
            ]),
            "hold": .string(limits.hold.rawValue), "closed": .bool(isClosed),
        ])
    }

    /// When its time is over; nil before its first call, or without such a limit.
    package var timeEnd: Timestamp? {
        guard let limit = limits.time, let firstCallAt else { return nil }
        return firstCallAt + limit
    }

    private func window(_ window: BudgetWindow, _ now: Timestamp) -> JSON {
        .record([
            "limit": limits.money[window].map(JSON.usd) ?? .null, "spent": .usd(spent[window]),
            "remaining": headroom(window).map(JSON.usd) ?? .null,
            "ends": window.end(of: now).map { .string($0.iso8601Seconds) } ?? .null,
        ])
    }
}

extension JSON {
    /// Parts per thousand as a fraction of 1, exactly.
    fileprivate static func share(permille: Int) -> JSON {
        .usd(USD(picodollars: Int64(permille) * 1_000_000_000))
    }
}
