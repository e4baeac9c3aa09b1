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
        // Whoever takes a run up starts one, and an earlier one may still stand there.
        guard let lock = try? HarnessLock(path: directory.guardLockPath) else { return }
        defer { withExtendedLifetime(lock) {} }
        await RunGuard(directory: directory, docker: wiring.docker, world: wiring.world, grace: grace) { text in
            terminal.say("\(wiring.world.now().iso8601Seconds) \(text)")
        }.watch()
    }
}

extension GuardCommand {
    /// What starts one: it gets what finds the engine, and no key.
    static func starter(
        _ wiring: Wiring, orphanGrace: String?
    ) throws -> @Sendable (RunDirectory) throws -> Void {
        let executable = try DetachStage.executable()
        let environment = wiring.docker.environment
        return { directory in
            let grace = orphanGrace.map { ["--orphan-grace", $0] } ?? []
            _ = try BackgroundProgram(
                executable: executable, arguments: [name, directory.path] + grace, environment: environment,
                directory: directory.path, output: directory.guardLogPath
            ).start()
        }
    }
}
