import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ReportCommandTests {
    @Test func `a real run leaves a page, and its account in every format agrees with the receipt`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                """
                name: two of a kind
                image: preflight-agent:latest
                access: gateway
                models:
                  - {id: meta-llama/llama-3.3-70b-instruct, alias: quick}
                  - {id: openai/gpt-4.1-mini, alias: looper}
                budget: 0.05
                prompt: Write kurve.py.
                eject: {budget_fraction: {at: 15%, unless: snapshots > 0}}
                """)
            let run = try await bench.run(["run-multi", "e.yaml", "--run-id", "r", "--settle", "2s", "--json"])
            #expect(run.exitCode == 1, "\(run.everything)")
            let receipt = try JSON.parse(run.stdout)
            let page = try String(contentsOfFile: "\(bench.directory)/runs/r/report.html", encoding: .utf8)
            #expect(!page.contains("goes on"), "it is over")
            #expect(page.contains("two of a kind") && page.contains("looper") && page.hasSuffix("</html>\n"))

            let verified = try await bench.run(["verify", "r"])
            #expect(verified.isSuccess && !verified.stdoutText.contains("[!]"), "\(verified.everything)")

            let report = try JSON.parse(try await bench.run(["report", "r", "--format", "json"]).stdout)
            #expect(report["money"]?["spent_usd"]?.usd() == receipt["cost_usd"]?.usd())
            #expect(report["name"] == "two of a kind")
            #expect(report["outcomes"]?["ejected"]?.int == 1 && report["outcomes"]?["completed"]?.int == 1)
            #expect(report["calls"]?["latency_s"]?["p50"]?.numberText != nil)

            // The calls' costs are the trial's, in every export.
            let csv = try await bench.run(["export", "r", "--csv"]).stdoutText.split(separator: "\n")
            let lines = try await bench.run(["export", "r", "--json", "--table", "calls"]).stdoutText
            let costs = try lines.split(separator: "\n").compactMap { try JSON.parse(String($0))["cost_usd"]?.usd() }
            #expect(costs.reduce(.zero, +) == receipt["cost_usd"]?.usd())
            #expect(csv.count - 1 == lines.split(separator: "\n").count)

            let traces = try await bench.run(["export", "r", "--otel", "--output", "t.jsonl"])
            #expect(traces.isSuccess, "\(traces.everything)")
            let requests = try String(contentsOfFile: "\(bench.directory)/t.jsonl", encoding: .utf8)
                .split(separator: "\n").map { try JSON.parse(String($0)) }
            let spans = requests.flatMap { $0["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.array ?? [] }
            let names = spans.compactMap { $0["name"]?.string }
            #expect(names.filter { $0.hasPrefix("invoke_agent ") }.count == 2)
            #expect(names.filter { $0.hasPrefix("chat ") }.count == csv.count - 1)
            #expect(names.contains("execute_tool bash"))

            // The reference agent's prompts only grow: whatever was not read, it was not for a prefix that broke.
            let cache = try JSON.parse(try await bench.run(["cache-report", "r", "--calls", "--json"]).stdout)
            let verdicts = try #require(cache["calls"]?.array).compactMap { $0["verdict"]?.string }
            #expect(verdicts.contains("hit") && verdicts.contains("first"))
            #expect(!verdicts.contains { $0.hasSuffix("_changed") || $0 == "untold" }, "\(verdicts)")

            for (arguments, file) in [(["--output", "x.html"], "x.html"), (["--format", "csv", "-o", "x"], "x")] {
                let written = try await bench.run(["report", "r"] + arguments)
                #expect(written.isSuccess && written.stdout.isEmpty, "\(written.everything)")
                #expect(FileManager.default.fileExists(atPath: "\(bench.directory)/\(file)"))
            }
        }
    }

    @Test(arguments: [
        (["export", "latest"], "give one of --otel, --csv and --json"),
        (["export", "latest", "--csv", "--json"], "give one of --otel, --csv and --json"),
        (["export", "latest", "--otel", "--table", "calls"], "--otel has no tables"),
        (["report", "latest", "--format", "pdf"], "pdf"),
        (["report", "latest", "--json", "--format", "md"], "--json is --format json"),
        (["report", "nowhere"], "there are no runs yet"),
    ])
    func `what cannot be meant is refused with the words that help`(arguments: [String], words: String) async throws {
        try await withCommand { bench in
            let result = try await bench.run(arguments)
            #expect(result.exitCode == 64)
            #expect(result.stderrText.contains(words), "\(result.everything)")
        }
    }

    @Test func `a page that cannot be written is said, and fails no run`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                """
                image: preflight-agent:latest
                models: [{id: meta-llama/llama-3.3-70b-instruct, alias: quick}]
                budget: 0.05
                prompt: Write kurve.py.
                """)
            let process = try bench.start(["run-multi", "e.yaml", "--run-id", "r", "--settle", "2s", "--skip-check"])
            // What is in the way is not a file: no name can take its place.
            let path = "\(bench.directory)/runs/r"
            #expect(await eventually { FileManager.default.fileExists(atPath: "\(path)/experiment.yaml") })
            try FileManager.default.createDirectory(
                atPath: "\(path)/report.html/in-the-way", withIntermediateDirectories: true)
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            #expect(process.terminationStatus == 0)
            #expect(FileManager.default.fileExists(atPath: "\(path)/summary.json"))
            let left = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".tmp") }
            #expect(left.isEmpty)
        }
    }
}
