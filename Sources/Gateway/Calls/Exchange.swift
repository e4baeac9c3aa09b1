import NIOCore
import PreflightCore
import Store

/// One request, from its first look to its settlement. Lives on its connection's event loop.
///
/// The order is what keeps a budget: read what is asked, reckon its worst case, reserve that, send, meter,
/// settle. It may outlive its caller: a call that was sent is settled in any case.
final class Exchange: @unchecked Sendable {
    let context: LoopContext
    let gateway: Gateway
    let rules: Rules
    var request: HTTPRequest
    let listener: Listener
    let arrivedAt = NIODeadline.now()
    /// Nil once the caller has left. The connection lets go of its exchange when that is answered.
    var client: ClientConnection?
    /// Where the context keeps this exchange; nil when it does not.
    var slot: Int?

    var dialect: Dialect
    var key: VirtualKey?
    /// The path after `/v1`, in the bytes of the request's head.
    var suffix = 0..<0
    var stage = Stage.reading
    var deadline = NIODeadline.distantFuture
    var timeout = Timeout.total

    // What is asked, and what it may cost.
    var asked: AskedCall?
    var narrowing: USD?
    var candidates: [Destination] = []
    var routedModel: String?
    var attempt = 0
    var retries = 0
    var price: CallPrice?
    var ask: BudgetAsk?
    var grant: LedgerGrant?

    // Of an upstream that fails: attempts that did, and those of them that may have been billed.
    var failures = 0
    var doubts = 0
    /// It waits for the end of an outage, or is being sent again since.
    var isInOutage = false
    /// The gateway or the listener closes: nothing is sent again.
    var isEnding = false
    /// Words of the owner that it takes to the model.
    var steering: Steering?

    // The answer.
    var connection: UpstreamConnection?
    var sentAt = NIODeadline.now()
    var head: HTTPResponseHead?
    var firstTokenAt: NIODeadline?
    var generation: String?
    var body = ByteBuffer()
    var stream: StreamPassage?
    /// The answer may still tell how long the prompt was, which was held at its bound.
    var awaitsPromptCount = false
    /// What is told of this call; empty before it was read.
    var report = GatewayEvent.Call(dialect: .chat, model: "")

    enum Stage {
        case reading
        /// The trial is held: it goes on when that ends.
        case heldBack(Int)
        case reserving(Ledger.Ticket)
        case connecting
        /// The upstream fails: it is sent again then.
        case paused(Scheduled<Void>)
        /// Sent: from here on it may be billed.
        case waiting
        case answering
        case done
    }

    /// What the deadline bounds.
    enum Timeout { case firstByte, betweenBytes, total, leaving }

    init(client: ClientConnection, request: HTTPRequest) {
        self.client = client
        self.request = request
        context = client.context
        gateway = client.context.gateway
        listener = client.listener
        rules = client.context.gateway.rules
        dialect = .chat
    }

    var settings: GatewaySettings { rules.settings }
    var destination: Destination { candidates[attempt] }
    var upstream: Upstream { candidates[attempt].upstream }
    var facts: CallFacts? { asked?.facts }
    var isStreamed: Bool { asked?.facts.isStreamed ?? false }
    var isDone: Bool { if case .done = stage { true } else { false } }

    func start() {
        context.begin(self)
        guard let (endpoint, suffix) = Endpoint.find(request) else {
            dialect = Endpoint.dialect(of: request)
            return refuse(.unknownPath(request.path))
        }
        self.suffix = suffix
        switch endpoint {
        case .call(let dialect): self.dialect = dialect
        case .countTokens: dialect = .messages
        case .key, .credits, .reading, .health: break
        }
        if case .health = endpoint { return finish(HTTPResponse.json(["status": "ok"])) }
        guard let key = admit() else { return }
        switch endpoint {
        case .call: call(key)
        case .countTokens: countTokens(key)
        case .key, .credits: tellBudget(key, endpoint)
        case .reading: read(key)
        case .health: break
        }
    }

    /// The key of the request, if it is good here and now; else the request is refused.
    private func admit() -> VirtualKey? {
        guard let client else { return nil }
        let (found, objection) = client.admission(of: request)
        guard let found, objection == nil else {
            let message = objection ?? ""
            gateway.report(GatewayEvent(.keyRefused, key: found, listener: listener.name, reason: message))
            finish(Refusal.unauthenticated(message).response(in: dialect))
            return nil
        }
        key = found
        return found
    }

    // MARK: Reading

