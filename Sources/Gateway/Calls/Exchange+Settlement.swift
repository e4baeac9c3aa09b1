import NIOCore
import PreflightCore
import Store

extension Exchange {
    /// Ends the reservation by what the answer said; the cost, if it is known now.
    func settle(_ answer: AnswerFacts, _ facts: CallFacts, reason: String? = nil) -> USD? {
        describe(answer)
        let reason = reason ?? answer.error.map { "the answer ended in an error: \($0.message)" }
        if case .free = upstream.pricing { return charge(.zero, basis: "free", answer, facts, reason) }
        let time = gateway.now()
        let surcharge = price?.surcharge ?? .none
        if let charge = answer.charge(
            prices: pricing(of: answer, facts, surcharge), surcharge: surcharge, utcTime: time.hourAndMinute)
        {
            return self.charge(charge.amount, basis: charge.basis.rawValue, answer, facts, reason)
        }
        if upstream.knowsGenerations, generation ?? answer.id != nil {
            generation = generation ?? answer.id
            hold(estimate: nil, reason: reason ?? "the answer said no cost")
            return nil
        }
        if let estimate = estimate(answer, facts) {
            return charge(estimate, basis: "estimated", answer, facts, reason)
        }
        hold(estimate: nil, reason: reason ?? "the answer said no cost")
        return nil
    }

    /// Nil where another can say the cost better: what extras really cost stands in OpenRouter's record of the call.
    private func pricing(of answer: AnswerFacts, _ facts: CallFacts, _ surcharge: Surcharge) -> Pricing? {
        guard surcharge == .none || !upstream.knowsGenerations else { return nil }
        guard let catalogue = destination.catalogue else { return nil }
        let asked = routedModel ?? facts.model
        // The name in the answer may be a dated one that no list has; without fallbacks only one model can have served.
        if !facts.fallbacks.isEmpty, let served = answer.model, let prices = catalogue.pricing(of: served) {
            return prices
        }
        return catalogue.pricing(of: asked)
    }

    /// What an answer without counts has cost, from above: the prompt's bound, or its count where it was told, and the
    /// text that came. Nil where more may have been made than can be seen, or more be charged than its tokens: what was
    /// counted and is not priced by that is charged for something else as well.
    private func estimate(_ answer: AnswerFacts, _ facts: CallFacts) -> USD? {
        guard let price, !answer.isCounted, !answer.hasDearerTier || price.surcharge.factorPermille > 1000 else {
            return nil
        }
        guard answer.hasContent || answer.isFinished || answer.hasStarted else { return nil }
        guard price.perOutputToken > .zero else { return price.base }
        // What is not streamed was made as a whole before its first byte came.
        guard stream != nil || answer.isFinished else { return nil }
        guard let produced = countedTokens(answer) ?? seenTokens(answer, facts) else { return nil }
        return price.base + price.perOutputToken * min(produced, price.maxOutputTokens)
    }

    /// As the upstream counted them while it went on.
    private func countedTokens(_ answer: AnswerFacts) -> Int? {
        guard let count = answer.runningCompletionTokens else { return nil }
        if answer.usageIsFinal { return count }
        // Anthropic begins with a count that is none; others may begin with 0.
        return dialect == .messages || count == 0 ? nil : count
    }

    /// As its text shows them, where that is known to be all.
    private func seenTokens(_ answer: AnswerFacts, _ facts: CallFacts) -> Int? {
        guard answer.producedBytes > 0 else { return nil }
        // vLLM sends all that its models say.
        let isSeen =
            upstream.kind == .vllm
            ? facts.reasoning != .unshown
            : context.shown.shows(facts.model, facts.reasoning)
        return isSeen ? answer.shownTokens : nil
    }

    private func charge(
        _ cost: USD, basis: String, _ answer: AnswerFacts, _ facts: CallFacts, _ reason: String?
    ) -> USD {
        report.cost = cost
        report.basis = basis
        let usage = answer.usage
        let tokens = usage.map { $0.promptTokens + $0.completionTokens } ?? grant?.grant.tokens ?? 0
        guard let grant else { return cost }
        self.grant = nil
        MarkedStep.callAnswered.pass()
        // The report stays as it is: nothing comes after a settlement.
        gateway.ledger.resolve(grant.call, .settled(cost: cost, tokens: tokens), on: context) { [self] standing in
            report.headroom = standing?.headroom
            report.spent = standing.map { $0.scope.committed }
            tell(.callSettled, reason: reason)
        }
        if answer.usageIsFinal, let usage { learn(answer, usage, facts) }
        return cost
    }

