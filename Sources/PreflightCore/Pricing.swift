/// What a model charges, in dollars per unit, as a price list quotes it.
///
/// Absent prices are nil and count as nothing; a negative one means the price depends on what a router picks.
package struct Pricing: Hashable, Sendable {
    package var rates: Rates
    package var overrides: [Override]

    package init(rates: Rates, overrides: [Override] = []) {
        self.rates = rates
        self.overrides = overrides
    }

    /// The keys of a price list that Preflight charges by.
    package struct Rates: Hashable, Sendable {
        /// Per prompt token, per completion token.
        package var prompt: USD?
        package var completion: USD?
        /// Per prompt token read from, or written to, a provider's prompt cache.
        package var cacheRead: USD?
        package var cacheWrite: USD?
        package var cacheWrite1h: USD?
        package var reasoning: USD?
        /// Per request, per image token or image, per web search.
        package var request: USD?
        package var image: USD?
        package var webSearch: USD?
        /// Per completion token of an image, of sound.
        package var imageOutput: USD?
        package var audioOutput: USD?

        package init(
            prompt: USD? = nil, completion: USD? = nil, cacheRead: USD? = nil, cacheWrite: USD? = nil,
            cacheWrite1h: USD? = nil, reasoning: USD? = nil, request: USD? = nil, image: USD? = nil,
            webSearch: USD? = nil, imageOutput: USD? = nil, audioOutput: USD? = nil
        ) {
            self.prompt = prompt
            self.completion = completion
            self.cacheRead = cacheRead
            self.cacheWrite = cacheWrite
            self.cacheWrite1h = cacheWrite1h
            self.reasoning = reasoning
            self.request = request
            self.image = image
            self.webSearch = webSearch
            self.imageOutput = imageOutput
            self.audioOutput = audioOutput
        }

        /// These rates where they are given, `base` where they are not.
        package func over(_ base: Rates) -> Rates {
            Rates(
                prompt: prompt ?? base.prompt, completion: completion ?? base.completion,
                cacheRead: cacheRead ?? base.cacheRead, cacheWrite: cacheWrite ?? base.cacheWrite,
                cacheWrite1h: cacheWrite1h ?? base.cacheWrite1h, reasoning: reasoning ?? base.reasoning,
                request: request ?? base.request, image: image ?? base.image,
                webSearch: webSearch ?? base.webSearch, imageOutput: imageOutput ?? base.imageOutput,
                audioOutput: audioOutput ?? base.audioOutput)
        }
    }

    /// Rates that hold only under conditions: a long prompt, or a time of day in UTC.
    package struct Override: Hashable, Sendable {
        /// Applies when the prompt has strictly more tokens.
        package var minPromptTokens: Int?
        /// HHMM as a number, half open, may wrap midnight.
        package var utcStart: Int?
        package var utcEnd: Int?
        package var rates: Rates

        package init(minPromptTokens: Int? = nil, utcStart: Int? = nil, utcEnd: Int? = nil, rates: Rates) {
            self.minPromptTokens = minPromptTokens
            self.utcStart = utcStart
            self.utcEnd = utcEnd
            self.rates = rates
        }

        package func applies(promptTokens: Int, utcTime: Int) -> Bool {
            if let minPromptTokens, promptTokens <= minPromptTokens { return false }
            guard let utcStart, let utcEnd else { return true }
            return utcStart <= utcEnd
                ? (utcStart..<utcEnd).contains(utcTime) : utcTime >= utcStart || utcTime < utcEnd
        }
    }

    /// The price depends on a router's choice; no budget can be planned with it.
    package var isUnbounded: Bool {
        rates.prompt?.isNegative ?? false || rates.completion?.isNegative ?? false
    }

    package var isFree: Bool {
        rates.prompt == .zero && rates.completion == .zero && (rates.request ?? .zero) == .zero
    }

    /// The rates a call of this size at this time is charged by: overrides apply in order, key by key.
    ///
    /// - Parameter utcTime: HHMM as a number, e.g. 1030.
    package func rates(promptTokens: Int, utcTime: Int = 0) -> Rates {
        overrides.reduce(rates) { rates, override in
            override.applies(promptTokens: promptTokens, utcTime: utcTime) ? override.rates.over(rates) : rates
        }
    }

    /// What a finished call costs at these prices; nil where a price is unknown or depends on a router.
    ///
    /// Reasoning has a price of its own only where that is dearer: lists do not say whether a cheaper one is applied.
    /// Images are not among the counts, and not in it.
    package func cost(of usage: Usage, utcTime: Int = 0) -> USD? {
        let rates = rates(promptTokens: usage.promptTokens, utcTime: utcTime)
        // A list of embeddings has no price for what they do not make.
        let unused: USD? = usage.completionTokens == 0 ? .zero : nil
        guard !isUnbounded, let prompt = rates.prompt, let completion = rates.completion ?? unused else { return nil }
        // Gemini's explicit caching reports the same tokens as read and written.
        let cached = usage.cachedTokens
        let written = usage.cacheWriteTokens
        let overlapping = cached + written > usage.promptTokens
        // A price list without a price for them: Anthropic, who alone has such writes, takes twice the prompt's.
        let writtenFor1h = Swift.min(written, Swift.max(0, usage.cacheWrite1hTokens))
        let reasoning = Swift.min(Swift.max(0, usage.reasoningTokens), usage.completionTokens)
        let plain = usage.promptTokens - (overlapping ? Swift.max(cached, written) : cached + written)
        return prompt * Swift.max(0, plain)
            + (rates.cacheRead ?? prompt) * cached
            + (rates.cacheWrite ?? prompt) * (written - writtenFor1h)
            + (rates.cacheWrite1h ?? Swift.max(rates.cacheWrite ?? prompt, prompt * 2)) * writtenFor1h
            + completion * (usage.completionTokens - reasoning)
            + Swift.max(completion, rates.reasoning ?? completion) * reasoning
            + (rates.request ?? .zero)
    }
}

