import NIOCore
import PreflightCore
import Store

/// A prompt is held at its bound. Some answers begin with its count, long before they end: then the difference is free
/// for others.
extension Exchange {
    /// A part of the hold that is smaller than this one is not worth a change in the ledger.
    private static let smallestPart = 16

    /// Not where a server may add to the prompt later on.
    func canGiveBackPrompt(_ facts: CallFacts) -> Bool {
        guard let price, price.base > .zero else { return false }
        return facts.extras.allSatisfy { $0.kind == .tier || $0.kind == .hourCache }
    }

    /// Looked for until the answer has begun to say something, or has told.
    func giveBackPrompt() {
        guard let grant, let price, let facts, let answer = stream?.meter.facts else { return }
        if answer.hasContent || answer.usageIsFinal { awaitsPromptCount = false }
        guard !answer.usageIsFinal, let count = answer.usage?.promptTokens, count > 0 else { return }
        awaitsPromptCount = false
        // Some servers begin with a number that is none. So far below the bound no prompt is.
        guard count < price.promptTokens, count >= price.promptTokens / 16,
            let told = try? self.price(facts, known: count)
        else { return }
        let free = price.base - told.base
        let tokens = price.promptTokens - told.promptTokens
        guard free > .zero, tokens >= 0, free * Self.smallestPart >= grant.grant.amount else { return }
        self.price?.base = told.base
        self.price?.promptTokens = told.promptTokens
        self.grant?.grant.amount -= free
        self.grant?.grant.tokens -= tokens
        report.reserved = self.grant?.grant.amount
        report.headroom = report.headroom.map { $0 + free }
        gateway.ledger.giveBack(grant.call, free, tokens: tokens)
    }
}
