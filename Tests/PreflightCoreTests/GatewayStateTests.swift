import PreflightCore
import Testing

@Suite struct GatewayStateTests {
    private func event(_ type: String, _ fields: JSON, source: Event.Source = .gateway, at seconds: Int = 1) -> Event {
        Event(
            timestamp: Timestamp(seconds: 0), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    private func metered() -> TrialState {
        var state = TrialState()
        state.apply(
            event("trial_started", ["model": "m", "budget": .number("0.05"), "access": "gateway"], source: .harness))
        state.apply(event("container_started", [:], source: .harness))
        return state
    }

    private let settled: JSON = [
        "call": 1, "cost_usd": .number("0.01"), "spent_usd": .number("0.01"), "tools": ["bash"],
        "usage": ["prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60],
    ]

    @Test func `the gateway's figures count once, also where the agent reports the same calls`() {
        var state = metered()
        state.apply(event("call_reserved", ["call": 1, "reserved_usd": .number("0.02")]))
        state.apply(event("call_settled", settled))
        state.apply(
            event(
                "message_end", ["usage": ["prompt_tokens": 100, "completion_tokens": 20, "cost": .number("0.01")]],
                source: .agent)
        )
        #expect(state.spend == USD(cents: 1))
        #expect(state.usage.promptTokens == 100)
        #expect(state.usage.cachedTokens == 60)
        #expect(state.calls == 1)
    }

    @Test func `what was written to a cache for an hour counts as such`() {
        var state = metered()
        let usage: JSON = ["prompt_tokens": 30, "cache_write_tokens": 20, "cache_write_1h_tokens": 8]
        state.apply(event("call_settled", ["call": 1, "usage": usage]))
        #expect(state.usage == Usage(promptTokens: 30, cacheWriteTokens: 20, cacheWrite1hTokens: 8))
    }

    @Test func `a silent agent's tools are those its model asked for`() {
        var state = metered()
        state.apply(event("call_settled", settled))
        #expect(state.toolCalls == 1)
        #expect(state.turns == 1)
        #expect(state.recentActions == [BudgetFile.Action(name: "bash", cost: USD(cents: 1))])
    }

    @Test func `what is held counts as spent until it is known, in whatever order the news comes`() {
        var state = metered()
        state.apply(event("call_held", ["call": 2, "spent_usd": .number("0.03")]))
        state.apply(event("call_settled", ["call": 1, "cost_usd": .number("0.01"), "spent_usd": .number("0.01")]))
        #expect(state.spend == USD(cents: 3))
        state.apply(event("call_reconciled", ["call": 2, "cost_usd": .number("0.002"), "spent_usd": .number("0.012")]))
        #expect(state.spend == USD(decimal: "0.012"))
        state.apply(event("spend_reconciled", ["spent": .number("0.0119"), "settled": true], source: .harness))
        #expect(state.spend == USD(decimal: "0.0119"))
    }

    @Test func `the first call that the rest cannot pay is the end of a budget`() {
        var state = metered()
        state.apply(event("call_settled", settled))
        #expect(EjectPolicy.budgetExceeded.verdict(for: state, at: .seconds(2)) == .stay)
        state.apply(event("call_refused", ["status": 429, "reason": "busy"]))
        #expect(EjectPolicy.budgetExceeded.verdict(for: state, at: .seconds(2)) == .stay)
        state.apply(event("call_refused", ["status": 402, "refused_by": "call", "reason": "its own limit"]))
        #expect(EjectPolicy.budgetExceeded.verdict(for: state, at: .seconds(2)) == .stay)
        state.apply(event("call_refused", ["status": 402, "refused_by": "r/t", "reason": "the budget is used up"]))
        guard case .eject(let reason) = EjectPolicy.budgetExceeded.verdict(for: state, at: .seconds(2)) else {
            Issue.record("not ejected")
            return
        }
        #expect(reason.message.contains("cannot pay its next call"))
    }

    @Test func `a call that waits for the provider is not the trial's silence, and its failures are not its errors`() {
        var state = metered()
        state.apply(event("call_failed", ["reason": "503", "sent_again": true], at: 10))
        state.apply(event("calls_paused", ["reason": "one answered 503", "status": 503], at: 10))
        #expect(state.pause?.reason == "one answered 503")
        #expect(state.idle(at: .seconds(200)) == .zero)
        let policy = EjectPolicy.any([.idle(.seconds(60)), .errors(1)])
        #expect(policy.verdict(for: state, at: .seconds(200)) == .stay)
        state.apply(event("calls_paused", ["model": "another", "reason": "429"], at: 100))
        state.apply(event("calls_resumed", ["end": "answered", "duration_s": .number("90")], at: 200))
        #expect(state.pause != nil)
        state.apply(event("calls_resumed", ["end": "given_up", "duration_s": .number("120.5")], at: 220))
        #expect(state.pause == nil && state.pausedFor == .seconds(210) + .milliseconds(500))
        #expect(state.idle(at: .seconds(250)) == .seconds(30))
        state.apply(event("call_failed", ["reason": "503"], at: 221))
        #expect(policy.verdict(for: state, at: .seconds(222)).reason?.policy == "errors")
    }

    @Test func `a container's end is the end of its calls' waiting`() {
        var state = metered()
        state.apply(event("calls_paused", ["reason": "one answered 503"], at: 10))
        state.apply(event("container_exited", ["exit_code": 1], source: .harness, at: 20))
        #expect(state.pause == nil)
    }
}
