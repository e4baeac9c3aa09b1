/// Judges call after call of a trial what became of its cache. It remembers a few of the newest prompts: agents may have
/// several conversations at once.
package struct CacheWatch: Sendable {
    package struct Call: Sendable {
        package var source: ModelSource
        package var provider: String?
        package var usage: Usage
        package var prompt: PromptTrace?
        package var startedAt: Duration
        package var endedAt: Duration
        /// At the call's prices: of a prompt token, and of one read from the cache; nil where unknown.
        package var rates: Pricing.Rates?

        package init(
            source: ModelSource, provider: String?, usage: Usage, prompt: PromptTrace?, startedAt: Duration,
            endedAt: Duration, rates: Pricing.Rates?
        ) {
            self.source = source
            self.provider = provider
            self.usage = usage
            self.prompt = prompt
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.rates = rates
        }
    }

    package struct Judgement: Hashable, Sendable {
        package var verdict: CacheVerdict
        /// Prompt tokens that an unbroken cache would have given, and this call paid in full.
        package var missedTokens: Int

        package init(verdict: CacheVerdict, missedTokens: Int = 0) {
            self.verdict = verdict
            self.missedTokens = missedTokens
        }
    }

    package static let memory = 16
    private var earlier: [Call] = []

    package init() {}

    /// Another process makes the hashes from here on: nothing before can be compared with them.
    package mutating func forget() { earlier = [] }

    package mutating func take(_ call: Call) -> Judgement {
        let judgement = judge(call)
        if earlier.count >= Self.memory { earlier.removeFirst() }
        earlier.append(call)
        return judgement
    }

    private func judge(_ call: Call) -> Judgement {
        let before = earlier.filter { $0.source == call.source }
        guard let nearest = nearest(to: call, among: before) else {
            return Judgement(verdict: call.usage.cachedTokens > 0 ? .hit : .first)
        }
        // A prompt is cached in blocks, so that a few tokens at its end are never read.
        let expected = min(nearest.usage.promptTokens, call.usage.promptTokens)
        if call.usage.cachedTokens * 10 >= expected * 7, call.usage.cachedTokens > 0 { return Judgement(verdict: .hit) }
        let verdict = cause(call, after: nearest)
        guard verdict.isBreak else { return Judgement(verdict: verdict) }
        return Judgement(verdict: verdict, missedTokens: max(0, expected - call.usage.cachedTokens))
    }

    /// The earlier call with which it shares most: the newest of equals.
    private func nearest(to call: Call, among before: [Call]) -> Call? {
        guard let prompt = call.prompt else { return before.last }
        var best: (call: Call, shared: Int)?
        for candidate in before {
            guard let theirs = candidate.prompt else { continue }
            // Where nothing is shared, the last one with the same first message is still the same conversation.
            let shared = prompt.shared(with: theirs) * 2 + (prompt.opening == theirs.opening ? 1 : 0)
            // A shorter one that begins in another way is a conversation of its own.
            if shared == 0, prompt.messages < theirs.messages { continue }
            if shared >= best?.shared ?? 0 { best = (candidate, shared) }
        }
        return best?.call
    }

    private func cause(_ call: Call, after earlier: Call) -> CacheVerdict {
        if let rates = call.rates, rates.cacheRead == nil, call.usage.cachedTokens == 0 { return .noCache }
        let habits = CacheHabits(model: call.source.model)
        if min(earlier.usage.promptTokens, call.usage.promptTokens) < habits.leastTokens {
            return .tooShort
        }
        guard let prompt = call.prompt, let theirs = earlier.prompt else { return .untold }
        switch prompt.difference(from: theirs) {
        case .tools?: return .toolsChanged
        case .system?: return .systemChanged
        case .message(let number, let isExact)?:
            return .messageChanged(number, isExact: isExact)
        case nil: break
        }
        if habits.needsMark, !theirs.isMarked { return .unmarked }
        if let provider = call.provider, let theirs = earlier.provider, provider != theirs { return .providerChanged }
        if let lifetime = habits.lifetime, call.startedAt - earlier.endedAt > lifetime { return .tooLate }
        return .unexplained
    }
}
