import PreflightCore
import TestSupport
import Testing

@Suite struct TrialDoingTests {
    private static func event(_ source: Event.Source, _ type: String, _ fields: JSON = [:], at seconds: Int) -> Event {
        Event(
            timestamp: Timestamp(seconds: Int64(seconds)), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    /// What a trial does after each of the events, as `what@since`.
    private func story(_ events: [(Event.Source, String, JSON)]) -> [String] {
        var state = TrialState()
        return events.enumerated().map { second, item in
            state.apply(Self.event(item.0, item.1, item.2, at: second))
            return state.doing.map { "\($0.text)@\($0.since.wholeSeconds)" } ?? "-"
        }
    }

    private static let beginning: [(Event.Source, String, JSON)] = [
        (.harness, "trial_started", [:]), (.harness, "subkey_created", [:]), (.harness, "container_started", [:]),
    ]

    @Test func `an agent that tells of its steps is followed through them`() {
        #expect(
            story(
                Self.beginning + [
                    (.agent, "message_start", [:]), (.agent, "raw", ["line": "hm"]), (.agent, "message_end", [:]),
                    (.agent, "tool_execution_start", ["toolName": "bash"]),
                    (.agent, "tool_execution_end", ["toolName": "bash"]),
                    (.agent, "tool_execution_start", ["toolName": "bash"]), (.agent, "agent_end", [:]),
                    (.harness, "container_exited", ["exit_code": 0]),
                    (.harness, "trial_finished", ["outcome": "completed"]),
                ])
                == [
                    "starts@0", "starts@0", "works@2", "call@3", "call@3", "works@5", "bash@6", "works@7", "bash@8",
                    "ends@9", "settles@10", "-",
                ])
    }

    @Test func `calls of a silent agent are told by the gateway, until the last of them has ended`() {
        #expect(
            story(
                Self.beginning + [
                    (.gateway, "call_reserved", ["call": 1]), (.gateway, "call_reserved", ["call": 2]),
                    (.gateway, "call_settled", ["call": 1]), (.gateway, "call_held", ["call": 2]),
                    (.gateway, "call_settled", ["call": 9]),
                ]
            ).suffix(5) == ["call@3", "call@3", "call@3", "works@6", "works@6"])
    }

    @Test func `a trial whose calls wait says so, whatever its agent prints meanwhile`() {
        #expect(
            story(
                Self.beginning + [
                    (.gateway, "call_reserved", [:]), (.gateway, "calls_paused", ["model": "m"]),
                    (.agent, "message_start", [:]), (.agent, "tool_execution_start", ["toolName": "sh"]),
                    (.gateway, "calls_resumed", [:]), (.gateway, "call_settled", [:]),
                ]
            ).suffix(6) == ["call@3", "waits@4", "waits@4", "waits@4", "call@7", "works@8"])
    }

    @Test func `nothing of a container that is stopped or dead changes what is told of it`() {
        #expect(
            story(
                Self.beginning + [
                    (.harness, "eject_decided", ["policy": "idle"]), (.agent, "message_start", [:]),
                    (.harness, "container_exited", [:]), (.gateway, "call_settled", [:]), (.agent, "agent_end", [:]),
                ]
            ).suffix(5) == ["stops@3", "stops@3", "settles@5", "settles@5", "settles@5"])
    }

    @Test func `an agent cannot pass for harness or gateway, and its names are cut`() {
        let long = String(repeating: "x", count: 500)
        let told = story(
            Self.beginning + [
                (.agent, "call_reserved", [:]), (.agent, "container_exited", [:]),
                (.agent, "tool_execution_start", ["toolName": .string(long)]),
            ])
        #expect(told[3] == "works@2" && told[4] == "works@2")
        #expect(told[5].count < 80 && told[5].hasPrefix("xxxx"))
    }

    @Test func `a summary tells it with times of day, and is read back`() throws {
        var state = TrialState()
        for (second, item) in (Self.beginning + [(.agent, "tool_execution_start", ["toolName": "bash"])]).enumerated() {
            state.apply(Self.event(item.0, item.1, item.2, at: second))
        }
        let summary = TrialSummary(
            plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)), state: state, at: .seconds(9),
            startedAt: Timestamp(seconds: 100))
        #expect(summary.doing == "bash" && summary.doingSince == Timestamp(seconds: 103))
        #expect(summary.lastActivity == Timestamp(seconds: 103))
        #expect(TrialSummary(json: try JSON.parse(summary.json.text)) == summary)
        state.apply(Self.event(.harness, "trial_finished", ["outcome": "cancelled"], at: 5))
        let ended = TrialSummary(
            plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)), state: state,
            startedAt: Timestamp(seconds: 100))
        #expect(ended.doing == nil && ended.doingSince == nil && ended.lastActivity == nil)
    }

    @Test(arguments: ["starts", "works", "call", "waits", "ends", "stops", "settles", "bash", ""])
    func `what is told is read back by its word`(text: String) {
        #expect(TrialDoing(text: text, since: .seconds(3)).text == text)
    }
}
