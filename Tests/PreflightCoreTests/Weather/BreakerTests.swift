import PreflightCore
import Testing

@Suite struct BreakerTests {
    private let now = Timestamp(seconds: 1_000)

    private func event(_ source: Event.Source, _ type: String, _ fields: JSON) -> Event {
        Event(
            timestamp: now, elapsed: .seconds(1), source: source, type: type, fields: fields.object ?? JSON.Object())
    }

    private func failed(_ status: Int, model: String = "m", at upstream: String = "openrouter") -> Event {
        event(
            .gateway, "call_failed",
            [
                "status": .int(status), "model": .string(model), "upstream": .string(upstream),
                "reason": .string("openrouter answered \(status)"),
            ])
    }

    /// What comes of events, each of a trial.
    private func answers(
        _ events: [(Event, String)], isMetered: Bool = true, hasOwnKey: Bool = true, isLast: Bool = false
    ) -> [Breaker.Answer] {
        var breaker = Breaker()
        return events.compactMap { event, trial in
            switch Breaker.News(event, isMetered: isMetered, model: "m", hasOwnKey: hasOwnKey) {
            case .success(let kind)?:
                breaker.succeed(kind, of: trial)
                return nil
            case .fault(let fault)?: return breaker.fail(fault, of: trial, isLast: isLast, at: now)
            case nil: return nil
            }
        }
    }

    private func trips(
        _ events: [(Event, String)], isMetered: Bool = true, hasOwnKey: Bool = true
    ) -> [Breaker.Trip] {
        answers(events, isMetered: isMetered, hasOwnKey: hasOwnKey).compactMap { answer in
            if case .field(let trip) = answer { trip } else { nil }
        }
    }

    private func times(_ count: Int, _ event: Event) -> [(Event, String)] {
        (0..<count).map { (event, "t\($0 % 3)") }
    }

    @Test(arguments: [(401, "key_refused"), (402, "balance_exhausted"), (404, "model_gone")])
    func `the same permanent error ten times ends the field, once`(status: Int, cause: String) throws {
        #expect(trips(times(9, failed(status))).isEmpty)
        let trips = trips(times(25, failed(status)))
        let trip = try #require(trips.first)
        #expect(trips.count == 1 && trip.cause == cause && trip.times == 10 && trip.trial == "t0")
        #expect(trip.reason.contains("openrouter answered \(status)"))
        #expect(trip.json["cause"]?.string == cause && trip.json["times"]?.int == 10)
    }

    @Test(arguments: [400, 403, 408, 429, 500, 503, 529])
    func `what passes, or is the agent's own fault, never ends a field`(status: Int) {
        #expect(trips(times(100, failed(status))).isEmpty)
    }

    @Test func `errors count while nothing goes well, and those about different models are different ones`() {
        let settled = event(.gateway, "call_settled", ["call": 1])
        let mixed = (0..<40).map { index in (index % 9 == 8 ? settled : failed(404), "a") }
        #expect(trips(mixed).isEmpty)
        let models = (0..<18).map { (failed(404, model: $0 % 2 == 0 ? "a" : "b"), "t\($0 % 3)") }
        #expect(trips(models).isEmpty)
        #expect(trips(models + models.prefix(2)).count == 1)
        // Each upstream has a key of its own.
        #expect(trips((0..<18).map { (failed(401, at: $0 % 2 == 0 ? "a" : "b"), "t") }, hasOwnKey: false).isEmpty)
        // A key that is refused is refused whatever the model.
        #expect(trips((0..<10).map { (failed(401, model: "m\($0)"), "t\($0 % 2)") }).count == 1)
        // That a container starts says nothing of calls.
        let started = event(.harness, "container_started", [:])
        #expect(trips(times(9, failed(401)) + [(started, "t")] + times(1, failed(401))).count == 1)
    }

