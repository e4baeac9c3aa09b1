import PreflightCore

/// Prices as LiteLLM's `model_prices_and_context_window.json` has them: dollars for one token, by model.
enum LiteLLMPrices {
    /// Models without a price for a token of the prompt are left out: their calls are refused, not guessed.
    static func models(_ json: JSON) -> [Model] {
        (json.object?.members ?? []).compactMap { member in
            guard member.key != "sample_spec" else { return nil }
            return model(member.key, member.value)
        }
    }

    private static func model(_ name: String, _ entry: JSON) -> Model? {
        let rates = rates(entry, suffix: "")
        guard rates.prompt != nil else { return nil }
        let input = count(entry["max_input_tokens"]) ?? count(entry["max_tokens"])
        let output = count(entry["max_output_tokens"]) ?? count(entry["max_tokens"])
        // The lists say how long a prompt may be; a context holds the answer too.
        let context = input.map { $0 + (output ?? 0) }
        return Model(
            id: name, contextLength: context, maxCompletionTokens: output,
            pricing: Pricing(rates: rates, overrides: overrides(entry)))
    }

    private static func rates(_ entry: JSON, suffix: String) -> Pricing.Rates {
        func price(_ key: String) -> USD? {
            guard let price = entry[key + suffix]?.usd(), !price.isNegative else { return nil }
            return price
        }
        return Pricing.Rates(
            prompt: price("input_cost_per_token"), completion: price("output_cost_per_token"),
            cacheRead: price("cache_read_input_token_cost"), cacheWrite: price("cache_creation_input_token_cost"),
            cacheWrite1h: price("cache_creation_input_token_cost_above_1hr"),
            reasoning: price("output_cost_per_reasoning_token"), request: price("input_cost_per_request"),
            image: price("input_cost_per_image"),
            webSearch: suffix.isEmpty ? searchPrice(entry["search_context_cost_per_query"]) : nil,
            imageOutput: price("output_cost_per_image_token"))
    }

    /// Of one search, by how much of the web goes into the prompt: the dearest, since a call does not say which.
    private static func searchPrice(_ sizes: JSON?) -> USD? {
        (sizes?.object?.members ?? []).compactMap { $0.value.usd() }.filter { !$0.isNegative }.max()
    }

    /// Keys such as `input_cost_per_token_above_200k_tokens`.
    private static func overrides(_ entry: JSON) -> [Pricing.Override] {
        let mark = "_above_"
        let end = "k_tokens"
        var bounds: Set<Int> = []
        for key in entry.object?.keys ?? [] where key.hasSuffix(end) {
            let parts = key.dropLast(end.count).split(separator: "_")
            guard let last = parts.last, let thousands = Int(last), (1...10_000).contains(thousands),
                key.hasSuffix("\(mark)\(thousands)\(end)")
            else { continue }
            bounds.insert(thousands)
        }
        return bounds.sorted().map { thousands in
            Pricing.Override(
                minPromptTokens: thousands * 1000, rates: rates(entry, suffix: "\(mark)\(thousands)\(end)"))
        }
    }

    private static func count(_ value: JSON?) -> Int? {
        value?.int.flatMap { (1...1_000_000_000).contains($0) ? $0 : nil }
    }
}
