import Containers
import Foundation
import TestSupport
import Testing

/// The field of `scripts/twenty`, with the command that is built already.
@Suite(.timeLimit(.minutes(6)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct TwentyTests {
    @Test func `of twenty trials with known fates the hopeless are stopped and no other, and a replay says the same`()
        async throws
    {
        let result = try await ProcessRunner().run(
            TestData.package.appendingPathComponent("scripts/twenty").path, [],
            environment: ProcessInfo.processInfo.environment.merging([
                "PREFLIGHT_COMMAND": CommandBench.executable
            ]) { $1 }, timeout: .seconds(300))
        #expect(result.exitCode == 0, "\(result.everything)")
        let text = result.stdoutText
        #expect(text.contains("hopeless stopped 11 of 11, promising stopped 0 of 9, saved $"), "\(text)")
        #expect(text.contains("11 of them stops, all equal to the live ones"), "\(text)")
        // Each line of the table by itself, whatever the script makes of them.
        let rows = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        let hopeless = rows.filter { $0.count > 7 && $0[1] == "hopeless" }
        let promising = rows.filter { $0.count > 6 && $0[1] == "promising" }
        #expect(hopeless.count == 11 && hopeless.allSatisfy { $0[2] == "ejected" && $0[4].hasSuffix("s") })
        #expect(promising.count == 9 && promising.allSatisfy { $0[2] == "completed" && $0[3] == "-" })
        #expect(Set(hopeless.map { $0[3] }).count >= 7, "each for a reason of its own")
    }
}
