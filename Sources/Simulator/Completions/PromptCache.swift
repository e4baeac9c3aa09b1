import PreflightCore

/// The providers' prompt caches, shared by all keys of the account.
struct PromptCache: Sendable {
    /// What one call reads from and writes to the cache.
    struct Hit: Sendable, Equatable {
        var cachedTokens = 0
        var writtenTokens = 0
        var isHourWrite = false
    }

    private struct Key: Hashable, Sendable {
        var model: String
        var hash: UInt64
    }

    private struct Entry: Sendable {
        var expiresAt: Timestamp
        var lifetime: Duration
    }

    static let maximumEntries = 50_000
    private static let shortLifetime = Duration.seconds(300)
    private static let longLifetime = Duration.seconds(3600)

    private var entries: [Key: Entry] = [:]

    /// Finds the longest prefix in the cache, and writes what this call leaves there.
    mutating func use(_ prompt: Prompt, model: Model, now: Timestamp) -> Hit {
        switch CachingRule(model: model, prompt: prompt) {
        case .none: return Hit()
        case .automatic(let minimum, let chargesWrites):
            return automatic(prompt, model.id, minimum: minimum, chargesWrites: chargesWrites, now)
        case .explicit(let minimum): return explicit(prompt, model.id, minimum: minimum, now)
        case .lastMarker(let minimum): return lastMarker(prompt, model.id, minimum: minimum, now)
        }
    }

    private mutating func automatic(
        _ prompt: Prompt, _ model: String, minimum: Int, chargesWrites: Bool, _ now: Timestamp
    ) -> Hit {
        let total = prompt.tokenCount
        guard total >= minimum else { return Hit() }
        var hit = Hit()
        if let block = longestCached(prompt.blocks[...], model, now), block.prefixTokens >= minimum {
            // Providers count in steps, and always read at least one token afresh.
            hit.cachedTokens = min(block.prefixTokens, total - 1) / 128 * 128
        }
        if chargesWrites { hit.writtenTokens = max(0, total - 8 - hit.cachedTokens) }
        for block in prompt.blocks where block.prefixTokens >= minimum {
            write(block, model, Self.shortLifetime, now)
        }
        return hit
    }

    private mutating func explicit(_ prompt: Prompt, _ model: String, minimum: Int, _ now: Timestamp) -> Hit {
        guard let last = prompt.blocks.lastIndex(where: { $0.breakpoint != nil }) else { return Hit() }
        var hit = Hit()
        let marked = prompt.blocks[...last]
        if let block = longestCached(marked, model, now) {
            hit.cachedTokens = block.prefixTokens
            refresh(block, model, now)
        }
        guard prompt.blocks[last].prefixTokens >= minimum else { return hit }
        hit.writtenTokens = max(0, prompt.blocks[last].prefixTokens - hit.cachedTokens)
        hit.isHourWrite = prompt.blocks[last].breakpoint?.isHour ?? false
        for block in marked where block.prefixTokens >= minimum {
            guard let marker = block.breakpoint else { continue }
            write(block, model, marker.isHour ? Self.longLifetime : Self.shortLifetime, now)
        }
        return hit
    }

    private mutating func lastMarker(_ prompt: Prompt, _ model: String, minimum: Int, _ now: Timestamp) -> Hit {
        guard let block = prompt.blocks.last(where: { $0.breakpoint != nil }), block.prefixTokens >= minimum
        else { return Hit() }
        if isCached(block, model, now) { return Hit(cachedTokens: block.prefixTokens) }
        write(block, model, Self.shortLifetime, now)
        return Hit(cachedTokens: block.prefixTokens, writtenTokens: block.prefixTokens)
    }

    private func longestCached(
        _ blocks: ArraySlice<Prompt.Block>, _ model: String, _ now: Timestamp
    ) -> Prompt.Block? {
        blocks.last { isCached($0, model, now) }
    }

    private func isCached(_ block: Prompt.Block, _ model: String, _ now: Timestamp) -> Bool {
        entries[Key(model: model, hash: block.prefixHash)].map { $0.expiresAt > now } ?? false
    }

    private mutating func refresh(_ block: Prompt.Block, _ model: String, _ now: Timestamp) {
        let key = Key(model: model, hash: block.prefixHash)
        if let lifetime = entries[key]?.lifetime { entries[key]?.expiresAt = now + lifetime }
    }

    private mutating func write(_ block: Prompt.Block, _ model: String, _ lifetime: Duration, _ now: Timestamp) {
        if entries.count >= Self.maximumEntries {
            entries = entries.filter { $0.value.expiresAt > now }
            if entries.count >= Self.maximumEntries { entries.removeAll() }
        }
        entries[Key(model: model, hash: block.prefixHash)] = Entry(expiresAt: now + lifetime, lifetime: lifetime)
    }
}
