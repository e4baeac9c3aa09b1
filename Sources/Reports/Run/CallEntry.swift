package import PreflightCore

/// One call to a model as a trial's event log tells it.
package struct CallEntry: Sendable, Equatable {
    package enum Ending: String, Sendable {
        /// Its cost is known.
        case settled
        /// Its cost is not known: what it reserved counts as spent.
        case held
        /// It was not sent.
        case refused
        /// It could not be sent, or was refused at no charge.
        case failed
        /// The agent told of it: with direct access nobody else does.
        case told
        /// The log ends before the call does.
        case open
    }

    package var ending: Ending
    /// In the ledger; nil where nothing was reserved.
    package var number: Int64?
    /// Of its event of the end.
    package var timestamp: Timestamp
    /// Of its end, since the trial began.
    package var endedAt: Duration
    /// From its arrival at the gateway to its end; nil where nobody measured it.
    package var duration: Duration?
    package var firstToken: Duration?
    package var model: String
    package var upstream: String?
    package var servedModel: String?
    package var provider: String?
    package var dialect: String?
    package var generation: String?
    package var status: Int?
    package var isStreamed = false
    /// It failed and was sent again, or another upstream was tried: not the caller's answer.
    package var isSentAgain = false
    package var reserved: USD?
    package var cost: USD?
    package var basis: String?
    package var usage: Usage?
    /// By which its prompt is compared with those before it; only the gateway knows it.
    package var prompt: PromptTrace?
    package var finish: [String] = []
    package var tools: [String] = []
    package var reason: String?

    package init(_ ending: Ending, model: String, timestamp: Timestamp, endedAt: Duration) {
        self.ending = ending
        self.model = model
        self.timestamp = timestamp
        self.endedAt = endedAt
    }

    /// What the gateway calls its standard upstream.
    package static let openRouter = "openrouter"

    /// A model answered it; of some upstreams a refusal is settled too, at no cost.
    package var isAnswered: Bool {
        ending == .told || ending == .settled && (status ?? 200) < 400
    }

    /// Since the trial began.
    package var startedAt: Duration { max(.zero, endedAt - (duration ?? .zero)) }
    /// What it counts as spent.
    package var spent: USD { cost ?? (ending == .held ? reserved ?? .zero : .zero) }
}

extension CallEntry {
    /// - Parameter event: one of the gateway's that tells of a call's end.
    init(_ ending: Ending, gateway event: Event) {
        let fields = event.fields
        func time(_ key: String) -> Duration? { fields[key]?.numberText.flatMap(Duration.init(decimalSeconds:)) }
        self.init(
            ending, model: fields["model"]?.string ?? "?", timestamp: event.timestamp, endedAt: event.elapsed)
        number = fields["call"]?.int.map(Int64.init)
        duration = time("duration_s")
        firstToken = time("first_token_s")
        upstream = fields["upstream"]?.string
        servedModel = fields["served_model"]?.string
        provider = fields["provider"]?.string
        dialect = fields["dialect"]?.string
        generation = fields["generation"]?.string
        status = fields["status"]?.int
        isStreamed = fields["streamed"]?.bool ?? false
        isSentAgain = fields["sent_again"]?.bool ?? false
        reserved = fields["reserved_usd"]?.usd()
        cost = fields["cost_usd"]?.usd()
        basis = fields["basis"]?.string
        usage = fields["usage"].flatMap(Usage.init(counts:))
        prompt = fields["prompt"].flatMap(PromptTrace.init(json:))
        finish = fields["finish"]?.array?.compactMap(\.string) ?? []
        tools = fields["tools"]?.array?.compactMap(\.string) ?? []
        reason = fields["reason"]?.string
    }
}
