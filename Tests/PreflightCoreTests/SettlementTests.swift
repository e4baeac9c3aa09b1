import PreflightCore
import Testing

@Suite struct SettlementTests {
    private func rule(
        polled: String = "0", reported: String? = nil, ran: Bool = true, speaks: Bool = true, well: Bool = true,
        canRead: Bool = true, quiet: Int = 2, timeUp: Bool = false
    ) -> SettlementRule.Answer {
        var state = TrialState()
        func apply(_ source: Event.Source, _ type: String, _ fields: JSON) {
            state.apply(
                Event(
                    timestamp: Timestamp(seconds: 1), elapsed: .seconds(1), source: source, type: type,
                    fields: fields.object ?? JSON.Object()))
        }
        apply(.harness, "trial_started", ["budget": 1])
        if ran { apply(.harness, "container_started", [:]) }
        if speaks { apply(.agent, "agent_start", [:]) }
        if let reported { apply(.agent, "message_end", ["usage": ["cost": .number(reported)]]) }
        apply(.harness, "budget_poll", ["spent": .number(polled)])
        return SettlementRule(state: state, endedWell: well, canRead: canRead, quietReads: quiet, isTimeUp: timeUp)
            .answer
    }

    private func isSettled(_ answer: SettlementRule.Answer) -> Bool {
        if case .settled = answer { true } else { false }
    }
    private func isUnknown(_ answer: SettlementRule.Answer) -> Bool {
        if case .unknown = answer { true } else { false }
    }

    @Test func `an agent that ended well and agrees with the key is settled early`() {
        #expect(isSettled(rule(polled: "0.02", reported: "0.02")))
        #expect(rule(polled: "0.02", reported: "0.02", quiet: 1) == .readAgain)
        #expect(rule(polled: "0.01", reported: "0.02") == .readAgain)
    }

    @Test func `a trial that was stopped may have a call under way: it is waited for in full`() {
        #expect(rule(polled: "0.02", reported: "0.02", well: false, quiet: 9) == .readAgain)
        #expect(isSettled(rule(polled: "0.02", reported: "0.02", well: false, timeUp: true)))
    }

    @Test func `zero from a silent agent is not known to be nothing`() {
        #expect(rule(speaks: false, quiet: 9) == .readAgain)
        #expect(isUnknown(rule(speaks: false, timeUp: true)))
        #expect(isSettled(rule(speaks: true, timeUp: true)))
        #expect(isSettled(rule(polled: "0.01", speaks: false, timeUp: true)))
    }

    @Test func `a bill that stays behind what was reported, or cannot be read, is unknown`() {
        #expect(isUnknown(rule(polled: "0.01", reported: "0.02", timeUp: true)))
        #expect(isUnknown(rule(polled: "0.02", reported: "0.02", canRead: false, timeUp: true)))
    }

    @Test func `what never ran spent nothing`() {
        #expect(isSettled(rule(ran: false, speaks: false, quiet: 1)))
        #expect(rule(ran: false, speaks: false, canRead: false) == .readAgain)
    }

    @Test func `a trial that begins anew spends anew, whatever was the last word on it before`() {
        for access in ["direct", "gateway"] {
            var state = TrialState()
            func apply(_ source: Event.Source, _ type: String, _ fields: JSON) {
                state.apply(
                    Event(
                        timestamp: Timestamp(seconds: 1), elapsed: .zero, source: source, type: type,
                        fields: fields.object ?? JSON.Object()))
            }
            let start: JSON = ["budget": .number("0.25"), "access": .string(access)]
            apply(.harness, "trial_started", start)
            apply(.harness, "spend_reconciled", ["spent": 0, "settled": true])
            apply(.harness, "trial_started", start)
            apply(.harness, "budget_poll", ["spent": .number("0.03")])
            #expect(state.spend == USD(cents: 3) && !state.isReconciled && state.unknownUpTo == nil)
        }
    }

    @Test
    func `what an agent claims beyond its budget does not pass for spend, and the settled figure is the provider's`() {
        var state = TrialState()
        func apply(_ source: Event.Source, _ type: String, _ fields: JSON) {
            state.apply(
                Event(
                    timestamp: Timestamp(seconds: 1), elapsed: .zero, source: source, type: type,
                    fields: fields.object ?? JSON.Object()))
        }
        apply(.harness, "trial_started", ["budget": .number("0.25")])
        apply(.agent, "message_end", ["usage": ["cost": .number("1000000")]])
        #expect(state.spend == USD(cents: 25))
        apply(.harness, "budget_poll", ["spent": .number("0.03")])
        apply(.harness, "spend_reconciled", ["settled": true])
        #expect(state.spend == USD(cents: 3))
    }
}
