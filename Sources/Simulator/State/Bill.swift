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
}

/// Every charge of the account: the truth against which a client's ledger can be held.
package struct Bill: Sendable {
    /// Older charges drop out of the list; the total keeps them.
    package static let maximumCharges = 100_000

    package private(set) var charges: [Charge] = []
    package private(set) var total = USD.zero
    package private(set) var count = 0

    mutating func add(_ charge: Charge) {
        charges.append(charge)
        total += charge.cost
        count += 1
        if charges.count > Self.maximumCharges { charges.removeFirst(Self.maximumCharges / 10) }
    }

    /// What a key was charged according to the list, deleted keys included.
    package func total(keyHash: String) -> USD {
        charges.reduce(.zero) { $1.keyHash == keyHash ? $0 + $1.cost : $0 }
    }

    var json: JSON {
        [
            "total": .usd(total), "count": .int(count), "charges": .array(charges.map(\.json)),
        ]
    }
}

extension Charge {
    fileprivate var json: JSON {
        [
            "generation_id": .string(generationID), "key_hash": .string(keyHash), "model": .string(model),
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "cached_tokens": .int(usage.cachedTokens), "cache_write_tokens": .int(usage.cacheWriteTokens),
            "reasoning_tokens": .int(usage.reasoningTokens), "cost": .usd(cost), "cancelled": .bool(cancelled),
            "at": .string(at.iso8601),
        ]
    }
}
