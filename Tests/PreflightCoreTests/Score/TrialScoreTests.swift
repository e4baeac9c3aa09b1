import PreflightCore
import Testing

@Suite struct TrialScoreTests {
    private static let at = Timestamp(microseconds: 1_795_234_426_123_456)

    @Test(arguments: [
        TrialScore(value: 0.875, metrics: ["tests": 7, "lines": 1.5e-9], scorer: "abc", at: at),
        TrialScore(value: -1e300, scorer: "abc", at: at),
        TrialScore(value: 0.1 + 0.2, scorer: "", at: at),
        TrialScore(value: nil, error: "no number", scorer: "abc", at: at),
    ])
    func `a score is read as it was written, to the last bit`(score: TrialScore) throws {
        #expect(TrialScore(json: try JSON.parse(score.json.text)) == score)
        var summary = TrialSummary(plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)))
        #expect(summary.json["score"] == nil)
        summary.score = score
        #expect(TrialSummary(json: try JSON.parse(summary.json.text)) == summary)
    }

    @Test(arguments: [
        #"{"value":1e999,"scorer":"a","at":"2026-03-12T12:00:00Z"}"#, #"{"value":0.5,"scorer":"a"}"#,
        #"{"value":"0.5","scorer":"a","at":"2026-03-12T12:00:00Z"}"#, #"{"value":0.5,"at":"2026-03-12T12:00:00Z"}"#,
        "0.5", "null",
    ])
    func `what is no score is not read as one`(text: String) throws {
        #expect(TrialScore(json: try JSON.parse(text)) == nil)
    }

    @Test func `a number that is not finite is never written`() throws {
        #expect(JSON.real(.infinity) == .null && JSON.real(.nan) == .null)
        #expect(JSON.real(3).text == "3" && JSON.real(-0.25).text == "-0.25" && JSON.real(1e21).text == "1e+21")
        #expect(try JSON.parse(JSON.real(1e21).text).real == 1e21)
    }

    private func state(_ events: (String, JSON)...) -> TrialState {
        events.reduce(into: TrialState()) { state, event in
            state.apply(
                Event(
                    timestamp: Self.at, elapsed: .zero, source: .harness, type: event.0,
                    fields: event.1.object ?? JSON.Object()))
        }
    }

    @Test func `the log's score is in the state, its summary, and what goes on from there`() throws {
        let score = TrialScore(value: 0.5, metrics: ["tests": 3], scorer: "abc", at: Self.at)
        let fields = JSON.record(score.fields(took: .seconds(2)))
        #expect(fields["took_s"]?.numberText == "2.000")
        let state = state((score.eventType, fields))
        #expect(state.score == score)
        let mark = LogMark(bytes: 1, lines: 1, link: ChainLink(value: 1))
        let plan = TrialPlan(alias: "a", model: "m", budget: USD(cents: 5))
        let summary = TrialSummary(plan: plan, state: state, log: mark)
        #expect(summary.score == score)
        #expect(TrialState(continuing: summary).score == score)
        var other = summary
        other.score?.value = 0.75
        #expect(summary.differences(from: other) == ["score is 0.75, by the log 0.5"])
    }

    @Test func `a failed scoring says why, and a later score stands for it`() {
        let failed = TrialScore(value: nil, error: "exit code 1", scorer: "abc", at: Self.at)
        let failure = (failed.eventType, JSON.record(failed.fields(took: nil)))
        #expect(state(failure).score == failed)
        #expect(state(failure, ("scored", ["score": 1, "scorer": "abc"])).score?.value == 1)
        #expect(state(("scored", ["score": "high"])).score?.error == "the log has no score")
    }

    @Test func `an agent cannot write its own score`() {
        let line = Array(#"{"type":"scored","score":1,"scorer":"me"}"#.utf8)
        guard case .raw = AgentLine(bytes: line[...]) else {
            Issue.record("the line passes for an event")
            return
        }
    }

    @Test(arguments: [
        (0.0, "0"), (1, "1"), (-1.5, "-1.5"), (0.123456, "0.1235"), (100, "100"), (2.00001, "2"), (1e-9, "1e-09"),
        (-0.00004, "-4e-05"), (1e15, "1000000000000000"), (1e18, "1e+18"),
    ])
    func `a score is shown with four digits behind the point at most`(value: Double, text: String) {
        #expect(TrialScore.text(value) == text)
    }
}
