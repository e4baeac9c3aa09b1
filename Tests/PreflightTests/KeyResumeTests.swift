import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Sub-keys of runs whose process was killed.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct KeyResumeTests {
    @Test(arguments: ["direct", "gateway"])
    func `a trial that was stopped before its container stays stopped, also where its process died then`(access: String)
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment(access, ["a": 4]))
            let dying = CommandBench(
                directory: bench.directory,
                environment: bench.environment.merging(["PREFLIGHT_STRESS_KILL": "spend-reconciled"]) { $1 },
                server: bench.server)
            bench.server.addFault(Fault(.delay, path: "/keys", method: "POST", delay: .seconds(3)))
            var run = CommandRun(dying)
            let process = try run.start()
            run.bench = bench
            #expect(
                await eventually(within: .seconds(60)) {
                    (try? run.events("a").contains { $0.type == "trial_started" }) == true
                })
            // Its key is being made.
            let journal = try Journal(path: "\(bench.directory)/runs/preflight.sqlite")
            let isAsked = try await eventually {
                try await journal.resources(run: run.id).contains { $0.kind == .subkey }
            }
            #expect(isAsked)
            Foundation.kill(process.processIdentifier, SIGINT)
            process.waitUntilExit()
            #expect(process.terminationReason == .uncaughtSignal)
            let result = try await run.resume(environment: ["COUNT_a": "4"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trial = try #require(json["trials"]?[0])
            #expect(trial["outcome"] == "cancelled" && trial["cause"] == nil, "\(trial.text)")
            let events = try run.events("a")
            #expect(events.first { $0.type == "trial_resumed" }?.fields["how"] == "settle")
            #expect(events.count { $0.type == "subkey_created" } == 1)
            #expect(!events.contains { $0.type == "container_started" })
            try await run.expectWhole(json)
        }
    }

    @Test func `without a management key that is accepted nothing is touched, and the right one goes on`() async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await killed(bench)
            let container = try await run.container("a")
            let refused = try await run.resume(environment: ["OR_ADMIN_KEY": "sk-or-v1-mistyped", "COUNT_a": "80"])
            #expect(
                refused.exitCode == 3 && refused.stderrText.contains("no new sub-keys can be made"),
                "\(refused.everything)")
            #expect(try await run.container("a") == container && !container.isEmpty)
            #expect(try run.events("a").allSatisfy { $0.type != "trial_resumed" })
            let result = try await run.resume(environment: ["COUNT_a": "80"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(try run.numbers("a") == Array(0..<80))
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }

    @Test func `a while in which no sub-key can be made ends no container`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let run = try await killed(bench)
            // One more than are made for one key.
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: 4, status: 503))
            let result = try await run.resume(environment: ["COUNT_a": "80"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(result.stderrText.contains("no sub-key yet"), "\(result.everything)")
            #expect(try run.numbers("a") == Array(0..<80))
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }

    /// A run behind the gateway whose container has gone on without it.
    private func killed(_ bench: CommandBench) async throws -> CommandRun {
        try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 80]))
        let run = CommandRun(bench)
        let process = try run.start()
        #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 })
        run.kill(process)
        return run
    }

    private func begin(_ run: CommandRun, _ arguments: [String] = []) async throws {
        let process = try run.bench.start(
            ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--poll", "300ms", "--settle", "1s"] + arguments
        )
        #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 })
        run.kill(process)
    }

    @Test func `what a sweep saw of a key that nobody could use any more is what its trial has cost`() async throws {
        var options = CountingAgent.options()
        options.usageDelay = .seconds(2)
        try await withCommand(options) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 400]))
            let run = CommandRun(bench)
            try await begin(run, ["--orphan-grace", "1s"])
            #expect(
                await eventually(within: .seconds(40)) {
                    (try? Files.read(run.directory.guardLogPath)).map {
                        String(decoding: $0, as: UTF8.self).contains("removed container")
                    } == true
                })
            let ended = ContinuousClock.now
            #expect(await eventually { ContinuousClock.now - ended > .seconds(5) })
            let swept = try await bench.run(["sweep", run.id])
            #expect(swept.exitCode == 0 && bench.subKeys.isEmpty, "\(swept.everything)")
            let result = try await run.resume(environment: ["COUNT_a": "400"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trial = try #require(json["trials"]?[0])
            #expect(trial["outcome"] == "lost" && trial["unknown_up_to_usd"] == nil, "\(trial.text)")
            try await run.expectWhole(json)
        }
    }

    @Test func `what a sweep saw of a key that was in use until then is the least that its trial has cost`()
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 400]))
            let run = CommandRun(bench)
            try await begin(run)
            let told = try run.events("a").last { $0.type == "budget_poll" }?.fields["spent"]?.usd() ?? .zero
            #expect(await eventually { (try? run.bill("a")) ?? .zero > told + told })
            let swept = try await bench.run(["sweep", run.id])
            #expect(swept.exitCode == 0 && bench.subKeys.isEmpty, "\(swept.everything)")
            let seen = try #require(try await bench.status(run.id)["trials"]?[0]?["polled_usd"]?.usd())
            let result = try await run.resume(environment: ["COUNT_a": "400"])
            let trial = try #require(try JSON.parse(result.stdout)["trials"]?[0])
            let cost = try #require(trial["cost_usd"]?.usd())
            let unknown = try #require(trial["unknown_up_to_usd"]?.usd())
            #expect(seen > told && cost >= seen, "\(trial.text)")
            #expect(try run.bill("a") <= cost + unknown)
        }
    }
}
