package import PreflightCore

/// What the gateway tells of a call, a connection or a key that was refused.
package struct GatewayEvent: Sendable {
    package enum Kind: String, Sendable {
        case callReserved = "call_reserved"
        case callSettled = "call_settled"
        /// Sent, and its cost is not known yet.
        case callHeld = "call_held"
        /// A held call's cost has become known.
        case callReconciled = "call_reconciled"
        case callRefused = "call_refused"
        /// Sent, and failed without a charge.
        case callFailed = "call_failed"
        case keyRefused = "key_refused"
        /// The upstream fails, and the first call waits for that to end.
        case callsPaused = "calls_paused"
        /// No call waits any more.
        case callsResumed = "calls_resumed"
        case connectionOpened = "connection_opened"
        case connectionRefused = "connection_refused"
        case connectionClosed = "connection_closed"
    }

    package var kind: Kind
    /// Nil where no key was shown, or an unknown one.
    package var key: VirtualKey?
    /// Which listener it came in by.
    package var listener: String
    package var call: Call?
    package var pause: Pause?
    /// Host and port, for connections.
    package var target: String?
    package var bytesSent: Int?
    package var bytesReceived: Int?
    package var reason: String?

    package init(_ kind: Kind, key: VirtualKey?, listener: String, call: Call? = nil, reason: String? = nil) {
        self.kind = kind
        self.key = key
        self.listener = listener
        self.call = call
        self.reason = reason
    }

    package init(_ kind: Kind, key: VirtualKey?, listener: String, pause: Pause, reason: String? = nil) {
        self.init(kind, key: key, listener: listener, reason: reason)
        self.pause = pause
    }

    /// An upstream's outage, as the calls of one scope to one model meet it.
    package struct Pause: Sendable {
        package var model: String
        package var upstream: String?
        /// What the upstream answered; nil where it could not be reached or broke off.
        package var status: Int?
        /// How long calls wait at most.
        package var limit: Duration?
        /// Since the outage's first failure.
        package var duration: Duration?
        /// `answered`, `given_up`, `caller_left`.
        package var end: String?

        package init(
            model: String, upstream: String? = nil, status: Int? = nil, limit: Duration? = nil,
            duration: Duration? = nil, end: String? = nil
        ) {
            self.model = model
            self.upstream = upstream
            self.status = status
            self.limit = limit
            self.duration = duration
            self.end = end
        }
    }

    /// One call to a model.
    package struct Call: Sendable {
        package var id: Int64?
        package var dialect: Dialect
        package var model: String
        package var upstream: String?
        /// The model and provider that served.
        package var servedModel: String?
        package var provider: String?
        package var generation: String?
        package var status: Int?
        /// What it would have been refused with: it had begun, with a good status, and ended in an error or broke off.
        package var failureStatus: Int?
        /// The scope whose budget refused it; `call` for the caller's own limit.
        package var refusedBy: String?
        package var isStreamed = false
        /// It failed, and waits to be sent again.
        package var isSentAgain = false
        package var reserved: USD?
        package var cost: USD?
        /// `stated`, `priced` or `estimated`.
        package var basis: String?
        package var usage: Usage?
        /// By which two prompts are compared.
        package var prompt: PromptTrace?
        package var duration: Duration?
        package var timeToFirstToken: Duration?
        package var finishReasons: [String] = []
        package var toolNames: [String] = []
        /// Messages of the owner that its model has seen; that its upstream may have refused it for.
        package var steered: [Int] = []
        package var unsteered: [Int] = []
        /// How the scope stands after it.
        package var headroom: USD?
        package var spent: USD?

        package init(dialect: Dialect, model: String) {
            self.dialect = dialect
            self.model = model
        }
    }
}

extension GatewayEvent {
    /// The event's own fields, for a log.
    package var fields: JSON.Object {
        var record =
            JSON.record([
                "scope": key.map { .string($0.scopeName) }, "key": key.map { .string($0.label) },
                "target": target.map(JSON.string), "bytes_sent": bytesSent.map(JSON.int),
                "bytes_received": bytesReceived.map(JSON.int), "reason": reason.map(JSON.string),
            ]).object ?? JSON.Object()
        for member in pause?.fields.members ?? [] { record.append(member.key, member.value) }
        for member in call?.fields.members ?? [] { record.append(member.key, member.value) }
        return record
    }
}

extension GatewayEvent.Pause {
    var fields: JSON.Object {
        JSON.record([
            "model": .string(model), "upstream": upstream.map(JSON.string), "status": status.map(JSON.int),
            "limit_s": limit.map { .number($0.decimalSeconds(places: 3)) },
            "duration_s": duration.map { .number($0.decimalSeconds(places: 3)) }, "end": end.map(JSON.string),
        ]).object ?? JSON.Object()
    }
}

extension GatewayEvent.Call {
    /// What a call cost above its reservation.
    package var overrun: USD? {
        guard let cost, let reserved, cost > reserved else { return nil }
        return cost - reserved
    }

    var fields: JSON.Object {
        JSON.record([
            "call": id.map { .int(Int($0)) }, "dialect": .string(dialect.rawValue), "model": .string(model),
            "upstream": upstream.map(JSON.string), "served_model": servedModel.map(JSON.string),
            "provider": provider.map(JSON.string), "generation": generation.map(JSON.string),
            "status": status.map(JSON.int), "failure_status": failureStatus.map(JSON.int),
            "refused_by": refusedBy.map(JSON.string), "streamed": .bool(isStreamed),
            "sent_again": isSentAgain ? true : nil, "reserved_usd": reserved.map(JSON.usd),
            "cost_usd": cost.map(JSON.usd), "overrun_usd": overrun.map(JSON.usd), "basis": basis.map(JSON.string),
            "usage": usage?.counts, "prompt": prompt?.json,
            "duration_s": duration.map { .number($0.decimalSeconds(places: 3)) },
            "first_token_s": timeToFirstToken.map { .number($0.decimalSeconds(places: 3)) },
            "finish": finishReasons.isEmpty ? nil : .strings(finishReasons),
            "tools": toolNames.isEmpty ? nil : .strings(toolNames),
            "steered": steered.isEmpty ? nil : .array(steered.map(JSON.int)),
            "unsteered": unsteered.isEmpty ? nil : .array(unsteered.map(JSON.int)),
            "remaining_usd": headroom.map(JSON.usd),
            "spent_usd": spent.map(JSON.usd),
        ]).object ?? JSON.Object()
    }
}
