import Containers
import Foundation
import Harness
import PreflightCore
import Store
import TestSupport
import Testing

/// What becomes of a field when the engine runs out of what it gives, each time an engine of the test's own.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasOwnEngine, "needs root, dockerd and images/agent/build"))
struct EngineWeatherTests {
    private func withBench(
        addressPool: String = "base=10.213.0.0/16,size=24", disk: String? = nil,
        _ body: (Bench, SecondEngine) async throws -> Void
    ) async throws {
        try await SecondEngine.with(addressPool: addressPool, disk: disk) { engine in
            try await HarnessTests.withBench { base in
                let bench = Bench(
                    server: base.server, baseURL: base.baseURL, runs: base.runs, journal: base.journal,
                    docker: engine.docker, world: base.world)
                try await body(bench, engine)
            }
        }
    }

    @Test func `an engine without an address pool left starts no run, and says how to get one`() async throws {
        try await withBench(addressPool: "base=10.213.0.0/24,size=24") { bench, engine in
            try await engine.docker.command(["network", "create", "others"])
            let field = bench.field(["a": "true"]) { $0.passesBaseURL = false }
            let error = await #expect(throws: PreflightError.self) { try await bench.run(field) }
            #expect(error?.code == .refused && error?.message.hasPrefix("no network for the run: ") == true)
            #expect(error?.hint?.contains("docker network prune") == true, "\(error?.hint ?? "")")
            try await bench.expectNothingLeft(of: field.directory.id)
            // With one that is free again it starts.
            try await engine.docker.command(["network", "rm", "others"])
            let result = try await bench.run(bench.field(["a": "true"]) { $0.passesBaseURL = false })
            #expect(result.trials.first?.outcome == .completed, "\(result.trials.first?.reason ?? "")")
        }
    }

    @Test func `behind the gateway a trial that gets no subnet is Docker's failure, and gives its key back`()
        async throws
    {
        try await withBench { bench, engine in
            // All that closed networks are made of.
            try await engine.docker.command(["network", "create", "--subnet", "198.18.0.0/15", "others"])
            let field = bench.field(["a": "true"]) { plan in
                plan.passesBaseURL = false
                plan.access = .shut("no network, no gateway")
            }
            let result = try await bench.run(field)
            let trial = try #require(result.trials.first)
            #expect(
                trial.outcome == .dockerFailed && trial.cause == "address_pool_exhausted", "\(trial.reason ?? "")")
            #expect(trial.reason?.contains("no subnet is free for a closed network") == true)
            #expect(trial.cost == .zero)
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `a trial behind the gateway waits for an engine that is away when it is to get its network`()
        async throws
    {
        try await withBench { bench, engine in
            let told = Told()
            let field = bench.field(["a": "true"], told: told) { plan in
                plan.passesBaseURL = false
                plan.access = .shut("a network, and no gateway")
            }
            try await engine.end(with: SIGKILL)
            async let running = bench.run(field)
            #expect(await eventually { told.warnings.contains { $0.contains("a: the Docker engine is away") } })
            try await engine.start()
            let trial = try #require(try await running.trials.first)
            // It came as far as to its gateway.
            #expect(trial.outcome == .harnessFailed, "\(trial.reason ?? "")")
            #expect(trial.reason?.contains("a network, and no gateway") == true, "\(trial.reason ?? "")")
            let types = try bench.events(field.directory.id, "a").map(\.type)
            #expect(types.contains("engine_lost") && types.contains("engine_back"))
            try await bench.expectNothingLeft(of: field.directory.id)
        }
    }

    @Test func `an engine whose disk is full fails the trials that begin then, and leaves nothing of them`()
        async throws
    {
        try await withBench(disk: "500m") { bench, engine in
            let told = Told()
            let field = bench.field(["first": "echo up; sleep 8", "second": "true"], told: told) { plan in
                plan.passesBaseURL = false
                plan.experiment.concurrency = 1
            }
            async let running = bench.run(field)
            #expect(await eventually { told.has("running first") })
            let fill = "\(engine.data)/fill"
            // What the first gives back is taken at once.
            let filler = Process()
            filler.executableURL = URL(fileURLWithPath: "/bin/bash")
            filler.arguments = [
                "-c", "while :; do dd if=/dev/zero bs=4k >> \"$0\" 2> /dev/null; sleep 0.02; done", fill,
            ]
            try filler.run()
            #expect(await eventually(within: .seconds(60)) { told.has("finished second") })
            // It has the signals blocked that the test's process has.
            kill(filler.processIdentifier, SIGKILL)
            filler.waitUntilExit()
            try FileManager.default.removeItem(atPath: fill)
            let result = try await running
            #expect(result.trials[0].outcome == .completed, "\(result.trials[0].reason ?? "")")
            #expect(
                result.trials[1].outcome == .dockerFailed && result.trials[1].cause == "disk_full",
                "\(result.trials[1].reason ?? "")")
            #expect(result.trials[1].reason?.contains("docker system df") == true)
            try await bench.expectNothingLeft(of: result.id)
        }
    }
}

extension ModelAccess {
    /// A gateway that no trial gets as far as to use.
    fileprivate static func shut(_ reason: String) -> ModelAccess {
        ModelAccess(
            tunnels: .closed,
            total: BudgetDoor(standing: { BudgetDoor.Standing(limit: nil, committed: .zero) }, set: { _ in false }),
            committed: { _ in .zero }, reckon: { _, _, _ in ModelAccess.Account(settled: .zero, held: .zero) },
            open: { _ in throw PreflightError(.failed, reason) })
    }
}