    private func call(_ key: VirtualKey) {
        if let mayCall = listener.mayCall, !mayCall() {
            return refuse(
                .unavailable("This gateway stood still, and makes sure that it still may spend", retryAfter: 5))
        }
        if key.callsPerMinute != nil, let wait = key.takeCall(at: gateway.now()) {
            return refuse(
                .rateLimited(
                    "This key may make \(key.callsPerMinute ?? 0) calls a minute",
                    retryAfter: max(1, wait.wholeSeconds + 1)))
        }
        let asked: AskedCall
        do throws(CallRefusal) {
            asked = try request.body.withBytes { (bytes) throws(CallRefusal) in
                AskedCall(try CallFacts.read(bytes, dialect: dialect))
            }
        } catch { return refuse(Refusal(error)) }
        self.asked = asked
        report.dialect = dialect
        report.model = asked.facts.model
        report.isStreamed = asked.facts.isStreamed
        if !key.models.isEmpty, let model = asked.facts.models.first(where: { !key.allows(model: $0) }) {
            return refuse(.forbidden("This key may not call \(model.prefix(256))", code: "model_not_allowed"))
        }
        if let text = request.fields[.maxCost] {
            guard let limit = USD(decimal: text, rounding: .down), !limit.isNegative else {
                return refuse(.invalid("x-preflight-max-cost is an amount in dollars", param: "x-preflight-max-cost"))
            }
            narrowing = limit
        }
        (candidates, routedModel) = rules.candidates(for: asked.facts.model, with: key)
        guard !candidates.isEmpty else { return refuse(.unknownModel(asked.facts.model)) }
        if !request.fields.contains(.dryRun), waitWhileHeld() { return }
        attempt = candidates.count == 1 ? 0 : candidates.firstIndex { context.isReady($0.upstream.name) } ?? 0
        steer()
        reserve()
    }

    // MARK: Reserving

    func reserve() {
        guard let asked, let key else { return }
        let price: CallPrice
        do throws(CallRefusal) { price = try self.price(asked.facts) } catch {
            return takeMessagesOut() ? reserve() : refuse(Refusal(error))
        }
        self.price = price
        deadline = .distantFuture
        var ask = BudgetAsk(
            base: price.base, perOutputToken: price.perOutputToken, promptTokens: price.promptTokens,
            wantedOutput: price.maxOutputTokens, leastOutput: settings.leastOutput,
            expectedOutput: expectedOutput(asked.facts, key), choices: price.choices)
        ask.limit = narrowing
        if isOpen(asked.facts) { ask.openOutput = max(Self.outputWithinTokenLimits, settings.leastOutput) }
        self.ask = ask
        if request.fields.contains(.dryRun) { return tellPrice(ask, key) }
        report.upstream = upstream.name
        let ticket = gateway.ledger.nextTicket()
        // Before it is asked for: the answer may come at once.
        stage = .reserving(ticket)
        gateway.ledger.reserve(
            ask, scope: key.scope, model: asked.facts.model, patience: settings.patience.headroom, ticket: ticket,
            on: context
        ) { [self] result in reserved(result) }
    }

    /// The worst case at the upstream whose turn it is.
    ///
    /// - Parameter known: the tokens of the prompt, once they were counted.
    func price(_ facts: CallFacts, known: Int? = nil) throws(CallRefusal) -> CallPrice {
        if case .free = upstream.pricing {
            let output = facts.outputCap ?? settings.allowances.defaultOutputTokens ?? Self.openOutput
            return CallPrice(
                promptTokens: facts.prompt.tokenBound(models: facts.models) ?? 0, base: .zero, perOutputToken: .zero,
                maxOutputTokens: facts.dialect == .embeddings ? 0 : output, choices: facts.choices,
                maxPrice: MaxPrice(prompt: .zero, completion: .zero))
        }
        guard let catalogue = destination.catalogue else { throw .unknownPrice(model: facts.model) }
        guard let routedModel else { return try price(facts, catalogue, known) }
        var facts = facts
        facts.model = routedModel
        return try price(facts, catalogue, known)
    }

    private func price(
        _ facts: CallFacts, _ catalogue: Catalogue, _ known: Int?
    ) throws(CallRefusal) -> CallPrice {
        try WorstCase.price(
            of: facts, in: catalogue, allowances: rules.settings.allowances,
            knownPromptTokens: known ?? context.prompts.tokenBound(of: facts),
            // A route may know the model by another name.
            usualPromptShare: facts.outputCap == nil ? context.prompts.usualShare(of: report.model) : nil)
    }

    /// A length that stands for none: a free server's context is not known.
    private static let openOutput = 1 << 20
    /// What such a call is allowed where a limit of tokens counts: most servers have a context that it fits into.
    private static let outputWithinTokenLimits = 4096

    /// Neither the caller nor the owner says how long the answer may be, and no price does.
    func isOpen(_ facts: CallFacts) -> Bool {
        guard facts.outputCap == nil, settings.allowances.defaultOutputTokens == nil, dialect != .embeddings,
            case .free = upstream.pricing
        else { return false }
        return true
    }

