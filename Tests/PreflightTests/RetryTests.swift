import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Trials of ended runs that are run again.
@Suite(.serialized, .timeLimit(.minutes(6)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct RetryTests {
    /// A run of `a`, which completes, `b`, whose container somebody removes, and `c`, which fails by itself.
    private func ended(_ access: String, _ bench: CommandBench, budget: String = "{per_trial: 0.05}") async throws
        -> CommandRun
    {
        try bench.write(
            "e.yaml",
            CountingAgent.experiment(access, ["a": 0, "b": 40, "c": 5], budget: budget, env: ["FAIL_c": "3"]))
        let run = CommandRun(bench, prefix: "retried")
        let process = try run.start()
        #expect(await eventually(within: .seconds(60)) { run.count("b") >= 13 })
        _ = try await Docker().command(["rm", "-f", try await run.container("b")])
        let isOver = await eventually(within: .seconds(60)) { !process.isRunning }
        #expect(isOver && process.terminationStatus == 1)
        return run
    }

    private let values = ["COUNT_a": "0", "COUNT_b": "40", "COUNT_c": "5", "FAIL_c": "3"]

    private func outcomes(_ json: JSON) -> [String] {
        json["trials"]?.array?.compactMap { $0["outcome"]?.string } ?? []
    }

    @Test(arguments: ["direct", "gateway"])
    func `what the infrastructure failed runs again in the same run, and all attempts are in the totals`(
        access: String
    ) async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await ended(access, bench)
            let log = try Files.read("\(run.directory.path)/b/events.jsonl")
            let others = try ["a", "c"].map { try Files.read("\(run.directory.path)/\($0)/summary.json") }
            let before = try run.bill("b")
            #expect(before > .zero)

            let dry = try await run.retry("--dry-run")
            let plan = try JSON.parse(dry.stdout)
            #expect(dry.exitCode == 0 && plan["at_most_usd"]?.usd() == USD(cents: 5), "\(dry.everything)")
            #expect(plan["trials"]?.array?.compactMap { $0["alias"]?.string } == ["b"])
            #expect(try Files.read("\(run.directory.path)/b/events.jsonl") == log, "nothing was done")
            let again = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--run-id", run.id])
            #expect(again.exitCode == 64 && again.stderrText.contains("preflight retry"), "\(again.everything)")

            let result = try await run.retry(environment: values)
            #expect(result.exitCode == 1, "c still has failed: \(result.everything)")
            let json = try JSON.parse(result.stdout)
            #expect(outcomes(json) == ["completed", "completed", "agent_failed"])
            let trial = try #require(json["trials"]?.array?[1])
            #expect(trial["attempt"]?.int == 2 && trial["earlier"]?.array?.first?["outcome"]?.string == "docker_failed")
            #expect(try run.numbers("b") == Array(0..<40))
            #expect(try Files.read("\(run.directory.path)/attempts/b/1/events.jsonl") == log)
            #expect(try others == ["a", "c"].map { try Files.read("\(run.directory.path)/\($0)/summary.json") })
            #expect(try run.bill("b") > before && trial["cost_usd"]?.usd() == run.bill("b") - before)
            #expect(json["retried"]?.array?.first?["trials"]?.array?.compactMap(\.string) == ["b"])
            try await run.expectWhole(json)

            let named = try await run.retry("c", "--cause", "agent_failed", environment: values)
            let second = try JSON.parse(named.stdout)
            #expect(named.exitCode == 1 && second["retried"]?.array?.count == 2, "\(named.everything)")
            #expect(second["trials"]?.array?.compactMap { $0["attempt"]?.int } == [2, 2])
            try await run.expectWhole(second)
            let status = try await bench.run(["status", run.id])
            #expect(status.stdoutText.contains("b: attempt 2, the last was docker_failed"), "\(status.everything)")
            let cache = try await bench.run(["cache-report", run.id, "--json"])
            let calls = try JSON.parse(cache.stdout)["trials"]?.array?.compactMap { $0["calls"]?.int }
            let log1 = log.split(separator: 0x0A).compactMap { Event(line: $0) }
            let turns = try (log1 + run.events("b")).filter { $0.type == "message_end" }.count
            #expect(turns > 10 && calls == [0, turns, 2], "of both attempts: \(cache.everything)")
        }
    }

    @Test func `orders that came too late for an ended run are not for the trials that run again`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await ended("direct", bench)
            let over = try await bench.run(["resume", run.id])
            #expect(over.exitCode == 1 && over.stderrText.contains("nothing to resume"), "\(over.everything)")
            // As of a terminal that was closed while it waited, just when the run ended.
            let journal = try Journal(path: bench.directory + "/runs/preflight.sqlite")
            let orders: [OwnerOrder] = [.stop(isQuick: true), .extend(.by(USD(cents: 5)))]
            var ids: [Int64] = []
            for (order, trial) in zip(orders, [nil, "b"]) {
                ids.append(
                    try await journal.ask(
                        order, run: run.id, trial: trial, who: "me", at: SimulatorServer.systemTime()))
            }
            let result = try await run.retry(environment: values)
            let json = try JSON.parse(result.stdout)
            #expect(outcomes(json) == ["completed", "completed", "agent_failed"], "\(result.everything)")
            for id in ids { #expect(try await journal.request(id)?.answer?.isDone == false) }
            let types = try run.events("b").map(\.type)
            #expect(!types.contains("owner_request") && !types.contains("budget_extended"))
        }
    }

    @Test func `what did not fail for the cause is not run again`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await ended("direct", bench)
            let completed = try await run.retry("--cause", "completed")
            #expect(
                completed.exitCode == 64 && completed.stderrText.contains("never run again"), "\(completed.everything)")
            let unknown = try await run.retry("--cause", "docker_fail")
            #expect(unknown.exitCode == 64 && unknown.stderrText.contains("'docker_failed'"), "\(unknown.everything)")
            let named = try await run.retry("c")
            #expect(named.exitCode == 64 && named.stderrText.contains("--cause agent_failed"), "\(named.everything)")
            let none = try await bench.run(["retry", run.id, "--cause", "ejected"])
            #expect(none.exitCode == 1 && none.stderrText.contains("nothing to run again"), "\(none.everything)")
            let blind = try await run.retry()
            #expect(blind.exitCode == 3 && blind.stderrText.contains("COUNT_b"), "\(blind.everything)")
            #expect(!Files.exists("\(run.directory.path)/attempts"))
        }
    }

    @Test func `budget.total holds over all attempts`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            // One trial fits at a time, and after b none does: what b has spent is missing for a whole budget.
            let run = try await ended("direct", bench, budget: "{per_trial: 0.001, total: 0.001}")
            let dry = try JSON.parse(try await run.retry("--dry-run").stdout)
            let left = try #require(dry["total_left_usd"]?.usd())
            #expect(left < USD(picodollars: 1_000_000_000) && dry["at_most_usd"]?.usd() == left)
            let result = try await run.retry(environment: values)
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trial = try #require(json["trials"]?.array?[1])
            #expect(trial["outcome"]?.string == "provisioning_failed" && trial["attempt"]?.int == 2)
            #expect(trial["reason"]?.string?.contains("budget.total has no room") == true)
            try await run.expectWhole(json)
        }
    }

    @Test(arguments: ["direct", "gateway"])
    func `a retry that was killed is taken up, and its earlier attempts stay`(access: String) async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await ended(access, bench)
            var environment = bench.environment
            for (name, value) in values { environment[name] = value }
            let with = CommandBench(directory: bench.directory, environment: environment, server: bench.server)
            let process = try with.start(["retry", run.id, "--poll", "300ms", "--settle", "1s"])
            #expect(
                await eventually(within: .seconds(60)) {
                    Files.exists("\(run.directory.path)/attempts/b/1") && run.count("b") >= 5
                })
            run.kill(process)
            let status = try await bench.status(run.id)
            #expect(outcomes(status) == ["completed", "lost", "agent_failed"])
            let refused = try await run.retry(environment: values)
            #expect(refused.exitCode == 3 && refused.stderrText.contains("preflight resume"), "\(refused.everything)")
            let result = try await run.resume(environment: values)
            let json = try JSON.parse(result.stdout)
            #expect(outcomes(json) == ["completed", "completed", "agent_failed"], "\(result.everything)")
            #expect(json["retried"]?.array?.count == 1 && json["resumed"]?.array?.count == 1)
            #expect(try run.numbers("b") == Array(0..<40))
            #expect(try run.events("b").filter { $0.type == "container_started" }.count == 1)
            try await run.expectWhole(json)
        }
    }

    @Test func `a retry that died before it had moved anything is taken up`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await ended("direct", bench)
            // What is left of a process that was killed right behind its entry in the journal.
            let journal = try Journal(path: bench.directory + "/runs/preflight.sqlite")
            let trial = try #require(try await journal.trials(run: run.id).map(\.summary).first { $0.alias == "b" })
            let plan = trial.runAgain(as: TrialPlan(alias: "b", model: trial.model, budget: trial.budget))
            try await journal.reopen([TrialSummary(plan: plan)], run: run.id, at: SimulatorServer.systemTime())
            #expect(outcomes(try await bench.status(run.id)) == ["completed", "lost", "agent_failed"])
            let verified = try await bench.run(["verify", run.id])
            #expect(verified.exitCode == 0, "\(verified.everything)")
            let result = try await run.resume(environment: values)
            let json = try JSON.parse(result.stdout)
            #expect(outcomes(json) == ["completed", "completed", "agent_failed"], "\(result.everything)")
            #expect(json["trials"]?.array?[1]["attempt"]?.int == 2)
            try await run.expectWhole(json)
        }
    }
}
