import PreflightCore

/// How a streamed answer is followed: what it has produced, and what of that is paid.
struct StreamPassage {
    var meter: StreamMeter
    /// Builds the whole answer, for a caller who asked for no stream.
    var assembler: AnswerAssembler?
    /// Output tokens that the reservation pays, of all choices.
    var paid: Int
    /// More were asked for, and the ledger has not answered yet.
    var isExtending = false
    /// No more is to be had.
    var isExhausted = false
    var isStopped = false
    private let choices: Int
    /// What the provider was told to stop at, of all choices.
    private let most: Int
    private let isAdaptive: Bool
    /// In thousandths: of text whose tokens are short, and of text whose tokens are long.
    private let densely: Int
    private let loosely: Int

    /// Tokens that may be on their way while the stream is ended.
    private static let inFlight = 48
    /// Digits, hexadecimals and base64 have no more bytes in a token, whatever the model's answers had before.
    private static let densest = 2000

    init(meter: StreamMeter, assembler: AnswerAssembler?, grant: BudgetGrant, choices: Int, millibytesPerToken: Int?) {
        self.meter = meter
        self.assembler = assembler
        self.choices = max(1, choices)
        paid = Self.all(grant.output, self.choices)
        most = Self.all(grant.ceiling, self.choices)
        isAdaptive = grant.ceiling > grant.output
        densely = max(500, min((millibytesPerToken ?? 3000) * 4 / 5, Self.densest))
        loosely = max(500, (millibytesPerToken ?? 5000) * 4)
    }

    private static func all(_ tokens: Int, _ choices: Int) -> Int {
        let (product, overflow) = tokens.multipliedReportingOverflow(by: choices)
        return overflow ? .max : product
    }

    /// With a hold of the whole worst case the provider itself stops in time, so only what it surely produced counts: an
    /// answer of long words is not to be ended early. With a smaller one too many tokens are assumed rather than too few.
    private var isPaidInFull: Bool { !isAdaptive || paid >= most }

    /// Output tokens so far: counted by the upstream, or reckoned from bytes. An event has at least one of them.
    var produced: Int {
        if let running = meter.facts.runningCompletionTokens, meter.facts.dialect != .messages { return running }
        let bytes = meter.facts.producedBytes
        return isPaidInFull ? bytes * 1000 / loosely : max(bytes * 1000 / densely, meter.facts.contentEvents)
    }

    /// What is to be asked for, so that the answer can go on; nil while enough is paid. In tokens of each choice.
    var wanted: Int? {
        guard !isExtending, !isExhausted, paid < .max, produced + margin >= paid else { return nil }
        let step = max(256, min(4096, paid / 2))
        return ((isPaidInFull ? step : min(step, most - paid)) + choices - 1) / choices
    }

    /// The last token that is paid has come, or could have.
    var isOverdrawn: Bool { isExhausted && !isStopped && produced + (isPaidInFull ? 0 : Self.inFlight) >= paid }

    private var margin: Int { isPaidInFull ? 0 : max(Self.inFlight * 2, min(512, paid / 4)) }

    mutating func extended(by tokens: Int) {
        isExtending = false
        if tokens == 0 { isExhausted = true } else { paid += tokens * choices }
    }
}
