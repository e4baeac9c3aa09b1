import Containers
import Foundation
import Harness
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasOwnEngine, "needs root, dockerd and images/agent/build"))
struct EngineRestartTests {
    /// What stands in the trial's log by now.
    private struct Log {
        let bench: Bench
        let run: String

        func types() throws -> [String] { try bench.events(run, "a").map(\.type) }
        func has(_ type: String) throws -> Bool { try types().contains(type) }
    }

    /// - Parameter isResumed: whether the harness that began the field is dead, and another has taken it up.
    private func withField(
        keepsContainers: Bool, isResumed: Bool = false, _ script: String,
        configure: (inout RunPlan) -> Void = { _ in },
        meanwhile: (SecondEngine, Log) async throws -> Void,
        _ check: (Bench, RunResult, Told) async throws -> Void
    ) async throws {
        try await SecondEngine.with(keepsContainers: keepsContainers) { engine in
            try await withBench { base in
                let bench = Bench(
                    server: base.server, baseURL: base.baseURL, runs: base.runs, journal: base.journal,
                    docker: engine.docker, world: base.world)
                let told = Told()
                let field = bench.field(["a": script], told: told) { plan in
                    // The agent calls nobody.
                    plan.passesBaseURL = false
                    configure(&plan)
                }
                let before = isResumed ? try await bench.leaveBehind(field, script) : nil
                async let running = bench.run(field, since: before)
                #expect(await eventually { told.has(isResumed ? "resumed a: attach" : "running a") })
                // What it prints is read.
                #expect(await eventually { (try? bench.hasHeard("a", of: field)) == true })
                try await meanwhile(engine, Log(bench: bench, run: field.directory.id))
                try await check(bench, try await running, told)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a container that outlives its engine is watched again, and no line of it is lost or told twice`(
        isResumed: Bool
    ) async throws {
        try await withField(
            keepsContainers: true, isResumed: isResumed, "for i in $(seq 60); do echo line $i; sleep 0.2; done",
            meanwhile: { engine, _ in
                try await engine.end(with: SIGKILL)
                try await engine.start()
            },
            { bench, result, told in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .completed, "\(trial.reason ?? "")")
                let events = try bench.events(result.id, "a")
                let lines = events.compactMap { $0.fields["line"]?.string }.filter { $0.hasPrefix("line ") }
                #expect(lines == (1...60).map { "line \($0)" })
                #expect(events.contains { $0.type == "engine_lost" } && events.contains { $0.type == "engine_back" })
                #expect(events.contains { $0.type == "container_reattached" })
                #expect(told.warnings.contains { $0.contains("engine went away") })
                try await bench.expectNothingLeft(of: result.id)
            })
    }

    @Test func `what a container says after its engine's log has turned over is read, and the gap is told`()
        async throws
    {
        try await withField(
            keepsContainers: true,
            #"""
            echo begun
            head -c 80000000 /dev/zero | tr '\0' x | fold -w 8000
            echo
            echo '{"type":"progress","now":"flooded"}'
            sleep 12
            echo '{"type":"progress","now":"after"}'
            echo '{"type":"agent_end"}'
            """#,
            meanwhile: { engine, log in
                #expect(try await eventually(within: .seconds(60)) { try log.has("progress") })
                try await engine.end(with: SIGKILL)
                try await engine.start()
            },
            { bench, result, _ in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .completed, "\(trial.reason ?? "")")
                let events = try bench.events(result.id, "a")
                #expect(events.count { $0.fields["now"] == "after" } == 1)
                #expect(events.contains { $0.type == "output_gap" })
                try await bench.expectNothingLeft(of: result.id)
            })
    }

    @Test(arguments: [SIGKILL, SIGTERM], [false, true])
    func `a container that its engine took along is the engine's failure, and is removed`(
        signal: CInt, isResumed: Bool
    ) async throws {
        try await withField(
            keepsContainers: false, isResumed: isResumed, "echo begun; sleep 300",
            meanwhile: { engine, _ in
                try await engine.end(with: signal)
                try await engine.start()
            },
            { bench, result, _ in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .dockerFailed && trial.cause == "engine_restarted", "\(trial.reason ?? "")")
                #expect(trial.reason?.contains("live-restore") == true)
                try await bench.expectNothingLeft(of: result.id)
            })
    }

    @Test(arguments: [false, true])
    func `an agent that its engine asked to end has not completed, though it ended well`(isResumed: Bool) async throws {
        try await withField(
            keepsContainers: false, isResumed: isResumed,
            "trap 'exit 0' TERM; echo begun; while true; do sleep 0.1; done",
            meanwhile: { engine, _ in
                try await engine.end(with: SIGTERM)
                try await engine.start()
            },
            { bench, result, _ in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .dockerFailed && trial.cause == "engine_restarted", "\(trial.reason ?? "")")
                try await bench.expectNothingLeft(of: result.id)
            })
    }

    @Test func `a container that is to be stopped while its engine is away is stopped when that is back`() async throws
    {
        try await withField(
            keepsContainers: true, "echo begun; sleep 300",
            configure: { plan in
                plan.experiment.limits.wall = .seconds(4)
                plan.pace.kill = .seconds(1)
            },
            meanwhile: { engine, log in
                try await engine.end(with: SIGKILL)
                #expect(try await eventually { try log.has("eject_decided") })
                // Longer than it is tried with an engine that answers.
                let decided = ContinuousClock.now
                #expect(await eventually { ContinuousClock.now - decided > .seconds(3) })
                try await engine.start()
            },
            { bench, result, _ in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .ejected, "\(trial.outcome?.rawValue ?? ""): \(trial.reason ?? "")")
                let events = try bench.events(result.id, "a")
                let told = events.map { "\($0.elapsed.shortText) \($0.type)" }.joined(separator: ", ")
                let decided = try #require(events.first { $0.type == "eject_decided" })
                let stopped = try #require(events.first { $0.type == "container_stopped" }, "\(told)")
                #expect(stopped.elapsed - decided.elapsed > .seconds(2), "\(told)")
                try await bench.expectNothingLeft(of: result.id)
            })
    }

    @Test func `an engine that stays away is waited for as long as told, and what it holds is named`() async throws {
        try await withField(
            keepsContainers: true, "echo begun; sleep 300",
            configure: { $0.pace.engineReturn = .seconds(2) },
            meanwhile: { engine, _ in try await engine.end(with: SIGKILL) },
            { bench, result, _ in
                let trial = try #require(result.trials.first)
                #expect(trial.outcome == .dockerFailed && trial.cause == "engine_unreachable", "\(trial.reason ?? "")")
                #expect(trial.left.contains { $0.hasPrefix("container preflight-") })
                #expect(result.left.count == 2, "its container, and the field's network: \(result.left)")
                #expect(try await bench.subKeys().isEmpty)
            })
    }

    @Test(arguments: [false, true])
    func `a docker command that somebody kills takes nothing of the trial along`(isResumed: Bool) async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let script = "for i in $(seq 40); do echo line $i; sleep 0.2; done"
            let field = bench.field(["a": script], told: told)
            let before = isResumed ? try await bench.leaveBehind(field, script) : nil
            async let running = bench.run(field, since: before)
            #expect(await eventually { told.has(isResumed ? "resumed a: attach" : "running a") })
            #expect(await eventually { (try? bench.hasHeard("a", of: field)) == true })
            let container = try #require(
                try await bench.docker.containers(label: "\(Names.runLabel)=\(field.directory.id)").first)
            let victims = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).filter {
                guard let data = FileManager.default.contents(atPath: "/proc/\($0)/cmdline") else { return false }
                let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                return words.first?.hasSuffix("docker") == true && words.contains(isResumed ? "wait" : "run")
                    && words.contains(container.name)
            }
            #expect(!victims.isEmpty)
            for victim in victims { kill(victim, SIGKILL) }
            let result = try await running
            #expect(result.trials.first?.outcome == .completed, "\(result.trials.first?.reason ?? "")")
            let lines = try bench.events(result.id, "a").compactMap { $0.fields["line"]?.string }
            #expect(lines.filter { $0.hasPrefix("line ") } == (1...40).map { "line \($0)" })
            try await bench.expectNothingLeft(of: result.id)
        }
    }
}
