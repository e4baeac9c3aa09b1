/// What a call may cost at most, and how little of an answer is still worth having.
package struct BudgetAsk: Sendable, Equatable {
    /// The prompt, fees and extras at their dearest.
    package var base: USD
    /// The dearest price of one token of output, all choices counted.
    package var perOutputToken: USD
    /// At most so many tokens of prompt.
    package var promptTokens: Int
    /// The longest answer wanted: the caller's cap or the model's. Of each choice, like all output here.
    package var wantedOutput: Int
    /// The shortest answer worth having.
    package var leastOutput: Int
    /// What an adaptive budget takes at first, in tokens of output.
    package var expectedOutput: Int
    /// Answers of that length that are generated, at least 1. `perOutputToken` has them in it; tokens are counted by it.
    package var choices: Int
    /// The most that is wanted where a limit of tokens counts, if `wantedOutput` stands for no length at all.
    package var openOutput: Int?
    /// The caller's own limit for this call; it can only narrow.
    package var limit: USD?
    /// Takes what is there, above the least, instead of waiting for more.
    package var takesLess = false

    package init(
        base: USD, perOutputToken: USD, promptTokens: Int = 0, wantedOutput: Int, leastOutput: Int = 1,
        expectedOutput: Int? = nil, choices: Int = 1, limit: USD? = nil
    ) {
        self.base = base
        self.perOutputToken = perOutputToken
        self.promptTokens = promptTokens
        self.wantedOutput = wantedOutput
        self.leastOutput = Swift.min(leastOutput, wantedOutput)
        self.expectedOutput = expectedOutput ?? wantedOutput
        self.choices = Swift.max(1, choices)
        self.limit = limit
    }

    /// What an answer of `output` tokens costs at most.
    package func cost(output: Int) -> USD { base + perOutputToken * output }

    /// Prompt and answers of `output` tokens have at most so many.
    package func tokens(output: Int) -> Int { promptTokens.saturatingAdd(output.saturatingMultiply(by: choices)) }

    /// The longest answer that `money` pays for; nil when it does not even pay the base.
    func output(within money: USD) -> Int? {
        guard money >= base else { return nil }
        return (money - base).count(of: perOutputToken) ?? .max
    }
}

/// A call's share of every budget above it.
package struct BudgetGrant: Sendable, Equatable {
    /// Tokens of output that are paid for.
    package var output: Int
    /// Tokens of output to ask the provider for. More than `output` only with adaptive holds.
    package var ceiling: Int
    /// Taken from every scope of the chain.
    package var amount: USD
    package var tokens: Int
    /// What is left after it in the tightest scope; nil without any limit.
    package var headroom: USD?
    /// The scope with the least room, by its index; nil where no limit counts money or tokens of the answer.
    package var tightest: Int?
}

/// Why a call is refused: the scope that is short, and of what.
package struct BudgetShortage: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case money(BudgetWindow, limit: USD, spent: USD, needed: USD)
        case tokens(limit: Int, used: Int, needed: Int)
        case calls(limit: Int)
        case time(limit: Duration)
        /// The caller's own limit for this call.
        case call(limit: USD, needed: USD)
        case closed
    }

    package var scope: String
    package var kind: Kind
    /// When the window ends that is used up.
    package var endsAt: Timestamp?

    package init(scope: String, kind: Kind, endsAt: Timestamp? = nil) {
        self.scope = scope
        self.kind = kind
        self.endsAt = endsAt
    }
}

extension BudgetShortage: CustomStringConvertible {
    package var description: String {
        switch kind {
        case .money(let window, let limit, let spent, let needed):
            let kind = window == .total ? "budget" : "\(window.rawValue) budget"
            return "the \(kind) of \(scope), \(limit), has \(spent) spent; this call needs \(needed)"
        case .tokens(let limit, let used, let needed):
            return "the token budget of \(scope), \(limit), has \(used) used; this call needs \(needed)"
        case .calls(let limit): return "\(scope) has made its \(limit) calls"
        case .time(let limit): return "the time of \(scope), \(limit.shortText), is over"
        case .call(let limit, let needed): return "the call is limited to \(limit) and needs \(needed)"
        case .closed: return "\(scope) is closed"
        }
    }
}
