import PreflightCore

/// What a call came to in the end.
struct Settlement: Sendable {
    var usage: Usage
    var cost: USD
    var promptCost: USD
    var completionCost: USD
    /// What the provider itself charged; the account owes it in place of OpenRouter's price when `isBYOK`.
    var upstreamCost: USD
    var isBYOK = false
    var searches = 0
}

/// How a call ended.
struct Ending: Sendable {
    /// Over all choices.
    var completionTokens: Int
    var finishReason: String?
    var isCancelled = false
    /// Whether what was produced is charged although the call ended in an error.
    var isCharged = false

    static func complete(_ call: Admission) -> Ending {
        Ending(completionTokens: call.completionTokens, finishReason: call.draft.finishReason)
    }
}

extension SimulatorState {
    /// Charges a call that ended, and writes it into the books.
    mutating func settle(_ call: Admission, _ ending: Ending, now: Timestamp) -> Settlement {
        let settlement = priced(call, ending, now: now)
        account.spend.add(settlement.cost, at: now)
        let owed = settlement.isBYOK ? settlement.upstreamCost : .zero
        keys.charge(settlement.cost, byok: owed, hash: call.keyHash, at: now)
        bill.add(
            Charge(
                keyHash: call.keyHash, model: call.model.id, usage: settlement.usage, cost: settlement.cost,
                generationID: call.generationID, cancelled: ending.isCancelled, at: now, upstreamCost: owed))
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
                duration: now - call.admittedAt,
                apiType: call.request.kind == .embeddings ? "embeddings" : "completions",
                isBYOK: settlement.isBYOK, upstreamCost: owed, serviceTier: call.tariff.serviceTier,
                searches: call.tariff.searches))
        return settlement
    }

    private mutating func priced(_ call: Admission, _ ending: Ending, now: Timestamp) -> Settlement {
        let tariff = call.tariff
        // Insurance: nothing produced, or an error at the end, costs no tokens.
        let isInsured =
            !ending.isCharged
            && (ending.finishReason == "error" || (ending.completionTokens == 0 && ending.finishReason == nil))
        var (usage, pricing) = promptUsage(call, isInsured: isInsured, now: now)
        usage.completionTokens = ending.completionTokens
        usage.reasoningTokens = min(call.draft.reasoningTokens * call.request.choices, ending.completionTokens)
        let extra = call.turn.extraCost ?? .zero
        guard !isInsured else {
            return Settlement(
                usage: usage, cost: extra, promptCost: .zero, completionCost: .zero, upstreamCost: .zero,
                isBYOK: tariff.isBYOK)
        }
        var promptUsage = usage
        promptUsage.completionTokens = 0
        let promptCost = (pricing.cost(of: promptUsage, utcTime: now.utcTime) ?? .zero) * tariff.factor
        let total = (pricing.cost(of: usage, utcTime: now.utcTime) ?? .zero) * tariff.factor
        let search = tariff.searchPrice * tariff.searches
        return Settlement(
            usage: usage, cost: tariff.cost(tokens: total, search: search) + extra, promptCost: promptCost,
            completionCost: total - promptCost, upstreamCost: tariff.upstreamCost(tokens: total, search: search),
            isBYOK: tariff.isBYOK, searches: tariff.searches)
    }

    /// The prompt's counts, and the prices that hold for them. A prompt that is charged leaves its mark in the cache.
    private mutating func promptUsage(
        _ call: Admission, isInsured: Bool, now: Timestamp
    ) -> (Usage, Pricing) {
        let turn = call.turn
        var usage = Usage(promptTokens: turn.promptTokens ?? call.request.prompt.tokenCount)
        var pricing = call.model.pricing
        if turn.promptTokens != nil || turn.cachedTokens != nil || turn.cacheWriteTokens != nil {
            usage.cachedTokens = turn.cachedTokens ?? 0
            usage.cacheWriteTokens = turn.cacheWriteTokens ?? 0
        } else if !isInsured {
            let hit = call.cacheHit ?? cache.use(call.request.prompt, model: call.model, now: now)
            usage.cachedTokens = hit.cachedTokens
            usage.cacheWriteTokens = hit.writtenTokens
            if hit.isHourWrite { pricing.chargeHourWrites() }
        }
        return (usage, pricing)
    }

    /// For answers that begin with the prompt's counts: what the cache does for a call, before it ends.
    mutating func useCache(_ call: inout Admission, now: Timestamp) -> Usage {
        let turn = call.turn
        if turn.promptTokens == nil, turn.cachedTokens == nil, turn.cacheWriteTokens == nil {
            call.cacheHit = cache.use(call.request.prompt, model: call.model, now: now)
        }
        return promptUsage(call, isInsured: false, now: now).0
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
