package import PreflightCore

/// A call with what came of its cache, in tokens and money.
package struct JudgedCall: Sendable {
    package var call: CallEntry
    package var source: ModelSource
    package var usage: Usage
    package var judgement: CacheWatch.Judgement
    /// Nil where a price is unknown.
    package var saved: USD?
    package var paidForWrites: USD?
    package var missed: USD?
}

/// What a cache did to the price of a call.
package struct CacheMoney: Sendable, Equatable {
    package var saved: USD?
    package var paidForWrites: USD?

    /// - Parameter rates: those that the call was charged by; nil where they are unknown.
    package init(_ usage: Usage, at rates: Pricing.Rates?) {
        guard let rates, let prompt = rates.prompt, !prompt.isNegative else { return }
        saved = (prompt - (rates.cacheRead ?? prompt)) * usage.cachedTokens
        // Gemini's explicit caching reports the same tokens as read and as written: their price is that of both.
        let overlapping = usage.cachedTokens + usage.cacheWriteTokens > usage.promptTokens
        let forHour = min(usage.cacheWriteTokens, max(0, usage.cacheWrite1hTokens))
        let write = rates.cacheWrite ?? prompt
        let hourly = rates.cacheWrite1h ?? max(write, prompt * 2)
        let charged = write * (usage.cacheWriteTokens - forHour) + hourly * forHour
        paidForWrites = charged - (overlapping ? .zero : prompt * usage.cacheWriteTokens)
    }
}

/// Judges the calls of one attempt at the prices that the run began with.
package struct CacheFold: Sendable {
    private let provenance: Provenance
    private var watch = CacheWatch()

    package init(provenance: Provenance) { self.provenance = provenance }

    package mutating func take(_ event: Event) {
        if event.source == .harness, event.type == "trial_resumed" { watch.forget() }
    }

    /// Nil for calls that nobody answered.
    package mutating func take(_ call: CallEntry) -> JudgedCall? {
        guard call.isAnswered, let usage = call.usage, usage.promptTokens > 0 else {
            return nil
        }
        let source = ModelSource(
            model: call.model, upstream: call.upstream == CallEntry.openRouter ? nil : call.upstream)
        let rates = provenance.pricing(of: source)?.rates(
            promptTokens: usage.promptTokens, utcTime: call.timestamp.clock)
        let judgement = watch.take(
            CacheWatch.Call(
                source: source, provider: call.provider, usage: usage, prompt: call.prompt,
                startedAt: call.startedAt, endedAt: call.endedAt, rates: rates))
        let money = CacheMoney(usage, at: rates)
        var judged = JudgedCall(
            call: call, source: source, usage: usage, judgement: judgement, saved: money.saved,
            paidForWrites: money.paidForWrites)
        if let prompt = rates?.prompt, !prompt.isNegative {
            judged.missed = (prompt - (rates?.cacheRead ?? prompt)) * judgement.missedTokens
        }
        return judged
    }
}

extension Timestamp {
    /// HHMM in UTC, as prices for hours of the day are listed.
    fileprivate var clock: Int {
        let minutes = Int(((secondsSince1970 / 60) % 1440 + 1440) % 1440)
        return minutes / 60 * 100 + minutes % 60
    }
}
