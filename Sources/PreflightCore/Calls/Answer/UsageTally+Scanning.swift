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

    private mutating func readMember(_ key: AnswerWord, _ cursor: inout JSONCursor) {
        switch key {
        case .cost: readCost(&cursor)
        case .isBYOK: isBYOK = cursor.bool() ?? isBYOK
        case .inputTokens: inputTokens = cursor.count() ?? inputTokens
        case .costDetails: readCostDetails(&cursor)
        case .promptTokens: promptTokens = cursor.count() ?? promptTokens
        case .outputTokens: completionTokens = cursor.count() ?? completionTokens
        case .cacheCreation: readCacheCreation(&cursor)
        case .serverToolUse: readServerTools(&cursor)
        case .completionTokens: completionTokens = cursor.count() ?? completionTokens
        case .inputTokensDetails: readPromptDetails(&cursor)
        case .promptTokensDetails: readPromptDetails(&cursor)
        case .outputTokensDetails: readCompletionDetails(&cursor)
        case .cacheReadInputTokens:
            cacheReadInputTokens = cursor.count() ?? cacheReadInputTokens
        case .promptCacheHitTokens: cacheHitTokens = cursor.count() ?? cacheHitTokens
        case .serverToolUseDetails: readServerTools(&cursor)
        case .completionTokensDetails: readCompletionDetails(&cursor)
        case .cacheCreationInputTokens:
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
            if key == .total || key == .totalCost {
                take(cursor.dollars(), for: \.cost)
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCostDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key == .upstreamInferenceCost {
                take(cursor.dollars(), for: \.upstreamCost)
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readPromptDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key == .cachedTokens {
                cachedTokens = cursor.count() ?? cachedTokens
            } else if key == .cacheWriteTokens {
                cacheWriteTokens = cursor.count() ?? cacheWriteTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCompletionDetails(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key == .reasoningTokens || key == .thinkingTokens {
                reasoningTokens = cursor.count() ?? reasoningTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readCacheCreation(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key == .ephemeral1hInputTokens {
                cacheCreation1hTokens = cursor.count() ?? cacheCreation1hTokens
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readServerTools(_ cursor: inout JSONCursor) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key == .webSearchRequests {
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