    @Test func `a key that is refused ends its own trial, and the field only with a second trial's or the last one's`()
    {
        let ten = (0..<10).map { _ in (failed(401), "a") }
        func end(_ answer: Breaker.Answer?) -> String {
            switch answer {
            case .field(let trip): "field \(trip.trial) \(trip.times)"
            case .trial(let trip): "trial \(trip.trial) \(trip.times)"
            case nil: "none"
            }
        }
        #expect(answers(ten.dropLast()).isEmpty)
        let own = answers(ten)
        #expect(own.count == 1 && end(own.first) == "trial a 10")
        // What it still says until it is dead ends nothing again.
        #expect(answers(ten + ten).map(end) == ["trial a 10"])
        // The others get their answers meanwhile: that does not make its key good.
        let settled = event(.gateway, "call_settled", ["call": 1])
        #expect(answers(ten.flatMap { [$0, (settled, "b")] }).map(end) == ["trial a 10"])
        // Its own answer does.
        #expect(answers(ten.dropLast() + [(settled, "a")] + ten.dropLast()).isEmpty)
        // A second trial's key is refused too, and nothing has gone well in between.
        #expect(answers(ten + [(failed(401), "b")]).map(end) == ["trial a 10", "field b 11"])
        #expect(answers(ten + [(settled, "c"), (failed(401), "b")]).map(end) == ["trial a 10"])
        #expect(answers(ten, isLast: true).map(end) == ["field a 10"])
        // All trials of another upstream show it one key.
        #expect(answers(ten, hasOwnKey: false).map(end) == ["field a 10"])
        // An account that is empty is empty for all.
        #expect(answers((0..<10).map { _ in (failed(402), "a") }).map(end) == ["field a 10"])
        // A model may be gone for one trial alone: for one that rules out all that serve it.
        let gone = (0..<10).map { _ in (failed(404), "a") }
        for hasOwnKey in [true, false] {
            #expect(answers(gone + gone, hasOwnKey: hasOwnKey).map(end) == ["trial a 10"])
            #expect(answers(gone, hasOwnKey: hasOwnKey, isLast: true).map(end) == ["field a 10"])
        }
        #expect(answers(gone + [(failed(404), "b")]).map(end) == ["trial a 10", "field b 11"])
        // Errors of two kinds are not ten of one.
        #expect(answers(Array(ten.prefix(5) + gone.prefix(5))).isEmpty)
    }

    @Test func `a call of a free upstream that failed is settled at nothing, and no success`() {
        let free = event(.gateway, "call_settled", ["call": 1, "status": 504, "cost_usd": 0])
        #expect(trips(times(9, failed(401)) + [(free, "t")] + times(1, failed(401))).count == 1)
    }

    @Test func `an answer that was charged and ended in an error is no success`() {
        let broken: JSON = ["call": 1, "status": 200, "failure_status": 529, "cost_usd": 0]
        let failure = event(.gateway, "call_settled", broken)
        #expect(trips(times(9, failed(401)) + [(failure, "t")] + times(1, failed(401))).count == 1)
    }

    @Test func `an attempt that is sent again is no error yet`() {
        var again = failed(401)
        again.fields.append("sent_again", true)
        #expect(trips(times(20, again)).isEmpty)
    }

    @Test func `what only an agent says counts once for each trial, and not at all where the gateway sees its calls`() {
        let word = event(.agent, "error", ["code": 401, "message": "User not found."])
        #expect(trips((0..<50).map { _ in (word, "liar") }, isMetered: false).isEmpty)
        let ten = (0..<10).map { (word, "t\($0)") }
        #expect(trips(ten, isMetered: false).first?.cause == "key_refused")
        #expect(trips(ten, isMetered: true).isEmpty)
        let poor = event(.agent, "error", ["code": 402, "message": "more credits"])
        #expect(trips((0..<20).map { (poor, "t\($0)") }, isMetered: false).isEmpty)
    }

