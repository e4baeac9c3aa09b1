import ArgumentParser
import Containers
import Foundation
import Harness
import PreflightCore
import Store

/// Stands beside a run's harness; started by it. Not for people.
struct GuardCommand: AsyncParsableCommand {
    static let name = "guard"
    static let configuration = CommandConfiguration(
        commandName: name, abstract: "End a run's containers should its harness die.", shouldDisplay: false)

    @Argument(help: "The run's directory.")
    var directory: String

    @Option var orphanGrace: String?

    func run() async throws {
        let path = Files.absolute(directory)
        let directory = RunDirectory(path: path, id: (path as NSString).lastPathComponent)
        let wiring = try Wiring(runsDirectory: Files.parent(of: path))
        let grace = try orphanGrace.map { try RunOptions.duration($0, "--orphan-grace") }
        let terminal = Terminal.shared
        guard let lock = await Self.lock(directory, wiring) else { return }
        defer { withExtendedLifetime(lock) {} }
        await RunGuard(directory: directory, docker: wiring.docker, world: wiring.world, grace: grace) { text in
            terminal.say("\(wiring.world.now().iso8601Seconds) \(text)")
        }.watch()
    }

    /// Whoever takes a run up starts one, and an earlier one may still stand there: it goes on, or is just about to end.
    private static func lock(_ directory: RunDirectory, _ wiring: Wiring) async -> HarnessLock? {
        let deadline = wiring.world.uptime() + patience
        while true {
            if let lock = try? HarnessLock(path: directory.guardLockPath) { return lock }
            guard wiring.world.uptime() < deadline else { return nil }
            try? await wiring.world.clock.sleep(for: .milliseconds(200))
        }
    }

    private static let patience = Duration.seconds(20)
}

extension GuardCommand {
    /// What starts one: it gets what finds the engine, and no key.
    static func starter(
        _ wiring: Wiring, orphanGrace: String?
    ) throws -> @Sendable (RunDirectory) throws -> Void {
        let executable = try DetachStage.executable()
        let environment = wiring.docker.environment
        return { directory in
            // For whoever stands there already. A full disk, which keeps the earlier word, is to keep no guard from standing.
            try? Files.replace(directory.guardGracePath, with: orphanGrace ?? "")
            let grace = orphanGrace.map { ["--orphan-grace", $0] } ?? []
            _ = try BackgroundProgram(
                executable: executable, arguments: [name, directory.path] + grace, environment: environment,
                directory: directory.path, output: directory.guardLogPath
            ).start()
        }
    }
}
