import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// A harness that stands still for longer than its lease, as after a machine's sleep, and then goes on.
@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct SuspensionTests {
    @Test func `a harness that slept goes on where it was: nothing is overspent, doubled, or left`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            // It stands still for longer than this.
            let patience = "\neject: [{idle: 20s}]\n"
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 120, "b": 120]) + patience)
            let run = CommandRun(bench, prefix: "asleep")
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 && run.count("b") >= 8 })
            kill(process.processIdentifier, SIGSTOP)
            func calls() -> Int { bench.server.calls.count { $0.path.hasSuffix("/chat/completions") } }
            let before = calls()
            let journal = try Journal(path: bench.directory + "/runs/preflight.sqlite")
            func silence() async throws -> Duration? {
                try await journal.run(run.id)?.silence(at: SimulatorServer.systemTime())
            }
            let isLapsed = try await eventually(within: .seconds(90)) {
                try await silence() ?? .zero > Journal.leaseLength + .seconds(5)
            }
            #expect(isLapsed)
            // It holds its lock: nobody takes it for dead, and nothing of it is swept.
            let status = try await bench.status(run.id)
            #expect(status["alive"]?.bool == true)
            let sweep = try await bench.run(["sweep", run.id])
            #expect(!sweep.stdoutText.contains("removed"), "\(sweep.everything)")
            let resume = try await run.resume()
            #expect(resume.exitCode == 3 && resume.stderrText.contains("is running"), "\(resume.everything)")
            for trial in ["a", "b"] { #expect(try await !run.container(trial).isEmpty, "\(trial)") }
            // Nothing gets through to the provider meanwhile.
            #expect(calls() - before <= 2, "what was under way")

            kill(process.processIdentifier, SIGCONT)
            #expect(await eventually(within: .seconds(120)) { !process.isRunning })
            #expect(process.terminationStatus == 0)
            let log = try #require(
                Files.list(bench.directory).first { $0.hasPrefix("log-") }.map { "\(bench.directory)/\($0)" })
            let words = String(decoding: try Files.read(log), as: UTF8.self)
            #expect(words.contains("this process stood still; nobody heard of it for"), "\(words)")
            for trial in ["a", "b"] {
                #expect(try run.numbers(trial) == Array(0..<120), "\(trial)")
                #expect(try run.events(trial).filter { $0.type == "container_started" }.count == 1)
                #expect(try run.events(trial).contains { $0.type == TrialState.watchGap })
            }
            let receipt = try JSON.parse(try Files.read(run.directory.summaryPath))
            #expect(receipt["trials"]?.array?.compactMap { $0["outcome"]?.string } == ["completed", "completed"])
            try await run.expectWhole(receipt)
        }
    }
}
