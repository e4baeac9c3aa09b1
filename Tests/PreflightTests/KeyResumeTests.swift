import Containers
import Foundation
import PreflightCore
import Simulator
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

    @Test func `without a management key that is accepted nothing is touched, and the right one goes on`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 80]))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 })
            run.kill(process)
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
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 80]))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 })
            run.kill(process)
            // One more than are made for one key.
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: 4, status: 503))
            let result = try await run.resume(environment: ["COUNT_a": "80"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(result.stderrText.contains("there is no new sub-key yet"), "\(result.everything)")
            #expect(try run.numbers("a") == Array(0..<80))
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }
}
