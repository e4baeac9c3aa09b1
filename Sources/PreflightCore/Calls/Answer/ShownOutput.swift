/// Whether the text of a model's answers shows what is paid for: reasoning that is not sent is billed all the same.
///
/// Learnt from settled answers, by model and by what was wished of reasoning. A value of bounded size.
package struct ShownOutput: Sendable {
    private struct Subject: Hashable {
        var model: String
        var isReasoningWanted: Bool
    }

    private struct Sight {
        /// Tokens were billed that no text stood for. This is never forgotten.
        var hides = false
        /// An answer's text stood for all of it, with reasoning where that was wanted.
        var shows = false
    }

    private let capacity: Int
    private var sights: [Subject: Sight] = [:]

    /// So many tokens of framing and the like are billed without any text.
    private static let framing = 64
    /// From here on a count is large enough to tell something.
    private static let telling = 16

    /// - Parameter capacity: subjects kept. Those that come later are taken as hiding something.
    package init(capacity: Int = 1_024) { self.capacity = max(1, capacity) }

    /// The answer to such a request may cost what cannot be seen in it: it was so before, or reasoning is wanted that
    /// was never seen.
    package func hides(_ model: String, _ wish: ReasoningWish) -> Bool {
        switch wish {
        case .unsaid: self[model, wish]?.hides ?? (sights.count >= capacity)
        case .wanted: !shows(model, wish)
        case .unshown: true
        }
    }

    /// What the answer to such a request costs can be reckoned from its text: it was so before, and never otherwise.
    package func shows(_ model: String, _ wish: ReasoningWish) -> Bool {
        guard wish != .unshown, let sight = self[model, wish] else { return false }
        return sight.shows && !sight.hides
    }

    private subscript(model: String, wish: ReasoningWish) -> Sight? {
        sights[Subject(model: model, isReasoningWanted: wish == .wanted)]
    }

    /// Takes in an answer of one choice whose usage is final.
    ///
    /// - Parameter isRead: all of its text was read. That of a response which is not streamed is not.
    package mutating func settle(_ answer: AnswerFacts, model: String, _ wish: ReasoningWish, isRead: Bool) {
        guard wish != .unshown, answer.usageIsFinal, let usage = answer.usage else { return }
        let subject = Subject(model: model, isReasoningWanted: wish == .wanted)
        guard var sight = sights[subject] ?? (sights.count < capacity ? Sight() : nil) else { return }
        let reasoning = usage.reasoningTokens
        let billed = max(usage.completionTokens, reasoning)
        if isRead {
            // A token is hardly ever less than a byte of text.
            let framing = Self.framing * (1 + answer.toolCalls.count)
            if reasoning > answer.reasoningBytes + Self.telling || billed > answer.shownTokens * 2 + framing {
                sight.hides = true
            }
            let isReasoningShown = reasoning >= Self.telling && answer.reasoningBytes * 2 >= reasoning * 5
            if billed >= Self.telling, billed <= answer.shownTokens,
                isReasoningShown || reasoning == 0 && wish == .unsaid
            {
                sight.shows = true
            }
        } else if reasoning > Self.telling, !sight.shows {
            sight.hides = true
        }
        sights[subject] = sight
    }
}

extension AnswerFacts {
    /// The tokens that its text stands for, reckoned from above: two and a half bytes each.
    package var shownTokens: Int { max(contentEvents, (producedBytes * 2 + 4) / 5) }
}