    private func learn(_ answer: AnswerFacts, _ usage: Usage, _ facts: CallFacts) {
        context.prompts.settle(facts, promptTokens: usage.promptTokens)
        if let key { context.outputs.settle(subject(facts, key), outputTokens: usage.completionTokens) }
        if facts.choices == 1, dialect != .embeddings {
            context.shown.settle(
                answer, model: facts.model, facts.reasoning, isRead: stream != nil || dialect != .responses)
        }
        let visible = usage.completionTokens - usage.reasoningTokens
        if stream != nil {
            // Where reasoning is in the text, its tokens are those of the text too.
            let tokens = answer.reasoningBytes > 0 ? usage.completionTokens : max(visible, 0)
            context.learn(model: facts.model, producedBytes: answer.producedBytes, tokens: tokens)
        }
    }

    /// Counts the call as spent until its cost is known, and has that asked for where somebody can tell.
    func hold(estimate: USD?, reason: String) {
        guard let grant else { return }
        report.generation = generation
        self.grant = nil
        if case .free = upstream.pricing, asked != nil {
            report.cost = .zero
            report.basis = "free"
            // Another attempt may follow, and change the report.
            return gateway.ledger.resolve(
                grant.call, .settled(cost: .zero, tokens: grant.grant.tokens), on: context,
                then: telling(.callSettled, report, reason: reason))
        }
        let call = report
        // Kept with the call, so that its cost can be asked for by another process too.
        if let generation { gateway.ledger.note(grant.call, generation: generation) }
        // With an adaptive hold the provider was allowed more than is reserved. Only where it counted what it made is
        // it known that no more than that was.
        let isCounted = stream.map { countedTokens($0.meter.facts) != nil } ?? false
        let amount = estimate ?? (isCounted ? grant.grant.amount : nil)
        guard let key, let generation, upstream.knowsGenerations else {
            return gateway.ledger.resolve(
                grant.call, .held(amount), on: context, then: telling(.callHeld, call, reason: reason))
        }
        let held = HeldCall(
            id: grant.call, scope: key.scope, amount: grant.grant.amount, model: facts?.model, generation: generation,
            createdAt: gateway.now())
        gateway.reconciler.submit(
            Reconciler.Job(
                call: held, upstream: upstream, key: key, listener: listener.name, report: call, isOpen: true,
                doubt: amount))
        let ledger = gateway.ledger
        let tell = telling(.callHeld, call, reason: reason)
        context.loop.makeFutureWithTask { try await ledger.standing(of: key.scope) }
            .whenComplete { tell(try? $0.get()) }
    }

    /// Reports a call as it was at its end, with how its scope stands then.
    private func telling(
        _ kind: GatewayEvent.Kind, _ call: GatewayEvent.Call?, reason: String?
    ) -> @Sendable (LedgerStanding?) -> Void {
        { [gateway, key, listener] standing in
            var call = call
            call?.headroom = standing?.headroom
            call?.spent = standing.map { $0.scope.committed }
            gateway.report(GatewayEvent(kind, key: key, listener: listener.name, call: call, reason: reason))
        }
    }

    /// What the answer told, for the event.
    private func describe(_ answer: AnswerFacts) {
        let now = NIODeadline.now()
        if answer.usage != nil || answer.hasContent { noteSeen() }
        if report.failureStatus == nil { report.failureStatus = answer.error?.likelyStatus }
        report.servedModel = answer.model
        report.provider = answer.provider
        report.usage = answer.usage
        report.prompt = facts.map { PromptTrace($0.prompt) }
        report.toolNames = answer.toolNames
        if report.finishReasons.isEmpty { report.finishReasons = answer.finishReasons }
        report.generation = generation ?? answer.id
        report.duration = .nanoseconds((now - arrivedAt).nanoseconds)
        report.timeToFirstToken = firstTokenAt.map { .nanoseconds(($0 - arrivedAt).nanoseconds) }
    }
}

extension Timestamp {
    /// HHMM as a number.
    var hourAndMinute: Int {
        let minutes = Int(((secondsSince1970 / 60) % 1440 + 1440) % 1440)
        return minutes / 60 * 100 + minutes % 60
    }
}
