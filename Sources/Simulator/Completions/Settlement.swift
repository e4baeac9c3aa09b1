import PreflightCore

/// What a call came to in the end.
struct Settlement: Sendable {
    var usage: Usage
    var cost: USD
    var promptCost: USD
    var completionCost: USD

    /// `usage` as answers carry it.
    var json: JSON {
        [
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "total_tokens": .int(usage.promptTokens + usage.completionTokens),
            "cost": .usd(cost), "is_byok": false,
            "prompt_tokens_details": [
                "cached_tokens": .int(usage.cachedTokens), "cache_write_tokens": .int(usage.cacheWriteTokens),
                "audio_tokens": 0, "video_tokens": 0,
            ],
            "cost_details": [
                "upstream_inference_cost": .usd(promptCost + completionCost),
                "upstream_inference_prompt_cost": .usd(promptCost),
                "upstream_inference_completions_cost": .usd(completionCost),
            ],
            "completion_tokens_details": [
                "reasoning_tokens": .int(usage.reasoningTokens), "image_tokens": 0, "audio_tokens": 0,
            ],
        ]
    }
}

/// How a call ended.
struct Ending: Sendable {
    /// Over all choices.
    var completionTokens: Int
    var finishReason: String?
    var isCancelled = false

    static func complete(_ call: Admission) -> Ending {
        Ending(completionTokens: call.completionTokens, finishReason: call.draft.finishReason)
    }
}

extension SimulatorState {
    /// Charges a call that ended, and writes it into the books.
    mutating func settle(_ call: Admission, _ ending: Ending, now: Timestamp) -> Settlement {
        let settlement = priced(call, ending, now: now)
        account.spend.add(settlement.cost, at: now)
        keys.charge(settlement.cost, hash: call.keyHash, at: now)
        bill.add(
            Charge(
                keyHash: call.keyHash, model: call.model.id, usage: settlement.usage, cost: settlement.cost,
                generationID: call.generationID, cancelled: ending.isCancelled, at: now))
        let delay = ending.isCancelled ? options.cancelledGenerationDelay : options.generationDelay
        let isComplete = ending.finishReason == call.draft.finishReason
        generations.add(
            Generation(
                id: call.generationID, model: call.modelName, provider: call.provider.name,
                createdAt: call.admittedAt, readableAt: now + delay, usage: settlement.usage,
                cost: settlement.cost, cacheDiscount: cacheDiscount(call, settlement),
                isStreamed: call.request.isStreamed, isCancelled: ending.isCancelled,
                finishReason: ending.finishReason,
                nativeFinishReason: isComplete ? call.draft.nativeFinishReason(call.provider) : ending.finishReason,
                duration: now - call.admittedAt, apiType: "completions"))
        return settlement
    }

    private mutating func priced(_ call: Admission, _ ending: Ending, now: Timestamp) -> Settlement {
        let turn = call.turn
        var usage = Usage(
            promptTokens: turn.promptTokens ?? call.request.prompt.tokenCount,
            completionTokens: ending.completionTokens,
            reasoningTokens: min(call.draft.reasoningTokens * call.request.choices, ending.completionTokens))
        var pricing = call.model.pricing
        // Insurance: nothing produced, or an error at the end, costs no tokens.
        let isInsured = ending.finishReason == "error" || (ending.completionTokens == 0 && ending.finishReason == nil)
        if turn.promptTokens != nil || turn.cachedTokens != nil || turn.cacheWriteTokens != nil {
            usage.cachedTokens = turn.cachedTokens ?? 0
            usage.cacheWriteTokens = turn.cacheWriteTokens ?? 0
        } else if !isInsured {
            let hit = cache.use(call.request.prompt, model: call.model, now: now)
            usage.cachedTokens = hit.cachedTokens
            usage.cacheWriteTokens = hit.writtenTokens
            if hit.isHourWrite { pricing.chargeHourWrites() }
        }
        guard !isInsured else {
            return Settlement(usage: usage, cost: turn.extraCost ?? .zero, promptCost: .zero, completionCost: .zero)
        }
        var promptUsage = usage
        promptUsage.completionTokens = 0
        let promptCost = pricing.cost(of: promptUsage, utcTime: now.utcTime) ?? .zero
        let total = pricing.cost(of: usage, utcTime: now.utcTime) ?? .zero
        return Settlement(
            usage: usage, cost: total + (turn.extraCost ?? .zero), promptCost: promptCost,
            completionCost: total - promptCost)
    }

    /// What the cache saved; negative when writing cost more than it saved.
    private func cacheDiscount(_ call: Admission, _ settlement: Settlement) -> USD {
        guard settlement.promptCost != .zero else { return .zero }
        let plain = Usage(promptTokens: settlement.usage.promptTokens)
        return (call.model.pricing.cost(of: plain) ?? .zero) - settlement.promptCost
    }
}

extension Pricing {
    /// Writes that live for an hour have a price of their own.
    fileprivate mutating func chargeHourWrites() {
        rates.cacheWrite = rates.cacheWrite1h ?? rates.cacheWrite
        for index in overrides.indices {
            overrides[index].rates.cacheWrite = overrides[index].rates.cacheWrite1h ?? overrides[index].rates.cacheWrite
        }
    }
}
