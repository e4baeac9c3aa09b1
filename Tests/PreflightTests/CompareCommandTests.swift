import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(6)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct CompareCommandTests {
    /// One completes, money stops one, one crashes.
    private static func experiment(budget: String = "0.05", repeating: Int = 3) -> String {
        """
        image: preflight-agent:latest
        access: gateway
        models:
          - {id: meta-llama/llama-3.3-70b-instruct, alias: quick}
          - {id: anthropic/claude-sonnet-4.5, alias: spender}
          - {id: mistralai/mistral-small-3.2-24b-instruct, alias: crasher}
        budget: \(budget)
        repeat: \(repeating)
        concurrency: 9
        prompt: Write kurve.py.
        """
    }

    @Test func `a real field is ranked with its cut-offs, and another that is unlike only when told`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", Self.experiment())
            try bench.write("dear.yaml", Self.experiment(budget: "0.06", repeating: 1))
            try bench.write(
                "named.yaml",
                Self.experiment(repeating: 1)
                    + "\neject: [budget_exceeded, {budget_fraction: 40%, name: 'enough: seen'}]\n")
            for (file, run) in [
                ("e.yaml", "one"), ("e.yaml", "two"), ("dear.yaml", "dear"), ("named.yaml", "named"),
            ] {
                let result = try await bench.run(
                    ["run-multi", file, "--run-id", run, "--settle", "1s", "--skip-check"])
                #expect(result.exitCode == 1, "\(result.everything)")
            }

            let answer = try await bench.run(["compare", "one", "--json"])
            #expect(answer.isSuccess, "\(answer.everything)")
            let json = try JSON.parse(answer.stdout)
            #expect(json["alike"] == true && json["metric"] == "completed" && json["seed"]?.int == 1)
            func arm(_ name: String, _ json: JSON) -> JSON? {
                json["arms"]?.array?.first { $0["name"]?.string?.contains(name) ?? false }
            }
            let (quick, spender, crasher) = (arm("llama", json), arm("claude", json), arm("mistral", json))
            #expect(quick?["completed"]?.int == 3 && quick?["cut_off"]?.int == 0)
            #expect(spender?["completed"]?.int == 0 && spender?["failed"]?.int == 0)
            #expect(spender?["cut_off"]?.int == 3 && spender?["cut_off_by"]?["money"]?.int == 3)
            #expect(spender?["completed_share"]?[1]?.real == 1, "had there been more money, all might have")
            #expect(crasher?["failed"]?.int == 3 && crasher?["cut_off"]?.int == 0)
            #expect((crasher?["completed_share"]?[1]?.real ?? 1) < 0.6, "these had their chance")
            #expect(quick?["rank"]?.array == [1, 3], "three pairs tell nothing apart")
            #expect(arm("mistral", json)?["difference"]?["pairs"]?.int == 3)
            // What the arms have cost is what the receipt says, to the last picodollar.
            let receipt = try JSON.parse(
                try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/runs/one/summary.json")).map { $0 })
            let spent = json["arms"]?.array?.compactMap { $0["spent_usd"]?.usd() }.reduce(.zero, +)
            #expect(spent == receipt["cost_usd"]?.usd())
            #expect(try await bench.run(["compare", "one", "--json"]).stdout == answer.stdout)

            // A policy that its owner has named is known by the record of the experiment.
            let named = try JSON.parse(try await bench.run(["compare", "named", "--json"]).stdout)
            #expect(arm("claude", named)?["cut_off_by"]?["money"]?.int == 1, "\(named.text)")
            let kept = try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/runs/named/summary.json"))
            let reasons = try JSON.parse([UInt8](kept))["trials"]?.array?.compactMap { $0["reason"]?.string } ?? []
            #expect(reasons.contains { $0.hasPrefix("enough: seen: spent") }, "\(reasons)")

            // Two runs of the same are pooled: six pairs.
            let pooled = try JSON.parse(try await bench.run(["compare", "one", "two", "--json"]).stdout)
            #expect(pooled["alike"] == true)
            #expect(arm("mistral", pooled)?["difference"]?["pairs"]?.int == 6)
            let between = try await bench.run(["compare", "one", "two", "--by", "run", "--metric", "tokens"])
            #expect(between.isSuccess && between.stdoutText.contains("by tokens: 2 runs"), "\(between.everything)")

            // Another cap is another race.
            let refused = try await bench.run(["compare", "one", "dear"])
            #expect(refused.exitCode == 3 && refused.stdout.isEmpty)
            #expect(refused.stderrText.contains("budget: $0.05 (one/"), "\(refused.everything)")
            #expect(refused.stderrText.contains("--even-if-unlike"))
            for format in ["text", "html", "md", "json", "csv"] {
                let told = try await bench.run(["compare", "one", "dear", "--even-if-unlike", "--format", format])
                let stamp = format == "csv" ? ",false,budget" : "NOT RUN ALIKE, ranked all the same: budget"
                #expect(told.isSuccess && told.stdoutText.contains(stamp), "\(told.everything)")
            }

            // What was written to a log afterwards is no evidence.
            let log = "\(bench.directory)/runs/one/spender-2/events.jsonl"
            let lines = try String(contentsOfFile: log, encoding: .utf8)
            try lines.replacingOccurrences(of: "container_started", with: "container_startled")
                .write(toFile: log, atomically: false, encoding: .utf8)
            let damaged = try await bench.run(["compare", "one"])
            #expect(damaged.exitCode == 3)
            #expect(damaged.stderrText.contains("record: its event log is damaged"), "\(damaged.everything)")
            let others = try await bench.run(["compare", "one", "--arm", "llama", "--arm", "mistral", "-o", "c.md"])
            #expect(others.isSuccess, "what is not compared does not matter: \(others.everything)")
            #expect(try String(contentsOfFile: "\(bench.directory)/c.md", encoding: .utf8).hasPrefix("# Comparison"))
        }
    }

    @Test func `a run that goes on is not ranked, and who its owner stopped is cut off`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                """
                image: preflight-agent:latest
                access: gateway
                models:
                  - {id: meta-llama/llama-3.3-70b-instruct, alias: quick}
                  - {id: deepseek/deepseek-chat-v3.1, alias: silent}
                budget: 0.05
                prompt: Write kurve.py.
                """)
            let process = try bench.start(["run-multi", "e.yaml", "--run-id", "r", "--settle", "1s", "--skip-check"])
            #expect(
                await eventually(within: .seconds(90)) {
                    let trials = (try? await bench.status("r"))?["trials"]?.array ?? []
                    return trials.contains { $0["outcome"]?.string == "completed" }
                        && trials.contains { $0["running"] == true && $0["alias"] == "silent" }
                })
            let early = try await bench.run(["compare"])
            #expect(
                early.exitCode == 3 && early.stderrText.contains("end: 1 trial not ended yet (r)"),
                "\(early.everything)")
            let told = try JSON.parse(try await bench.run(["compare", "--even-if-unlike", "--json"]).stdout)
            let words = told["arms"]?.array?.compactMap { $0["cut_off_by"]?["under_way"]?.int }
            #expect(words == [1])
            #expect(try await bench.run(["stop", "r"]).isSuccess)
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            let after = try await bench.run(["compare", "r"])
            #expect(after.isSuccess && after.stdoutText.contains("1o"), "\(after.everything)")
        }
    }

    @Test(arguments: [
        (["compare"], "there are no runs yet"),
        (["compare", "--metric", "beauty"], "beauty"),
        (["compare", "--by", "hand"], "hand"),
        (["compare", "--confidence", "100"], "expected percent, 50 to 99.9"),
        (["compare", "--json", "--format", "md"], "--json is --format json"),
        (["compare", "--format", "pdf"], "pdf"),
    ])
    func `what cannot be meant is refused with the words that help`(arguments: [String], words: String) async throws {
        try await withCommand { bench in
            let result = try await bench.run(arguments)
            #expect(result.exitCode == 64)
            #expect(result.stderrText.contains(words), "\(result.everything)")
        }
    }
}
