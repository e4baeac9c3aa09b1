import PreflightCore
import Testing

/// What holds, messages and hooks leave in a trial's state.
@Suite struct ActionStateTests {
    private func event(_ type: String, _ fields: JSON = [:], at seconds: Int, source: Event.Source = .harness) -> Event
    {
        Event(
            timestamp: Timestamp(seconds: 0), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    private func running() -> TrialState {
        var state = TrialState()
        state.apply(event("trial_started", ["budget": .number("0.10"), "access": "gateway"], at: 0))
        state.apply(event("container_started", at: 1))
        return state
    }

    private func summary(_ state: TrialState) -> TrialSummary {
        TrialSummary(plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 10)), state: state, at: .seconds(100))
    }

    @Test func `a held trial is not idle, and its silence begins anew when it is released`() {
        var state = running()
        state.apply(event("trial_held", ["reason": "look first", "who": "me"], at: 10))
        #expect(state.idle(at: .seconds(500)) == .zero)
        #expect(summary(state).hold == "look first")
        state.apply(event("trial_resumed", at: 20))
        #expect(state.hold?.since == .seconds(10))
        state.apply(event("trial_released", ["who": "me"], at: 70))
        #expect(state.hold == nil && state.heldFor == .seconds(60))
        #expect(state.idle(at: .seconds(75)) == .seconds(5))
        #expect(summary(state).hold == nil && summary(state).heldFor == .seconds(60))
    }

    @Test func `a hold that has an end ejects there, and not before`() {
        var state = running()
        state.apply(
            event("trial_held", ["reason": "spend", "policy": "when", "limit_s": .number("30.000")], at: 10))
        #expect(EjectPolicy.heldTooLong.verdict(for: state, at: .seconds(39)) == .stay)
        #expect(
            EjectPolicy.heldTooLong.verdict(for: state, at: .seconds(40))
                == .eject(.init(policy: "held_too_long", message: "held for 30s and not released: spend")))
        state.apply(event("trial_released", at: 41))
        #expect(EjectPolicy.heldTooLong.verdict(for: state, at: .seconds(90)) == .stay)
    }

    @Test func `a hold ends with the container`() {
        var state = running()
        state.apply(event("trial_held", ["reason": "x"], at: 10))
        state.apply(event("container_exited", ["exit_code": 0], at: 15))
        #expect(state.hold == nil && state.heldFor == .seconds(5))
    }

    @Test func `a message is undelivered until a model has answered to it`() {
        var state = running()
        state.apply(event("steered", ["message": "one"], at: 2))
        state.apply(event("steered", ["message": "two"], at: 3))
        #expect(state.undelivered == [1, 2] && state.messages.map(\.text) == ["one", "two"])
        state.apply(event("call_settled", ["steered": [1], "spent_usd": .number("0.01")], at: 4, source: .gateway))
        #expect(state.undelivered == [2])
        state.apply(event("call_failed", ["unsteered": [2], "sent_again": true], at: 5, source: .gateway))
        #expect(state.undelivered.isEmpty)
    }

    @Test func `messages stand below the budget, and never look like it`() {
        var state = running()
        state.apply(event("steered", ["message": "Budget: $9.000 remaining\nof nothing"], at: 2))
        let text = BudgetFile.text(limit: USD(cents: 10), spent: .zero, mode: .simple, messages: state.messages)
        #expect(
            text == """
                Budget: $0.100 remaining of $0.10 (100% left)

                Messages from the owner of this run:
                [1, 1970-01-01T00:00:00Z] Budget: $9.000 remaining
                    of nothing

                """)
        #expect(BudgetFile.text(limit: USD(cents: 10), spent: .zero, mode: .simple).split(separator: "\n").count == 1)
    }

    @Test func `warnings are kept, and a summary brings them back`() {
        var state = running()
        state.apply(
            event(FiredPolicy.eventType, ["policy": "idle", "action": "notify", "message": "silent for 60s"], at: 9))
        state.apply(
            event(FiredPolicy.eventType, ["policy": "wall", "action": "eject", "message": "ran for 1h"], at: 9))
        state.apply(event("hook_failed", ["policy": "idle", "error": "exit code 3", "firing": 1], at: 10))
        #expect(state.warnings == ["idle (notify): silent for 60s", "hook of idle failed: exit code 3"])
        let summary = summary(state)
        #expect(TrialSummary(json: summary.json) == summary)
    }

    @Test func `a hook is owed until its end is written, however that was`() {
        var state = running()
        let fired: JSON = ["policy": "idle", "action": "notify", "hook": true, "rule": 0]
        state.apply(event(FiredPolicy.eventType, fired, at: 9))
        state.apply(event(FiredPolicy.eventType, ["policy": "loop", "action": "notify", "rule": 1], at: 9))
        state.apply(event(FiredPolicy.eventType, fired, at: 20))
        #expect(state.owedHooks.map(\.firing) == [1, 3])
        state.apply(event("hook_done", ["firing": 1], at: 21))
        #expect(state.owedHooks.map(\.firing) == [3])
        state.apply(event("hook_failed", ["firing": 3, "error": "x"], at: 21))
        #expect(state.owedHooks.isEmpty)
    }

    @Test func `a hook's program sees what programs need, and no key`() {
        let environment = HookPayload.environment(
            ["PATH": "/bin", "OR_ADMIN_KEY": "k", "OPENROUTER_API_KEY": "k", "LC_ALL": "C", "MY_TOKEN": "k"],
            run: "r", trial: "t")
        #expect(
            environment == ["PATH": "/bin", "LC_ALL": "C", "PREFLIGHT_RUN": "r", "PREFLIGHT_TRIAL": "t"])
    }

    @Test func `a hold needs the gateway, and only a hold has an end`() throws {
        var experiment = Experiment()
        experiment.eject = PolicyList([PolicyRule(.errors(3), .hold)])
        #expect(
            experiment.problems().contains { $0.message.hasPrefix("eject: do: hold of errors needs access: gateway") })
        experiment.access = .gateway
        #expect(!experiment.problems().contains { $0.message.contains("hold") })
        let rule = try PolicyRule(reader: TreeReader(["errors": 3, "do": "hold", "for": "30m"], path: "eject[0]"))
        #expect(rule.limit == .seconds(1800) && rule.tree == ["errors": 3, "do": "hold", "for": "1800s"])
        #expect(throws: PreflightError.self) {
            try PolicyRule(reader: TreeReader(["errors": 3, "for": "30m"], path: "eject[0]"))
        }
    }
}
