import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

extension SimulatorOptions {
    /// Models that act by script, and figures that come almost at once.
    static var fates: SimulatorOptions {
        var options = SimulatorOptions()
        options.scenario = .fates
        options.usageDelay = .milliseconds(100)
        options.cancelledGenerationDelay = .milliseconds(300)
        return options
    }
}

/// The built command in a directory of its own, as its users meet it.
struct CommandBench: Sendable {
    let directory: String
    let environment: [String: String]
    let server: SimulatorServer

    static var executable: String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("preflight")
            .path
    }

    func run(_ arguments: [String], _ changes: [String: String] = [:], timeout: Duration = .seconds(120)) async throws
        -> ProcessResult
    {
        try await ProcessRunner().run(
            Self.executable, arguments, environment: environment.merging(changes) { $1 }, directory: directory,
            timeout: timeout)
    }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
    }

    /// Starts the command and leaves it running.
    func start(
        _ arguments: [String], executable: String = Self.executable, standardError: FileHandle? = nil
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let log = "\(directory)/log-\(UInt32.random(in: 0..<(.max)))"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardError = standardError ?? process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    var subKeys: [String] { server.keys.map(\.name).filter { $0.hasPrefix(Names.subKeyPrefix) } }

    /// Null while there is no such run yet.
    func status(_ run: String) async throws -> JSON {
        let result = try await self.run(["status", run, "--json"])
        return result.isSuccess ? try JSON.parse(result.stdout) : .null
    }

    /// What the engine has under the run's label.
    func left(of run: String) async throws -> String {
        let docker = Docker()
        let containers = try await docker.command(["ps", "-aq", "--filter", "label=preflight.run=\(run)"])
        return containers
            + (try await docker.command(["network", "ls", "-q", "--filter", "label=preflight.run=\(run)"]))
    }
}

extension ProcessResult {
    var everything: String { stdoutText + stderrText }
}

let hasAgentImage: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["docker", "image", "inspect", "preflight-agent:latest"]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}()

func withCommand<T>(_ options: SimulatorOptions = SimulatorOptions(), _ body: (CommandBench) async throws -> T)
    async throws -> T
{
    try await withTemporaryDirectory { directory in
        let bridge = hasAgentImage ? try await Docker().bridgeAddress() : nil
        return try await SimulatorServer.withServer(options, addresses: [.init(host: bridge ?? "127.0.0.1", port: 0)]) {
            server, bound in
            var environment = ProcessInfo.processInfo.environment.filter {
                ["PATH", "HOME", "DOCKER_HOST"].contains($0.key)
            }
            environment["OPENROUTER_BASE_URL"] = bound[0].baseURL
            environment["OR_ADMIN_KEY"] = SimulatorOptions.defaultManagementKey
            environment["OPENROUTER_API_KEY"] = SimulatorOptions.defaultOrdinaryKey
            return try await body(CommandBench(directory: directory, environment: environment, server: server))
        }
    }
}
