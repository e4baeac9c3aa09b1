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
        private(set) var largestPermille = 0
        private(set) var samples = 0

        mutating func add(_ permille: Int) {
            samples = min(1_000_000, samples + 1)
            largestPermille = max(largestPermille, permille)
        }
    }

    /// - Parameter capacity: conversations kept, and ten models for each hundred of them.
    package init(capacity: Int = 4_096) { self.capacity = max(1, capacity) }

    /// The most tokens that the prompt can have; nil where nothing tighter is known than the request's own bound.
    package func tokenBound(of facts: CallFacts) -> Int? {
        guard isLearnable(facts), let last = facts.prompt.marks.last else { return nil }
        // With fallbacks nothing is known.
        let frame = PromptFrame(model: facts.model)
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
        guard let permille = usualShare(of: model), bound > 0 else { return bound }
        let (product, overflow) = bound.multipliedReportingOverflow(by: permille)
        return overflow ? bound : min(bound, product / 1_000 + 1)
    }

    /// The largest share of their bound that the model's prompts were seen to use, with headroom, in permille; nil
    /// until enough calls were seen.
    package func usualShare(of model: String) -> Int? {
        guard let ratio = ratios[model], ratio.samples >= Self.minimumSamples else { return nil }
        return ratio.largestPermille * Self.headroomPermille / 1_000 + 1
    }

    /// Takes in a settled call.
    ///
    /// - Parameter promptTokens: as the provider counted them, cached ones included.
    package mutating func settle(_ facts: CallFacts, promptTokens: Int) {
        guard promptTokens > 0, promptTokens < 1_000_000_000, !facts.prompt.isOpenEnded else { return }
        learnRatio(facts, promptTokens)
        guard isLearnable(facts), let mark = facts.prompt.marks.last else { return }
        let key = key(mark, facts)
        if let index = known.index(forKey: key) {
            // Providers of one model may count differently: the larger holds for all.
            known.values[index] = max(known.values[index], promptTokens)
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
        var frame = PromptFrame(model: facts.model)
        for name in facts.fallbacks { frame.widen(for: name) }
        guard let bound = facts.prompt.tokenBound(in: frame), bound > 0 else { return }
        let permille = promptTokens * 1_000 / bound + 1
        if let index = ratios.index(forKey: facts.model) {
            ratios.values[index].add(permille)
        } else if ratios.count < max(10, capacity / 10) {
            ratios[facts.model, default: Ratio()].add(permille)
        }
    }

    /// With fallbacks, or with things that the server adds, leaves out or fetches, one call's count says nothing of the
    /// next one's.
    private func isLearnable(_ facts: CallFacts) -> Bool {
        facts.fallbacks.isEmpty && !facts.prompt.isOpenEnded && facts.prompt.isRepeatable
            && facts.extras.allSatisfy { [.tier, .hourCache, .routing].contains($0.kind) && $0.detail != "online" }
    }

    private func key(_ mark: PromptMeasure.Mark, _ facts: CallFacts) -> UInt64 {
        KeyedHash.combine(facts.prompt.identity, mark.hash)
    }
}
