import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

/// The board of a run that is carried out in front of a person.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct BoardRunTests {
    private static let silentModel = "deepseek/deepseek-chat-v3.1"

    private func terminal(_ bench: CommandBench, _ run: String, _ more: [String] = []) throws -> PseudoTerminal {
        try PseudoTerminal(
            [
                CommandBench.executable, "run", "--model", "\(Self.silentModel)=silent", "--image", "preflight-agent",
                "--budget", "0.05", "--prompt", "Wait.", "--skip-check", "--settle", "1s", "--run-id", run,
                "--runs-dir", bench.directory + "/runs",
            ] + more, environment: bench.environment.merging(["TERM": "xterm"]) { $1 })
    }

    @Test func `a run shows its board, ends gracefully for Ctrl-C, and tells on it and below it what was said`()
        async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            let terminal = try terminal(bench, "front")
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("silent") && $0.contains(" running ") } })
            #expect(terminal.screen.isAlternate && terminal.screen.lines[0].hasPrefix("front  "))
            #expect(terminal.screen.scrollback.contains("front: 1 trial, record in "))
            terminal.type("\u{3}")
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("stopping: what was begun is ended") } })
            #expect(await terminal.end(seconds: 60) == 130)
            #expect(!terminal.screen.isAlternate && !terminal.isRaw)
            let said = terminal.screen.scrollback
            let last = try #require(said.range(of: "stopping: what was begun is ended"))
            #expect(said[last.upperBound...].contains("silent  cancelled"))
            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: "front") == "")
        }
    }

    @Test func `q shows lines and the run goes on; plain shows nothing else from the start`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            let terminal = try terminal(bench, "quit")
            #expect(await terminal.wait { $0.lines.contains { $0.hasPrefix("silent") && $0.contains(" running ") } })
            terminal.type("q")
            #expect(await terminal.wait { !$0.isAlternate })
            #expect(!terminal.isRaw)
            #expect(try await bench.status("quit")["trials"]?[0]?["phase"]?.string == "running")
            kill(terminal.process, SIGTERM)
            #expect(await terminal.end(seconds: 60) == 143)
            #expect(terminal.screen.scrollback.contains("  silent: stopping, stopped by its owner"))

            let plain = try self.terminal(bench, "plain", ["--plain"])
            #expect(await plain.wait { $0.scrollback.contains("  silent: running") })
            #expect(!plain.written.contains(0x1B))
            kill(plain.process, SIGTERM)
            #expect(await plain.end(seconds: 60) == 143)
        }
    }
}
