import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// A run whose ledger another start of the system finds.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct PowerCutResumeTests {
    @Test func `after a power cut status and verify count what the ledger may have lost, and write nothing`()
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 200]))
            let run = CommandRun(bench, prefix: "cut")
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 12 })
            run.kill(process)
            let path = bench.directory + "/runs/preflight.sqlite"
            func rest() async throws -> (USD, USD) {
                let trial = try #require(try await bench.status(run.id)["trials"]?[0])
                return (trial["cost_usd"]?.usd() ?? .zero, trial["unknown_up_to_usd"]?.usd() ?? .zero)
            }
            let before = try await rest()
            // The same file as another start of the system finds it.
            let reader = try LedgerReader(path: path)
            try await reader.execute("UPDATE session SET boot = 'another' WHERE ended_us IS NULL")
            let lost = try await reader.lostCovers()
            #expect(lost.map(\.scopeName) == ["\(run.id)/a"])
            let amount = lost.reduce(USD.zero) { $0 + $1.amount }
            #expect(amount > .zero)
            let after = try await rest()
            #expect(after.0 == before.0 && after.1 == before.1 + amount)
            let verified = try await bench.run(["verify", run.id])
            #expect(verified.exitCode == 0, "\(verified.everything)")
            #expect(
                verified.stdoutText.contains("a power cut may have taken calls of up to \(amount)"),
                "\(verified.everything)")
            let shown = try await bench.run(["budget", "show", run.id, "--json"])
            #expect(try JSON.parse(shown.stdout)["held"]?.usd() ?? .zero >= amount, "\(shown.everything)")
            #expect(try await reader.lostCovers() == lost, "nobody has written")

            let result = try await run.resume(environment: ["COUNT_a": "200"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(try await reader.lostCovers().isEmpty)
            #expect(try run.numbers("a") == Array(0..<200))
            #expect(try await bench.run(["verify", run.id]).exitCode == 0)
        }
    }
}
