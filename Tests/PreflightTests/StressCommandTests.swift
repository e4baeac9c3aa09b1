import Containers
import Foundation
import PreflightCore
import Testing

@testable import Preflight

/// The suite as its users start it; `preflight stress` in `.ci/run` does more of it.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct StressCommandTests {
    @Test func `a fault that there is not is refused before anything is made`() async throws {
        try await withCommand { bench in
            let result = try await bench.run(["stress", "--only", "kill-harnes"])
            #expect(result.exitCode == 64 && result.stderrText.contains("kill-harness"), "\(result.everything)")
            let step = try await bench.run(["status"], [StressKill.variable: "nowhere:1"])
            #expect(step.exitCode == 64 && step.stderrText.contains("there is no such step"), "\(step.everything)")
        }
    }

    @Test(.enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
    func `a harness that is killed at the worst steps keeps every promise when it is resumed`() async throws {
        try await withCommand { bench in
            let steps = [MarkedStep.subKeyMade, .networkIntended, .containerRemoved, .callSent]
            let result = try await bench.run(
                ["stress", "--seed", "5", "--json"] + steps.flatMap { ["--only", "kill-at:\($0.rawValue)"] },
                ["TMPDIR": bench.directory], timeout: .seconds(280))
            let json = try JSON.parse(result.stdout)
            #expect(result.exitCode == 0 && json["well"]?.bool == true, "\(result.everything)")
            let faults = json["faults"]?.array ?? []
            #expect(faults.count == steps.count && faults.allSatisfy { $0["injected"]?.int ?? 0 > 0 })
            // What it made is gone, the directory too.
            let left = try FileManager.default.contentsOfDirectory(atPath: bench.directory)
            #expect(!left.contains { $0.hasPrefix("preflight-stress") }, "\(left)")
        }
    }
}
