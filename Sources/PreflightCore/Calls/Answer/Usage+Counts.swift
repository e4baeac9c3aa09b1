/// A usage in the gateway's own names, of which none is left out of another: written and read in one place, so that no
/// count is written that nobody reads, or the other way round.
extension Usage {
    /// As the gateway's events have it. What is zero is left out, but for the two counts that every call has.
    package var counts: JSON {
        func told(_ count: Int) -> JSON? { count > 0 ? .int(count) : nil }
        return .record([
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "cached_tokens": told(cachedTokens), "cache_write_tokens": told(cacheWriteTokens),
            "cache_write_1h_tokens": told(cacheWrite1hTokens), "reasoning_tokens": told(reasoningTokens),
        ])
    }

    /// Reads `counts`, of a log that may say anything; nil where it is no object.
    package init?(counts json: JSON) {
        guard json.object != nil else { return nil }
        func count(_ key: String) -> Int { min(max(0, json[key]?.int ?? 0), 1_000_000_000) }
        self.init(
            promptTokens: count("prompt_tokens"), completionTokens: count("completion_tokens"),
            cachedTokens: count("cached_tokens"), cacheWriteTokens: count("cache_write_tokens"),
            cacheWrite1hTokens: count("cache_write_1h_tokens"), reasoningTokens: count("reasoning_tokens"))
    }
}
