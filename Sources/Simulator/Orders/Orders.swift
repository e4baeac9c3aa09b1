/// What one call is told to do beyond what its model's script says: by its headers, by a member `simulator` of its
/// body, or by a fault.
struct Orders: Sendable {
    /// Tokens that one choice has, 0…1,000,000; the text follows from `seed`.
    var completionTokens: Int?
    var reasoningTokens: Int?
    /// Prompt tokens, of which some may come from the cache; scripted prompts leave the cache alone.
    var promptTokens: Int?
    var cachedTokens: Int?
    var seed: UInt64?
    /// Between two parts of a stream.
    var pace: Duration?
    /// Before the first token.
    var wait: Duration?
    /// Web searches to charge for, where the call asks for searching.
    var searches: Int?
    var isBYOK: Bool?
    var usageChunk: UsageChunkShape?
    /// Models whose provider refuses, so that the next one of the call's list is tried.
    var failingModels: Set<String> = []
    /// A fault that only this call meets.
    var fault: Fault?

    var omitsUsage = false
    /// Tokens to produce and charge for whatever the caller allowed; nil heeds `max_tokens`.
    var overrun: Overrun?
    var breakage: Breakage?
    /// The provider produces, and charges, to the end although the client has left.
    var keepsGenerating = false

    enum Overrun: Sendable {
        case tokens(Int)
        /// Four times what was allowed.
        case fourfold
    }
}

/// How an answer goes wrong after its first part.
struct Breakage: Sendable {
    enum Kind: Sendable {
        /// An error inside HTTP 200, with or without what was used.
        case error(Scenario.Failure, showsUsage: Bool)
        /// The connection closes.
        case cut
        /// The body ends in an orderly way, without the words that end a stream.
        case end
        /// Nothing comes for a while; then it goes on.
        case stall(Duration)
    }

    var kind: Kind
    /// Parts of the stream that are said before; nil for half of them.
    var after: Int?
    /// Whether the whole answer is charged; otherwise an error without usage is free, and anything else costs what
    /// was produced.
    var chargesAll = false

    /// How many of `count` parts are said before it happens: at least one, and never all of a longer answer.
    func partsBefore(of count: Int) -> Int {
        guard let after else { return max(1, count / 2) }
        return min(max(0, after), max(1, count - 1))
    }
}

extension Orders {
    /// Takes over what a fault does to the answer itself; other faults are the delivery's business.
    mutating func apply(_ fault: Fault) {
        func breaks(_ kind: Breakage.Kind) {
            breakage = Breakage(kind: kind, after: fault.after, chargesAll: fault.isCarriedOut)
        }
        switch fault.kind {
        case .missingUsage: omitsUsage = true
        case .ignoresMaxTokens: overrun = fault.tokens.map(Overrun.tokens) ?? .fourfold
        case .keepsGenerating: keepsGenerating = true
        case .slowFirstToken: wait = fault.delay
        case .cutStream: breaks(.cut)
        case .unfinishedStream: breaks(.end)
        case .stall: breaks(.stall(fault.delay))
        case .midStreamError:
            let failure = Scenario.Failure(
                status: fault.status ?? 502, message: fault.body ?? "Provider returned error", isMidStream: true)
            breaks(.error(failure, showsUsage: fault.showsUsage))
        case .status, .delay, .hang, .drop, .malformed, .html, .empty, .truncatedStream, .errorInSuccess: break
        }
    }
}