    /// What an adaptive budget holds at first; nil for all that is wanted, where the answer cannot be followed.
    private func expectedOutput(_ facts: CallFacts, _ key: VirtualKey) -> Int? {
        guard facts.choices == 1, dialect != .embeddings, !context.shown.hides(facts.model, facts.reasoning) else {
            return nil
        }
        return context.outputs.quantile(settings.expectedPermille, of: subject(facts, key))
    }

    func subject(_ facts: CallFacts, _ key: VirtualKey) -> OutputLearning.Subject {
        OutputLearning.Subject(key: key.scopeName, model: facts.model)
    }

    private func reserved(_ result: Result<LedgerGrant, LedgerRefusal>) {
        switch result {
        case .success(let grant):
            guard !isDone, client != nil else {
                gateway.ledger.resolve(grant.call, .released, on: nil)
                return end()
            }
            // Held while it waited for money.
            if waitWhileHeld() { return gateway.ledger.resolve(grant.call, .released, on: nil) }
            self.grant = grant
            report.id = grant.call.row
            report.reserved = grant.grant.amount
            report.headroom = grant.grant.headroom
            tell(.callReserved)
            if let refusal = objection { return giveUp(refusal) }
            MarkedStep.callReserved.pass()
            send()
        case .failure(let refusal):
            guard !isDone else { return }
            // The owner's words must not be what a budget cannot pay.
            if client != nil, takeMessagesOut() { return reserve() }
            refuse(Refusal(refusal, at: gateway.now()))
        }
    }

    /// The key was taken away while the call waited: nothing may be sent for it any more.
    var objection: Refusal? {
        key?.objection(at: gateway.now).map(Refusal.unauthenticated)
    }

    /// Ends a call that was reserved and not sent.
    func giveUp(_ refusal: Refusal) {
        release()
        refuse(refusal)
    }

    // MARK: Ending

    /// An answer of the gateway's own, before anything was sent.
    func refuse(_ refusal: Refusal) {
        if asked != nil {
            report.status = refusal.status
            report.refusedBy = refusal.metadata["scope"]?.string
            tell(.callRefused, reason: refusal.message)
        }
        finish(refusal.response(in: dialect))
    }

    func finish(_ response: HTTPResponse) {
        guard !isDone else { return }
        var response = response
        if request.kind == .head { response.body = ByteBuffer() }
        let client = client
        end()
        client?.answer(response)
    }

    func end() {
        stage = .done
        leaveOutage(client == nil ? .callerLeft : .gaveUp)
        giveBackMessages()
        deadline = .distantFuture
        connection = nil
        context.end(self)
    }

    func tell(_ kind: GatewayEvent.Kind, reason: String? = nil) {
        gateway.report(
            GatewayEvent(kind, key: key, listener: listener.name, call: asked == nil ? nil : report, reason: reason))
    }

    /// The caller's connection is closed.
    func clientLeft() {
        client = nil
        switch stage {
        case .reading, .connecting, .done: break
        case .reserving(let ticket): gateway.ledger.cancel(ticket)
        case .heldBack(let place):
            listener.control?.leave(place)
            end()
        case .paused(let attempt):
            attempt.cancel()
            end()
        case .waiting: leaveUnanswered()
        case .answering: leaveUpstream()
        }
    }

    func clientReads(_ reads: Bool) { connection?.setReading(reads) }

    func check(_ now: NIODeadline) {
        guard now >= deadline else { return }
        deadline = .distantFuture
        timedOut()
    }

    /// The gateway or the listener closes.
    func abort(_ reason: String) {
        switch stage {
        case .done: break
        case .reading, .connecting:
            release()
            finish(Refusal.unavailable(reason, retryAfter: nil).response(in: dialect))
        case .reserving(let ticket):
            gateway.ledger.cancel(ticket)
            finish(Refusal.unavailable(reason, retryAfter: nil).response(in: dialect))
        case .heldBack(let place):
            listener.control?.leave(place)
            finish(Refusal.unavailable(reason, retryAfter: nil).response(in: dialect))
        case .paused(let attempt):
            attempt.cancel()
            finish(Refusal.unavailable(reason, retryAfter: nil).response(in: dialect))
        case .waiting, .answering:
            isEnding = true
            upstreamFailed(.timedOut(reason), wasReused: false)
        }
    }
}

/// What a request asks for. Shared, as it is looked at in every step of its call.
final class AskedCall: Sendable {
    let facts: CallFacts

    init(_ facts: CallFacts) { self.facts = facts }
}

extension ByteBuffer {
    func withBytes<T, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        let result: Result<T, E> = withUnsafeReadableBytes { bytes in
            do throws(E) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
