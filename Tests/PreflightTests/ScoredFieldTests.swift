import Containers
import Foundation
import PreflightCore
import Simulator
import Testing

/// What scores are for: models held against each other, over repetitions and attempts.
@Suite(.timeLimit(.minutes(5)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ScoredFieldTests {
    @Test
    func `a scored field is compared by its scores, what is run again is scored again, and another file may score`()
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.writeProgram("score.py", ScoredField.scorer)
            try bench.write(
                "e.yaml", ScoredField.experiment(["good", "half", "fails"], score: "./score.py", more: "repeat: 3"))
            let run = CommandRun(bench, prefix: "compared")
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--settle", "1s", "--json"])
            #expect(result.exitCode == 1, "\(result.everything)")

            func json(_ arguments: [String]) async throws -> JSON {
                let result = try await bench.run(arguments)
                #expect(result.exitCode == 0, "\(result.everything)")
                return try JSON.parse(result.stdout)
            }
            let compared = try await json(["compare", run.id, "--json"])
            let arms = try #require(compared["arms"]?.array)
            #expect(compared["metric"] == "score" && compared["alike"] == true)
            #expect(
                arms.compactMap { $0["name"]?.string } == ["good", "half", "fails"].map { ScoredField.model($0) })
            #expect(arms.compactMap { $0["estimate"]?.real } == [1, 0.5, 0.1])
            #expect(arms.compactMap { $0["scored"]?.int } == [3, 3, 3], "one that failed left something all the same")
            #expect(arms.allSatisfy { ($0["score_per_usd"]?.real ?? 0) > 0 && $0["rank"] == [1, 3] })
            let cheap = try await json(["compare", run.id, "--metric", "cost", "--json"])
            #expect(cheap["arms"]?.array?.compactMap { $0["score"]?.real }.sorted() == [0.1, 0.5, 1])
            let page = try await bench.run(["compare", run.id, "--output", "c.html"])
            let html = try String(contentsOfFile: "\(bench.directory)/c.html", encoding: .utf8)
            #expect(page.isSuccess && html.hasPrefix("<!DOCTYPE html>") && html.contains("<svg"), "\(page.everything)")

            // Both attempts have a score, and the newest alone counts.
            let retried = try await run.retry("fails", "--cause", "agent_failed")
            #expect(retried.exitCode == 1, "\(retried.everything)")
            let trial = try JSON.parse(retried.stdout)["trials"]?.array?.first { $0["alias"] == "fails" }
            #expect(trial?["attempt"]?.int == 2 && trial?["score"]?["value"]?.real == 0.1, "\(trial?.text ?? "none")")
            #expect(trial?["earlier"]?[0]?["score"]?["value"]?.real == 0.1)
            #expect(try run.events("fails").filter { $0.type == "scored" }.count == 1)
            let report = try await json(["report", run.id, "--json"])
            #expect(report["leaderboard"]?[2]?["scored"]?.int == 3)

            try bench.write(
                "other.yaml",
                ScoredField.experiment(["good"], score: "{command: [sh, -c, echo $PREFLIGHT_OUTCOME; echo 3]}"))
            let again = try await json(["score", run.id, "--experiment", "other.yaml", "--json"])
            #expect(again["trials"]?.array?.allSatisfy { $0["score"]?["value"]?.real == 3 } == true)
            #expect(again["leaderboard"]?.array?.compactMap { $0["rank"]?.int } == [1, 1, 1])
            // One that failed by itself had a second chance, which no other had.
            let newest = try await json(["compare", run.id, "--even-if-unlike", "--json"])
            #expect(newest["arms"]?.array?.compactMap { $0["estimate"]?.real } == [3, 3, 3])
        }
    }
}
