import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct SideBySideTests {
    private static let silentModel = "deepseek/deepseek-chat-v3.1"

    private func name(_ text: String) -> String { "\(text)-\(UInt32.random(in: 0..<(.max)))" }

    private func phase(_ bench: CommandBench, _ run: String) async throws -> String? {
        try await bench.status(run)["trials"]?[0]?["phase"]?.string
    }

    private func envelope(_ bench: CommandBench) async throws -> JSON {
        try JSON.parse(try await bench.run(["budget", "show", "envelope:night", "--json"]).stdout)
    }

    @Test(arguments: ["direct", "gateway"])
    func `two harnesses share an envelope, and neither touches what is the other's`(access: String) async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                """
                image: preflight-agent:latest
                models: [{id: \(Self.silentModel), alias: t}]
                access: \(access)
                budget: {per_trial: 0.05, total: 0.08, envelope: night}
                prompt: Write kurve.py.
                """)
            let (first, second) = (name("first"), name("second"))
            let common = ["run-multi", "e.yaml", "--skip-check", "--settle", "1s", "--run-id"]
            let one = try bench.start(common + [first])
            #expect(try await eventually(within: .seconds(60)) { try await phase(bench, first) == "running" })
            let two = try bench.start(common + [second])
            if access == "gateway" {
                // Calls share it, one by one.
                #expect(try await eventually(within: .seconds(60)) { try await phase(bench, second) == "running" })
            } else {
                // Three cents are left: the second waits, in another process, for the first to give back.
                #expect(
                    try await eventually(within: .seconds(60)) { try await bench.status(second)["alive"]?.bool == true }
                )
                #expect(try await phase(bench, second) == "pending")
                #expect(try await envelope(bench)["reserved"]?.usd() == USD(cents: 5))
            }
            let other = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--total-budget", "0.09"])
            #expect(
                other.exitCode == 3 && other.stderrText.contains("the envelope night has a total of $0.08"),
                "\(other.everything)")

            // Sweeps of this directory and of another one take nothing of the living.
            for directory in ["runs", "elsewhere"] {
                let sweep = try await bench.run(["sweep", "--runs-dir", directory])
                for run in [first, second] {
                    #expect(!sweep.stdoutText.contains("removed container preflight-\(run)"), "\(sweep.everything)")
                    #expect(!sweep.stdoutText.contains("removed network preflight-\(run)"), "\(sweep.everything)")
                    #expect(!sweep.stdoutText.contains("removed subkey preflight:\(run)"), "\(sweep.everything)")
                }
            }
            #expect(try await phase(bench, first) == "running")
            let more = try await bench.run(["extend", first, "t", "--budget", "0.09"])
            #expect(more.exitCode == 1, "\(more.everything)")

            #expect(try await bench.run(["stop", first]).exitCode == 0)
            #expect(await eventually(within: .seconds(60)) { !one.isRunning })
            #expect(try await bench.left(of: first) == "")
            #expect(try await eventually(within: .seconds(60)) { try await phase(bench, second) == "running" })
            #expect(bench.subKeys == [Names.subKey(run: second, trial: "t")])
            let wider = try await bench.run(["extend", second, "--budget", "+0.02"])
            #expect(wider.stdoutText == "budget.total $0.08 -> $0.10\n", "\(wider.everything)")
            #expect(try await envelope(bench)["limit"]?.usd() == USD(cents: 10))
            if access == "gateway" {
                let trial = try await bench.run(["extend", second, "t", "--budget", "+0.04"])
                #expect(trial.stdoutText == "t: budget $0.05 -> $0.09\n", "\(trial.everything)")
                let scope = try await bench.run(["budget", "show", "\(second)/t", "--json"])
                #expect(try JSON.parse(scope.stdout)["limit"]?.usd() == USD(cents: 9), "\(scope.everything)")
                #expect(bench.server.keys.first { $0.name.contains(second) }?.limit == USD(cents: 9))
            }
            #expect(try await bench.run(["stop", second]).exitCode == 0)
            #expect(await eventually(within: .seconds(60)) { !two.isRunning })
            #expect(try await bench.left(of: second) == "" && bench.subKeys.isEmpty)
            #expect(try await envelope(bench)["reserved"]?.usd() == .zero)
            #expect(try await envelope(bench)["spent"]?.usd() ?? .zero <= USD(cents: 8))
        }
    }
}
