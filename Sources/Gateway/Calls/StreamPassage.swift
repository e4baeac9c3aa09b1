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
    private let isAdaptive: Bool
    private let millibytesPerToken: Int

    /// Tokens that may be on their way while the stream is ended.
    private static let inFlight = 48
    /// Digits, hexadecimals and base64 have no more bytes in a token, whatever the model's answers had before.
    private static let densest = 2000

    init(meter: StreamMeter, assembler: AnswerAssembler?, grant: BudgetGrant, choices: Int, millibytesPerToken: Int?) {
        self.meter = meter
        self.assembler = assembler
        self.choices = max(1, choices)
        paid = grant.output.multipliedReportingOverflow(by: self.choices).overflow ? .max : grant.output * self.choices
        isAdaptive = grant.ceiling > grant.output
        // With a hold of the whole worst case the provider itself stops in time, so only what it surely produced
        // counts: an answer of long words is not to be ended early. With a small one too many tokens are assumed
        // rather than too few.
        let usual = millibytesPerToken ?? (isAdaptive ? 3000 : 5000)
        self.millibytesPerToken = max(500, isAdaptive ? min(usual * 4 / 5, Self.densest) : usual * 4)
    }

    /// Output tokens so far: counted by the upstream, or reckoned from bytes. An event has at least one of them.
    var produced: Int {
        if let running = meter.facts.runningCompletionTokens, meter.facts.dialect != .messages { return running }
        let reckoned = meter.facts.producedBytes * 1000 / millibytesPerToken
        return isAdaptive ? max(reckoned, meter.facts.contentEvents) : reckoned
    }

    /// What is to be asked for, so that the answer can go on; nil while enough is paid. In tokens of each choice.
    var wanted: Int? {
        guard !isExtending, !isExhausted, paid < .max, produced + margin >= paid else { return nil }
        return (max(256, min(4096, paid / 2)) + choices - 1) / choices
    }

    /// The last token that is paid has come, or could have.
    var isOverdrawn: Bool { isExhausted && !isStopped && produced + (isAdaptive ? Self.inFlight : 0) >= paid }

    private var margin: Int { isAdaptive ? max(Self.inFlight * 2, min(512, paid / 4)) : 0 }

    mutating func extended(by tokens: Int) {
        isExtending = false
        if tokens == 0 { isExhausted = true } else { paid += tokens * choices }
    }
}
