import Foundation
import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct ScoreReportTests {
    private func summary(
        _ alias: String, _ model: String, _ score: TrialScore?, cents: Int64 = 1, _ outcome: Outcome = .completed
    ) -> TrialSummary {
        var summary = TrialSummary(plan: TrialPlan(alias: alias, model: model, budget: USD(cents: 50)))
        summary.outcome = outcome
        summary.cost = USD(cents: cents)
        summary.score = score
        return summary
    }

    private func score(_ value: Double?, _ metrics: [String: Double] = [:], scorer: String = "s") -> TrialScore {
        TrialScore(
            value: value, metrics: metrics, error: value == nil ? "exit code 1: <b>no</b>" : nil, scorer: scorer,
            at: Timestamp(seconds: 1))
    }

    private func report(_ trials: [TrialSummary]) -> RunReport {
        RunReport(id: "r", trials: trials.map { .init(summary: $0, attempts: [AttemptReport(summary: $0)]) })
    }

    private var field: [TrialSummary] {
        [
            summary("a", "dear", score(0.9, ["tests": 12]), cents: 20), summary("b", "cheap", score(0.4), cents: 2),
            summary("b-2", "cheap", score(0.6), cents: 2, .budgetExhausted),
            summary("c", "worse", score(0.3), cents: 9), summary("d", "broken", score(nil), cents: 3),
        ]
    }

    @Test func `a leaderboard stands in every format, with the frontier and what was stopped`() throws {
        let report = report(field)
        let html = report.html
        #expect(isWellFormed(html))
        #expect(html.contains("Leaderboard") && html.contains("1 stopped by its budget") && html.contains("tests 12"))
        #expect(html.contains("exit code 1: &lt;b&gt;no&lt;/b&gt;") && html.contains("class=\"dot s1 ring\""))
        #expect(
            html.contains(
                "3 models. On the frontier, cheapest first: cheap ($0.02, score 0.5, 1 stopped by its budget), "
                    + "dear ($0.20, score 0.9). Beside it: worse ($0.09, score 0.3)."))
        let markdown = report.markdown
        #expect(markdown.contains("## Leaderboard") && markdown.contains("±0.1414"))
        let rows = try #require(report.json["leaderboard"]?.array)
        #expect(rows.compactMap { $0["model"]?.string } == ["dear", "cheap", "worse", "broken"])
        #expect(rows.compactMap { $0["on_frontier"]?.bool } == [true, true, false, false])
        #expect(rows[1]["score_per_usd"]?.real == 25 && rows[3]["mean_score"] == nil)
        #expect(report.csv.split(separator: "\n")[1].hasSuffix(",0.9,,s"))
        #expect(report.csv.contains("exit code 1: <b>no</b>"))
    }

    @Test func `what was never scored says nothing of scores`() {
        let report = report(field.map { trial in summary(trial.alias, trial.model, nil) })
        #expect(report.leaderboard.isEmpty && report.qualityChart == nil && report.json["leaderboard"] == nil)
        #expect(!report.html.contains("Leaderboard") && !report.markdown.contains("score"))
        #expect(LeaderboardTable.text(report.trials.map(\.summary)) == nil)
        #expect(!ClosingTable.text(report.trials.map(\.summary)).contains("score"))
    }

    @Test func `the table at a run's end ranks models, and warns of scorers that differ`() throws {
        let text = try #require(LeaderboardTable.text(field))
        let lines = text.split(separator: "\n")
        #expect(lines[2].hasPrefix("   1  dear") && lines[2].contains("4.5") && lines[5].contains("   -  broken"))
        #expect(lines.count == 6)
        let mixed = try #require(
            LeaderboardTable.text([summary("a", "a", score(1)), summary("b", "b", score(1, scorer: "t"))]))
        #expect(mixed.contains("2 different scorers"))
        #expect(ClosingTable.text(field).contains("failed"))
    }

    @Test(arguments: [[-3.0, -1, 0], [-2, 5], [1e-9, 3e-9], [1e12, -1e12], [0, 0], [0.5]])
    func `scores of any size and sign are drawn within the plot`(values: [Double]) throws {
        let report = report(values.enumerated().map { summary("t\($0)", "m\($0)", score($1), cents: Int64($0) + 1) })
        let chart = try #require(report.qualityChart)
        let svg = chart.svg(id: "x").text
        #expect(isWellFormed(svg))
        let places = svg.components(separatedBy: " cy=\"").dropFirst().compactMap { Double($0.prefix { $0 != "\"" }) }
        #expect(places.count == values.count)
        #expect(places.allSatisfy { (18...390).contains($0) }, "\(places)")
        // Points come by rank: the better one stands higher, and equal ones alike.
        let ranked = values.sorted(by: >)
        for index in ranked.indices.dropFirst() {
            let isBelow = places[index] > places[index - 1]
            #expect(isBelow == (ranked[index] < ranked[index - 1]), "\(ranked): \(places)")
        }
        #expect(report.leaderboard.rows.first { $0.rank == 1 }?.mean == values.max())
    }

    @Test func `the newest score counts, beside the record or in it, and a record with one is whole`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let scored = TrialScore(value: 0.5, scorer: "s", at: RecordFixture.start)
            let end = RecordFixture.end(USD(cents: 3), at: 20)
            let event = RecordFixture.event(
                .harness, scored.eventType, JSON.record(scored.fields(took: .seconds(1))), at: 19)
            let first = try fixture.write(
                RecordFixture.beginning("a") + end.dropLast() + [event] + end.suffix(1), "a")
            #expect(first.score?.value == 0.5)
            try await fixture.journal.update([first], run: fixture.run.id, at: RecordFixture.start + .seconds(30))
            try await fixture.journal.finish(run: fixture.run.id, exitStatus: 0, at: RecordFixture.start + .seconds(30))
            let runs = fixture.runs
            func newest() async throws -> Double? {
                try await RunLookup.find("latest", in: runs, journal: fixture.journal).trials.first?.score?.value
            }
            #expect(try await newest() == 0.5)
            let place = fixture.run.trial("a")
            // A wall clock that went back makes no score old.
            for (value, seconds) in [(0.25, 60), (0.75, -60)] {
                try place.keep(
                    later: TrialScore(value: value, scorer: "t", at: RecordFixture.start + .seconds(seconds)))
                #expect(try await newest() == value)
            }
            func notes() async throws -> [String] {
                try await RunVerifier(runs: runs, journal: fixture.journal).verify(fixture.run.id).findings
                    .filter { $0.name == "files" || $0.name == "state" }.flatMap(\.lines)
            }
            #expect(try await !notes().contains { $0.contains("score") })
            try Files.replace(place.scorePath, with: "{}", durably: false)
            #expect(try await notes().contains("a/score.json is no score"))
            #expect(try await newest() == 0.5)
        }
    }
}