    @Test func `trials that get no key, and containers that do not start, end a field too`() {
        func finished(_ outcome: Outcome, _ cause: String?) -> Event {
            event(
                .harness, "trial_finished",
                .record(["outcome": .string(outcome.rawValue), "cause": cause.map(JSON.string), "reason": "why"]))
        }
        #expect(trips(times(10, finished(.provisioningFailed, "key_refused"))).first?.cause == "key_refused")
        #expect(trips(times(10, finished(.imageFailed, "image_missing"))).first?.cause == "image_missing")
        #expect(trips(times(10, finished(.dockerFailed, "disk_full"))).first?.cause == "disk_full")
        // No room in the total is no error.
        #expect(trips(times(20, finished(.provisioningFailed, nil))).isEmpty)
        #expect(trips(times(20, finished(.agentFailed, nil))).isEmpty)
        let made = event(.harness, "subkey_created", [:])
        let broken = times(9, finished(.provisioningFailed, "key_refused"))
        #expect(trips(broken + [(made, "t")] + broken).isEmpty)
    }

    @Test(arguments: [
        (Outcome.provisioningFailed, "outage"), (.provisioningFailed, "unreachable"),
        (.provisioningFailed, "interrupted"), (.provisioningFailed, "rate_limited"),
        (.dockerFailed, "engine_unreachable"), (.dockerFailed, "engine_restarted"), (.dockerFailed, "engine_timed_out"),
    ])
    func `an outage that met ten trials ends no field`(outcome: Outcome, cause: String) {
        let fields: JSON = ["outcome": .string(outcome.rawValue), "cause": .string(cause), "reason": "why"]
        #expect(trips((0..<30).map { (event(.harness, "trial_finished", fields), "t\($0)") }).isEmpty)
    }
}

@Suite struct ProviderEndTests {
    private func state(_ events: (String, JSON)...) -> TrialState {
        var state = TrialState()
        func apply(_ source: Event.Source, _ type: String, _ fields: JSON) {
            state.apply(
                Event(
                    timestamp: Timestamp(seconds: 0), elapsed: .seconds(1), source: source, type: type,
                    fields: fields.object ?? JSON.Object()))
        }
        apply(.harness, "trial_started", ["budget": .number("0.05"), "access": "gateway"])
        for (type, fields) in events { apply(.gateway, type, fields) }
        return state
    }

    private func end(_ state: TrialState, exitCode: Int = 6, isAccountEmpty: Bool? = nil) -> EndRule {
        var rule = EndRule(stop: nil, exitCode: exitCode, state: state)
        rule.isAccountEmpty = isAccountEmpty
        return rule
    }

    @Test(arguments: [
        (401, "key_refused", "does not accept the trial's key"), (402, "balance_exhausted", "balance is used up"),
        (404, "model_gone", "the model is gone"), (503, "outage", "failed for longer"), (429, "outage", "longer"),
        (504, "outage", "longer"),
    ])
    func `an agent that gives up on its provider has not failed itself`(status: Int, cause: String, words: String) {
        let rule = end(state(("call_failed", ["status": .int(status), "reason": "openrouter said so"])))
        #expect(rule.end.outcome == .providerFailed && rule.cause == cause)
        #expect(rule.end.reason.contains(words) && rule.end.reason.contains("openrouter said so"))
    }

