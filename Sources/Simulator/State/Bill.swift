package import PreflightCore

/// One charge, as the provider's own books hold it.
package struct Charge: Sendable, Equatable {
    package var keyHash: String
    package var model: String
    package var usage: Usage
    package var cost: USD
    package var generationID: String
    package var cancelled: Bool
    package var at: Timestamp
    /// What a provider charged the account's own key besides `cost`; zero without such a key.
    package var upstreamCost = USD.zero
}

/// Every charge of the account: the truth against which a client's ledger can be held.
package struct Bill: Sendable {
    /// Older charges drop out of the list; the total keeps them.
    package static let maximumCharges = 100_000

    package private(set) var charges: [Charge] = []
    /// Exact in whole picodollars, over all charges there ever were; so are all other sums here.
    package private(set) var total = USD.zero
    /// What providers charged the account's own keys besides.
    package private(set) var upstreamTotal = USD.zero
    package private(set) var count = 0
    /// Tokens over all charges.
    package private(set) var usage = Usage()
    package private(set) var cancelledCount = 0
    /// By the hash of the key, deleted keys included.
    package private(set) var totals: [String: USD] = [:]
    package private(set) var counts: [String: Int] = [:]

    mutating func add(_ charge: Charge) {
        charges.append(charge)
        total += charge.cost
        upstreamTotal += charge.upstreamCost
        count += 1
        usage = usage + charge.usage
        if charge.cancelled { cancelledCount += 1 }
        totals[charge.keyHash, default: .zero] += charge.cost
        counts[charge.keyHash, default: 0] += 1
        if charges.count > Self.maximumCharges { charges.removeFirst(Self.maximumCharges / 10) }
    }

    /// What a key was charged, deleted keys included.
    package func total(keyHash: String) -> USD { totals[keyHash] ?? .zero }

    /// The charge of a call, named as in `X-Generation-Id`; nil when it has dropped out of the list.
    package func charge(generationID: String) -> Charge? {
        charges.last { $0.generationID == generationID }
    }

    var json: JSON {
        [
            "total": .usd(total), "picodollars": .number(String(total.picodollars)), "count": .int(count),
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "keys": .object(JSON.Object(totals.map { JSON.Object.Member(key: $0.key, value: .usd($0.value)) })),
            "charges": .array(charges.map(\.json)),
        ]
    }
}

extension Charge {
    fileprivate var json: JSON {
        [
            "generation_id": .string(generationID), "key_hash": .string(keyHash), "model": .string(model),
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "cached_tokens": .int(usage.cachedTokens), "cache_write_tokens": .int(usage.cacheWriteTokens),
            "reasoning_tokens": .int(usage.reasoningTokens), "cost": .usd(cost),
            "picodollars": .number(String(cost.picodollars)), "upstream_cost": .usd(upstreamCost),
            "cancelled": .bool(cancelled),
            "at": .string(at.iso8601),
        ]
    }
}
