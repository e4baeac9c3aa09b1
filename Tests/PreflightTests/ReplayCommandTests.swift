import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ReplayCommandTests {
    @Test func `the exit status says that a log is not what was written, also where numbers are tuned`() async throws {
        try await withCommand { bench in
            let name = "quickstart-20261128-190155"
            let run = RunDirectory(path: "\(bench.directory)/runs/\(name)", id: name)
            try FileManager.default.createDirectory(
                atPath: "\(bench.directory)/runs", withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: TestData.directory.appendingPathComponent("runs/\(name)").path, toPath: run.path)
            for tune in [[], ["--tune"]] {
                let result = try await bench.run(["replay", name, "--eject", "loop: 4"] + tune)
                #expect(result.exitCode == 0, "\(result.everything)")
            }
            let path = run.trial("looper").eventsPath
            let log = try Files.read(path)
            let end = try #require(log.dropLast().lastIndex(of: UInt8(ascii: "\n")))
            try Files.replace(path, with: Array(log[...end]))
            for tune in [[], ["--tune"]] {
                let result = try await bench.run(["replay", name, "--eject", "loop: 4"] + tune)
                #expect(result.exitCode == 1, "\(result.everything)")
                #expect(tune.isEmpty || result.stdoutText.contains("their logs are damaged: looper"))
            }
        }
    }
}
