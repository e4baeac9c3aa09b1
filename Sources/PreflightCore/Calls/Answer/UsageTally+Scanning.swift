extension UsageTally {
    /// Reads a `usage` object; passes over any other value and answers false. An object that is cut changes nothing:
    /// half of it would be a wrong bill.
    mutating func read(_ cursor: inout JSONCursor) -> Bool {
        var tally = self
        guard cursor.enterObject() else { return false }
        while let key = cursor.nextKey() { tally.readMember(key, &cursor) }
        guard !cursor.isBroken else { return false }
        self = tally
        return true
    }

    private mutating func readMember(_ key: JSONKey, _ cursor: inout JSONCursor) {
        switch key.count {
        case 4 where key.is("cost"): readCost(&cursor)
        case 7 where key.is("is_byok"): isBYOK = cursor.bool() ?? isBYOK
        case 12 where key.is("input_tokens"): inputTokens = cursor.count() ?? inputTokens
        case 12 where key.is("cost_details"): readCostDetails(&cursor)
        case 13 where key.is("prompt_tokens"): promptTokens = cursor.count() ?? promptTokens
        case 13 where key.is("output_tokens"): completionTokens = cursor.count() ?? completionTokens
        case 14 where key.is("cache_creation"): readCacheCreation(&cursor)
        case 15 where key.is("server_tool_use"): readServerTools(&cursor)
        case 17 where key.is("completion_tokens"): completionTokens = cursor.count() ?? completionTokens
        case 20 where key.is("input_tokens_details"): readPromptDetails(&cursor)
        case 21 where key.is("prompt_tokens_details"): readPromptDetails(&cursor)
        case 21 where key.is("output_tokens_details"): readCompletionDetails(&cursor)
        case 23 where key.is("cache_read_input_tokens"):
            cacheReadInputTokens = cursor.count() ?? cacheReadInputTokens
        case 23 where key.is("prompt_cache_hit_tokens"): cacheHitTokens = cursor.count() ?? cacheHitTokens
        case 23 where key.is("server_tool_use_details"): readServerTools(&cursor)
        case 25 where key.is("completion_tokens_details"): readCompletionDetails(&cursor)
        case 27 where key.is("cache_creation_input_tokens"):
            cacheCreationInputTokens = cursor.count() ?? cacheCreationInputTokens
        default: cursor.skip()
        }
    }

    /// A number, or an object whose total counts.
    private mutating func readCost(_ cursor: inout JSONCursor) {
        guard cursor.peek() == UInt8(ascii: "{") else {
            take(cursor.dollars(), for: \.cost)
            return
        }
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("total") || key.is("total_cost") {
                take(cursor.dollars(), for: \.cost)
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCostDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("upstream_inference_cost") {
                take(cursor.dollars(), for: \.upstreamCost)
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readPromptDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("cached_tokens") {
                cachedTokens = cursor.count() ?? cachedTokens
            } else if key.is("cache_write_tokens") {
                cacheWriteTokens = cursor.count() ?? cacheWriteTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCompletionDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("reasoning_tokens") || key.is("thinking_tokens") {
                reasoningTokens = cursor.count() ?? reasoningTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCacheCreation(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("ephemeral_1h_input_tokens") {
                cacheCreation1hTokens = cursor.count() ?? cacheCreation1hTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readServerTools(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("web_search_requests") {
                webSearches = cursor.count() ?? webSearches
            } else {
                cursor.skip()
            }
        }
    }

    /// A negative amount is no bill.
    private mutating func take(_ amount: USD?, for member: WritableKeyPath<UsageTally, USD?>) {
        if let amount, !amount.isNegative { self[keyPath: member] = amount }
    }
}
