import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// `resume` and `retry` with `--detach`.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct BackgroundResumeTests {
    private func isAlive(_ process: Int) -> Bool { kill(pid_t(process), 0) == 0 }

    @Test func `a run is taken up, and failed trials run again, in the background too`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 80, "b": 10], env: ["FAIL_b": "7"]))
            let run = CommandRun(bench, prefix: "behind")
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 && run.count("b") >= 8 })
            run.kill(process)
            let resumed = try await bench.run(["resume", run.id, "--settle", "1s", "--detach", "--json"])
            #expect(resumed.exitCode == 0, "\(resumed.everything)")
            let console = "\(bench.directory)/runs/\(run.id)/console.log"
            #expect(
                await eventually {
                    (try? String(contentsOfFile: console, encoding: .utf8))?.contains("alive, watched again") == true
                })
            let told = try JSON.parse(resumed.stdout)
            let second = try #require(told["process"]?.int)
            #expect(told["run"]?.string == run.id && isAlive(second))
            #expect(await eventually(within: .seconds(60)) { !isAlive(second) })
            #expect(try await bench.status(run.id)["trials"]?[0]?["outcome"]?.string == "completed")

            let idle = try await bench.run(["retry", run.id, "--dry-run", "--detach", "--json"])
            #expect(try JSON.parse(idle.stdout)["trials"]?.array?.isEmpty == true, "\(idle.everything)")
            let values = ["COUNT_a": "80", "COUNT_b": "10", "FAIL_b": "0"]
            let retried = try await bench.run(
                ["retry", run.id, "--cause", "agent_failed", "--settle", "1s", "--detach"], values)
            #expect(retried.exitCode == 0, "\(retried.everything)")
            #expect(retried.stdoutText.contains("\(run.id) runs in the background"), "\(retried.everything)")
            let over = try await eventually(within: .seconds(60)) {
                try await bench.status(run.id)["alive"]?.bool == false
            }
            #expect(over)
            #expect(run.count("b") == 10)
            // What each process has said is kept.
            #expect(
                Files.list(run.directory.path).filter { $0.hasPrefix("console") }.sorted()
                    == ["console-1.log", "console.log"])
            let verified = try await bench.run(["verify", run.id])
            #expect(verified.exitCode == 0 && !verified.stdoutText.contains("[!]"), "\(verified.everything)")

            let ended = try await bench.run(["resume", run.id, "--detach"])
            #expect(ended.exitCode == 0 && ended.stderrText.contains("nothing to resume"), "\(ended.everything)")
            let unknown = try await bench.run(["retry", run.id, "--cause", "bad luck", "--detach"])
            #expect(unknown.exitCode == 64 && unknown.stderrText.contains("no such cause"), "\(unknown.everything)")
        }
    }
}