/// Tokens a call consumed, as the provider counted them.
package struct Usage: Hashable, Sendable {
    /// All prompt tokens, those read from and written to a cache included.
    package var promptTokens: Int
    /// All completion tokens, reasoning included.
    package var completionTokens: Int
    package var cachedTokens: Int
    /// All tokens written to a cache.
    package var cacheWriteTokens: Int
    /// Those of them that are to be kept for an hour, which costs more.
    package var cacheWrite1hTokens: Int
    package var reasoningTokens: Int
    /// What the provider says it charged; nil when it did not say.
    package var cost: USD?

    package init(
        promptTokens: Int = 0, completionTokens: Int = 0, cachedTokens: Int = 0, cacheWriteTokens: Int = 0,
        cacheWrite1hTokens: Int = 0, reasoningTokens: Int = 0, cost: USD? = nil
    ) {
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.cachedTokens = cachedTokens
        self.cacheWriteTokens = cacheWriteTokens
        self.cacheWrite1hTokens = cacheWrite1hTokens
        self.reasoningTokens = reasoningTokens
        self.cost = cost
    }

    /// More than any run counts; sums stop here, so that arithmetic on them cannot overflow.
    private static let mostTokens = 1 << 50

    /// Share of prompt tokens read from a cache, in parts per thousand; nil without prompt tokens.
    package var cachePermille: Int? {
        promptTokens > 0 ? min(1000, cachedTokens * 1000 / promptTokens) : nil
    }

    /// Sums tokens and known costs.
    package static func + (a: Usage, b: Usage) -> Usage {
        func sum(_ count: KeyPath<Usage, Int>) -> Int { min(mostTokens, a[keyPath: count] + b[keyPath: count]) }
        return Usage(
            promptTokens: sum(\.promptTokens), completionTokens: sum(\.completionTokens),
            cachedTokens: sum(\.cachedTokens), cacheWriteTokens: sum(\.cacheWriteTokens),
            cacheWrite1hTokens: sum(\.cacheWrite1hTokens), reasoningTokens: sum(\.reasoningTokens),
            cost: a.cost == nil && b.cost == nil ? nil : (a.cost ?? .zero) + (b.cost ?? .zero))
    }
}

extension Usage {
    /// Reads a `usage` object in the names of OpenAI (chat, responses), OpenRouter, Anthropic, and of agents that
    /// print `{input, output, cacheRead, cacheWrite, cost: {total}}`. Nil when nothing in it is understood.
    ///
    /// Counts that are negative or no whole numbers are taken as absent: an agent's words are no facts.
    package init?(json: JSON) {
        guard case .object(let object) = json else { return nil }
        func count(_ keys: String...) -> Int? {
            for key in keys {
                if let value = object[key]?.int, value >= 0, value <= 1_000_000_000 { return value }
            }
            return nil
        }
        let details = object["prompt_tokens_details"] ?? object["input_tokens_details"]
        func detail(_ key: String) -> Int? {
            details?[key]?.int.flatMap { (0...1_000_000_000).contains($0) ? $0 : nil }
        }

        let cached = detail("cached_tokens") ?? count("cache_read_input_tokens", "cacheRead") ?? 0
        let written = detail("cache_write_tokens") ?? count("cache_creation_input_tokens", "cacheWrite") ?? 0
        let writtenFor1h = object["cache_creation"]?["ephemeral_1h_input_tokens"]?.int ?? 0
        // Anthropic's and the short names leave cached tokens out of the input count; `prompt_tokens` never does.
        let excludesCache =
            object["prompt_tokens"] == nil
            && (object["cache_read_input_tokens"] != nil || object["cache_creation_input_tokens"] != nil
                || object["input"] != nil)
        let prompt = count("prompt_tokens", "input_tokens", "input")
        let completion = count("completion_tokens", "output_tokens", "output")
        let cost = Self.cost(in: object)
        guard prompt != nil || completion != nil || cost != nil else { return nil }

        let completionDetails = object["completion_tokens_details"] ?? object["output_tokens_details"]
        self.init(
            promptTokens: (prompt ?? 0) + (excludesCache ? cached + written : 0),
            completionTokens: completion ?? 0, cachedTokens: cached, cacheWriteTokens: written,
            cacheWrite1hTokens: Swift.min(written, Swift.max(0, writtenFor1h)),
            reasoningTokens: completionDetails?["reasoning_tokens"]?.int.map {
                Swift.min(Swift.max(0, $0), 1_000_000_000)
            } ?? 0,
            cost: cost)
    }

    /// With a provider key of one's own, `cost` is only OpenRouter's fee and the true price stands in the details.
    private static func cost(in object: JSON.Object) -> USD? {
        let stated = object["cost"]?["total"] ?? object["cost"]
        guard let cost = stated?.usd(), !cost.isNegative else { return nil }
        guard object["is_byok"]?.bool == true,
            let upstream = object["cost_details"]?["upstream_inference_cost"]?.usd(), !upstream.isNegative
        else { return cost }
        return cost + upstream
    }
}
