import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// A run's name is free until a run has begun under it.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct RunNameTests {
    @Test(arguments: ["gateway", "direct"])
    func `a run that was killed before the journal knew of it is begun again under its name`(access: String)
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            let envelope = access == "direct" ? ", envelope: night" : ""
            func write(total: String) throws {
                try bench.write(
                    "e.yaml",
                    CountingAgent.experiment(access, ["a": 5], budget: "{per_trial: 0.05, total: \(total)\(envelope)}"))
            }
            try write(total: "0.20")
            let run = CommandRun(bench, prefix: "killed")
            let arguments = ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--settle", "1s", "--json"]
            let killed = try await bench.run(arguments, ["PREFLIGHT_STRESS_KILL": "run-scope-made"])
            #expect(killed.exitCode == 128 + 9, "\(killed.everything)")
            #expect(Files.list(run.directory.path) == ["harness.lock"])
            let database = bench.directory + "/runs/preflight.sqlite"
            func scopes() async throws -> [LedgerReader.Scope] { try await LedgerReader(path: database).scopes() }
            #expect(try await scopes().contains { $0.scope.name == run.id })
            #expect(try await bench.run(["status", run.id]).exitCode == 64)

            // With another total, where the run has one of its own.
            if access == "gateway" { try write(total: "0.30") }
            let result = try await bench.run(arguments)
            #expect(result.exitCode == 0, "\(result.everything)")
            let total = access == "gateway" ? USD(cents: 30) : nil
            #expect(try await scopes().first { $0.scope.name == run.id }?.scope.limits.money.total == total)
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }

    @Test func `a run whose second is taken by another that begins gets a name of its own`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 0]))
            let runs = RunsDirectory(path: bench.directory + "/runs")
            try Files.createDirectory(runs.path)
            let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
            // Others that are about to begin, of whom no journal knows.
            let names = (0..<60).map { Names.runID(at: now + .seconds($0)) }
            let claims = try names.map { try RunClaim(runs.run($0)) }
            let result = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--settle", "1s", "--json"])
            #expect(result.exitCode == 0, "\(result.everything)")
            let id = try #require(try JSON.parse(result.stdout)["run"]?.string)
            #expect(!names.contains(id) && names.contains { id.hasPrefix($0 + "-") }, "\(id)")
            withExtendedLifetime(claims) {}
        }
    }

    @Test func `a scope that somebody else has made is not taken over, and no directory stays`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 5]))
            let made = try await bench.run(["budget", "set", "mine", "--limit", "5"])
            #expect(made.exitCode == 0, "\(made.everything)")
            for _ in 0..<2 {
                let refused = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--run-id", "mine"])
                #expect(
                    refused.exitCode == 64 && refused.stderrText.contains("the ledger has a scope mine already"),
                    "\(refused.everything)")
                #expect(!Files.exists(bench.directory + "/runs/mine"))
            }
        }
    }
}
