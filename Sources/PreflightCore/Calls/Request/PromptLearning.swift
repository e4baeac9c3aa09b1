/// Tightens the bounds of prompts by what providers counted before.
///
/// Agents send their whole conversation again with every call. Where a request begins with the messages of one whose
/// prompt is known, only the rest must be bounded. It is a value of bounded size; feed it every settled call.
package struct PromptLearning: Sendable {
    /// What a known prompt may differ by when it is continued: delimiters, and reminders that templates add.
    package static let margin = 64
    /// Calls before an expectation is given.
    package static let minimumSamples = 8
    /// Added to the largest ratio seen, in parts per thousand of it.
    package static let headroomPermille = 1_100

    private let capacity: Int
    private var known: [UInt64: Int] = [:]
    /// Keys of `known` in the order they came, as a ring.
    private var order: [UInt64] = []
    private var oldest = 0
    private var ratios: [String: Ratio] = [:]

    private struct Ratio {
        var largestPermille = 0
        var samples = 0
    }

    /// - Parameter capacity: conversations kept, and ten models for each hundred of them.
    package init(capacity: Int = 4_096) { self.capacity = max(1, capacity) }

    /// The most tokens that the prompt can have; nil where nothing tighter is known than the request's own bound.
    package func tokenBound(of facts: CallFacts) -> Int? {
        guard isLearnable(facts), let last = facts.prompt.marks.last else { return nil }
        let frame = PromptFrame(models: facts.models)
        for mark in facts.prompt.marks.reversed() {
            guard let tokens = known[key(mark, facts)] else { continue }
            let rest = frame.tokens(of: last.counts) - frame.tokens(of: mark.counts)
            return tokens + max(0, rest) + Self.margin
        }
        return nil
    }

    /// What the prompt will probably have: no bound, but the largest share of its bound that the model was seen to
    /// use, with headroom. `bound` itself until enough calls were seen.
    package func expectedTokens(bound: Int, model: String) -> Int {
        guard let ratio = ratios[model], ratio.samples >= Self.minimumSamples, bound > 0 else { return bound }
        let permille = ratio.largestPermille * Self.headroomPermille / 1_000 + 1
        let (product, overflow) = bound.multipliedReportingOverflow(by: permille)
        return overflow ? bound : min(bound, product / 1_000 + 1)
    }

    /// Takes in a settled call.
    ///
    /// - Parameter promptTokens: as the provider counted them, cached ones included.
    package mutating func settle(_ facts: CallFacts, promptTokens: Int) {
        guard promptTokens > 0, promptTokens < 1_000_000_000, !facts.prompt.isOpenEnded else { return }
        learnRatio(facts, promptTokens)
        guard isLearnable(facts), let mark = facts.prompt.marks.last else { return }
        let key = key(mark, facts)
        if let earlier = known[key] {
            // Providers of one model may count differently: the larger holds for all.
            known[key] = max(earlier, promptTokens)
            return
        }
        if order.count < capacity {
            order.append(key)
        } else {
            known[order[oldest]] = nil
            order[oldest] = key
            oldest = (oldest + 1) % capacity
        }
        known[key] = promptTokens
    }

    private mutating func learnRatio(_ facts: CallFacts, _ promptTokens: Int) {
        guard let bound = facts.prompt.tokenBound(models: facts.models), bound > 0 else { return }
        guard ratios[facts.model] != nil || ratios.count < max(10, capacity / 10) else { return }
        var ratio = ratios[facts.model] ?? Ratio()
        ratio.samples = min(1_000_000, ratio.samples + 1)
        ratio.largestPermille = max(ratio.largestPermille, promptTokens * 1_000 / bound + 1)
        ratios[facts.model] = ratio
    }

    /// With fallbacks, or with things that the server adds, one call's count says nothing of the next one's.
    private func isLearnable(_ facts: CallFacts) -> Bool {
        facts.fallbacks.isEmpty && !facts.prompt.isOpenEnded
            && facts.extras.allSatisfy { [.tier, .hourCache, .routing].contains($0.kind) && $0.detail != "online" }
    }

    private func key(_ mark: PromptMeasure.Mark, _ facts: CallFacts) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(facts.prompt.identity)
        hasher.combine(mark.hash)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
