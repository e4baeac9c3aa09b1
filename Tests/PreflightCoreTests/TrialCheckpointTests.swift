import PreflightCore
import TestSupport
import Testing

@Suite struct TrialCheckpointTests {
    private static let plan = TrialPlan(alias: "a", model: "m", budget: USD(cents: 5))

    /// A trial as it may go, agents that print an answer twice among them.
    private func events(_ random: inout SeededRandom, isMetered: Bool) -> [Event] {
        var list: [(Event.Source, String, JSON)] = [
            (.harness, "trial_started", ["model": "m", "budget": 1, "access": isMetered ? "gateway" : "direct"]),
            (.harness, "subkey_created", [:]), (.harness, "container_started", [:]),
        ]
        for number in 0..<40 {
            let usage: JSON = ["prompt_tokens": 10, "completion_tokens": .int(number), "cost": .number("0.001")]
            let answer: JSON = ["usage": usage, "responseId": .string("gen-\(number / 3)")]
            let choices: [(Event.Source, String, JSON)] = [
                (.agent, "message_end", answer), (.agent, "tool_execution_end", answer),
                (.agent, "tool_execution_start", ["toolName": "bash"]), (.agent, "snapshot", [:]),
                (.agent, "error", ["code": 402, "message": "no"]), (.agent, "raw", ["line": "42"]),
                (.harness, "budget_poll", ["spent": .number("0.0\(number)")]),
                (
                    .gateway, "call_settled",
                    ["spent_usd": .number("0.00\(number)"), "usage": ["prompt_tokens": 7], "tools": ["bash"]]
                ),
                (.gateway, "call_refused", ["status": 402, "reason": "no"]),
            ]
            if let choice = choices.randomElement(using: &random) { list.append(choice) }
        }
        list += [
            (.harness, "lines_not_kept", ["lines": 3]), (.harness, "container_exited", ["exit_code": 1]),
            (.harness, "spend_reconciled", ["spent": .number("0.1"), "settled": false, "unknown_up_to": 1]),
            (.harness, "trial_finished", ["outcome": "agent_failed", "reason": "exit code 1"]),
        ]
        return list.enumerated().map { index, item in
            Event(
                timestamp: Timestamp(seconds: Int64(index)), elapsed: .milliseconds(index * 700), source: item.0,
                type: item.1, fields: item.2.object ?? JSON.Object())
        }
    }

    private func summary(_ state: TrialState, after count: Int) -> JSON {
        TrialSummary(
            plan: Self.plan, state: state, at: .milliseconds(max(0, count - 1) * 700),
            log: LogMark(bytes: count, lines: count, link: ChainLink(value: UInt64(count)))
        ).json
    }

    @Test(arguments: [true, false], 0..<20)
    func `a fold that goes on from a summary comes to the same end as one of the whole log`(
        isMetered: Bool, seed: Int
    ) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let events = events(&random, isMetered: isMetered)
        var whole = TrialState()
        for event in events { whole.apply(event) }
        let end = summary(whole, after: events.count)
        #expect(end["checkpoint"] == nil && end["reason"] == "exit code 1" && end["unknown_up_to_usd"] != nil)

        var state = TrialState()
        for (index, event) in events.enumerated() {
            let kept = try #require(TrialSummary(json: try JSON.parse(summary(state, after: index).text)))
            #expect(kept.json == summary(state, after: index))
            var later = TrialState(continuing: kept)
            for event in events[index...] { later.apply(event) }
            #expect(summary(later, after: events.count) == end, "from event \(index)")
            state.apply(event)
        }
    }
}
