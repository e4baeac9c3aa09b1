/// How long a prompt probably is, to tell how long an answer fits beside it. Nothing is reckoned with it: a wrong guess
/// makes an answer shorter than it could be, or has it refused by its server.
struct PromptGuess {
    /// Nil where nobody can say.
    private let tokens: Int?
    /// Shorter answers are of no use to anybody.
    private static let leastAnswer = 16

    init(_ prompt: PromptMeasure, in frame: PromptFrame, known: Int?, usualShare: Int?) {
        let all = known ?? prompt.tokenBound(in: frame).map { $0.share(permille: usualShare ?? 1000) }
        // Each of several prompts has a context of its own.
        tokens = all.map { $0 / max(1, prompt.sequences) }
    }

    /// What a context of this length leaves for the answer. A bound is mostly above the prompt itself, also that of what
    /// has come since it was counted last: one that fills the context says little, so that a sixteenth is left in any case.
    func room(in context: Int) -> Int {
        guard let tokens else { return context / 2 }
        return max(context - max(0, tokens), context / 16, Self.leastAnswer)
    }
}

extension ModelTerms {
    /// The longest answer that it may give; nil where nothing bounds it.
    func longestAnswer(to prompt: PromptGuess) -> Int? {
        guard let contextLength, contextLength > 0 else { return maxCompletionTokens }
        let room = prompt.room(in: contextLength)
        return maxCompletionTokens.map { min($0, room) } ?? room
    }
}

extension Int {
    /// Rounded up; all of it from a thousand on, and where the product is beyond the range.
    fileprivate func share(permille: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: permille)
        return overflow || permille >= 1000 ? self : product / 1000 + 1
    }
}
