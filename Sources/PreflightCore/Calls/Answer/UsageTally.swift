/// What the parts of an answer have said of its usage so far.
///
/// Later parts correct earlier ones member by member; a member that is absent or null changes nothing. Names are those
/// of OpenAI (chat, responses), OpenRouter, Anthropic, vLLM and DeepSeek.
package struct UsageTally: Hashable, Sendable {
    /// `prompt_tokens`: everything the model read.
    package var promptTokens: Int?
    /// `input_tokens`: without cached tokens where Anthropic's cache counts stand beside it, else everything.
    package var inputTokens: Int?
    package var completionTokens: Int?
    package var reasoningTokens: Int?
    /// Inside the prompt's details; part of the prompt's count.
    package var cachedTokens: Int?
    package var cacheWriteTokens: Int?
    /// Anthropic's counts, beside `input_tokens`.
    package var cacheReadInputTokens: Int?
    package var cacheCreationInputTokens: Int?
    package var cacheCreation1hTokens: Int?
    /// DeepSeek's count, part of the prompt's.
    package var cacheHitTokens: Int?
    package var webSearches: Int?
    package var cost: USD?
    package var upstreamCost: USD?
    package var isBYOK: Bool?

    package init() {}

    /// The counts in one value; nil when nothing was said.
    package var usage: Usage? {
        guard promptTokens != nil || inputTokens != nil || completionTokens != nil || cost != nil else { return nil }
        let cached = cachedTokens ?? cacheReadInputTokens ?? cacheHitTokens ?? 0
        let written = cacheWriteTokens ?? cacheCreationInputTokens ?? cacheCreation1hTokens ?? 0
        let hasAnthropicCounts =
            cacheReadInputTokens != nil || cacheCreationInputTokens != nil || cacheCreation1hTokens != nil
        let outside = promptTokens == nil && hasAnthropicCounts ? cached + written : 0
        return Usage(
            promptTokens: (promptTokens ?? inputTokens ?? 0) + outside, completionTokens: completionTokens ?? 0,
            cachedTokens: cached, cacheWriteTokens: written,
            cacheWrite1hTokens: min(written, cacheCreation1hTokens ?? 0), reasoningTokens: reasoningTokens ?? 0,
            cost: statedCost)
    }

    /// What the provider says the call cost: with a provider key of the user's own, OpenRouter's fee and the true
    /// price. Nil when it did not say, or said only the fee.
    package var statedCost: USD? {
        guard let cost else { return nil }
        guard isBYOK == true else { return cost }
        return upstreamCost.map { cost + $0 }
    }

    /// Prompt and completion are both known; enough to price a call by.
    package func isPriceable(in dialect: Dialect) -> Bool {
        (promptTokens != nil || inputTokens != nil) && (completionTokens != nil || dialect == .embeddings)
    }
}