    @Test func `a refusal that was got over, or that the agent is to blame for, is not the provider's`() {
        let refused: JSON = ["status": 503, "reason": "no"]
        #expect(end(state(("call_failed", refused), ("call_settled", ["call": 1]))).end.outcome == .agentFailed)
        #expect(end(state(("call_failed", ["status": 400, "reason": "bad"]))).end.outcome == .agentFailed)
        #expect(end(state(("call_failed", refused)), exitCode: 0).end.outcome == .completed)
        #expect(end(state(("call_failed", refused)), exitCode: 0).cause == nil)
        #expect(
            end(state(("call_failed", ["status": 503, "sent_again": true]))).end.outcome == .agentFailed)
    }

    @Test func `a key that cannot pay is the trial's budget, and an account that cannot pay is not`() {
        let poor = state(("call_failed", ["status": 402, "reason": "more credits"]))
        #expect(end(poor, isAccountEmpty: true).end.outcome == .providerFailed)
        #expect(end(poor, isAccountEmpty: nil).end.outcome == .providerFailed)
        let own = end(poor, isAccountEmpty: false)
        #expect(own.end.outcome == .budgetExhausted && own.cause == nil)
    }

    @Test func `a free upstream that has the last word is a provider that failed`() {
        let gone: JSON = ["call": 1, "status": 504, "cost_usd": 0, "reason": "no answer"]
        let rule = end(state(("call_settled", gone)))
        #expect(rule.end.outcome == .providerFailed && rule.cause == "outage")
        let answered: JSON = ["call": 2, "status": 200, "cost_usd": 0]
        #expect(end(state(("call_settled", gone), ("call_settled", answered))).end.outcome == .agentFailed)
    }

    @Test(arguments: ["call_settled", "call_held"])
    func `a provider that fails in the middle of the last answer is one that failed`(type: String) {
        let broken: JSON = [
            "call": 1, "status": 200, "failure_status": 529, "reason": "overloaded",
            "usage": ["prompt_tokens": 7, "completion_tokens": 2],
        ]
        let last = state((type, broken))
        #expect(end(last).end.outcome == .providerFailed && end(last).cause == "outage")
        #expect(last.usage.promptTokens == (type == "call_settled" ? 7 : 0))
        let answered: JSON = ["call": 2, "status": 200]
        #expect(end(state((type, broken), ("call_settled", answered))).end.outcome == .agentFailed)
    }

    @Test
    func `a trial whose key is refused again and again is its provider's failure, also where a crash came between`() {
        let reason = Verdict.Reason(policy: Verdict.keyRefused, message: "10 times in a row: openrouter answered 401")
        let rule = EndRule(stop: .ejected(reason), exitCode: 143, state: state())
        #expect(rule.end.outcome == .providerFailed && rule.cause == "key_refused")
        #expect(rule.end.reason.contains("does not accept the trial's key any more, 10 times in a row: openrouter"))
        var stopped = state()
        stopped.apply(
            Event(
                timestamp: Timestamp(seconds: 1), elapsed: .seconds(1), source: .harness, type: "eject_decided",
                fields: ([
                    "reason": .string("\(reason.policy): \(reason.message)"), "policy": .string(reason.policy),
                ] as JSON).object ?? JSON.Object()))
        guard case .settle(let outcome, _) = ResumeRule(state: stopped, container: .gone).answer else {
            Issue.record("not settled")
            return
        }
        #expect(outcome == .providerFailed)
    }

    @Test func `a field that is ended stops its trials for that reason`() {
        var rule = EndRule(stop: .cancelled, exitCode: 143, state: state())
        #expect(rule.end.reason == "stopped by its owner" && rule.cause == nil)
        rule.cancelReason = "the field was ended after the same error 10 times: x"
        #expect(rule.end.outcome == .cancelled && rule.end.reason == rule.cancelReason)
        #expect(rule.cause == "field_ended")
    }

    @Test func `why a trial was to be stopped is in its log, for whoever takes it up after a crash`() {
        let reason = "the field was ended after the same error 10 times: x"
        var stopped = state()
        for type in ["trial_started", "stop_decided"] {
            stopped.apply(
                Event(
                    timestamp: Timestamp(seconds: 1), elapsed: .seconds(1), source: .harness, type: type,
                    fields: (["reason": .string(reason)] as JSON).object ?? JSON.Object()))
        }
        let rule = EndRule(stop: stopped.decided, exitCode: 143, state: stopped)
        #expect(rule.end.outcome == .cancelled && rule.end.reason == reason && rule.cause == EndRule.fieldEnded)
        let answer = ResumeRule(state: stopped, container: .gone).answer
        #expect(answer == .settle(.cancelled, reason))
    }
}
