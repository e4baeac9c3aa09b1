extension Usage {
    /// As the API of this dialect writes it.
    package func json(in dialect: Dialect) -> JSON {
        let total = JSON.int(promptTokens &+ completionTokens)
        switch dialect {
        case .chat, .completions, .embeddings:
            return .record([
                "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
                "total_tokens": total, "cost": cost.map(JSON.usd),
                "prompt_tokens_details": [
                    "cached_tokens": .int(cachedTokens), "cache_write_tokens": .int(cacheWriteTokens),
                ],
                "completion_tokens_details": ["reasoning_tokens": .int(reasoningTokens)],
            ])
        case .responses:
            return .record([
                "input_tokens": .int(promptTokens), "input_tokens_details": ["cached_tokens": .int(cachedTokens)],
                "output_tokens": .int(completionTokens),
                "output_tokens_details": ["reasoning_tokens": .int(reasoningTokens)], "total_tokens": total,
                "cost": cost.map(JSON.usd),
            ])
        case .messages:
            let uncached = promptTokens &- cachedTokens &- cacheWriteTokens
            return .record([
                "input_tokens": .int(max(0, uncached)), "cache_creation_input_tokens": .int(cacheWriteTokens),
                "cache_read_input_tokens": .int(cachedTokens), "output_tokens": .int(completionTokens),
                "cost": cost.map(JSON.usd),
            ])
        }
    }
}
