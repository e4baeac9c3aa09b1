import Containers
import Foundation
import PreflightCore
import Store
import Synchronization

/// A Docker engine of the suite's own: other files, another socket, no rules in the machine's firewall.
final class StressEngine: Sendable {
    let directory: String
    private let executable: String
    private let process = Mutex<StressChild?>(nil)

    init(directory: String, executable: String) {
        self.directory = directory
        self.executable = executable
    }

    var host: String { "unix://\(directory)/docker.sock" }
    private var docker: Docker {
        var environment = ProcessInfo.processInfo.environment
        environment["DOCKER_HOST"] = host
        return Docker(environment: environment)
    }

    /// Made by hand: an engine that is told to have none takes away the one of the engine in use.
    private static let bridge = "pf-stress0"

    private func makeBridge() async throws {
        let runner = ProcessRunner()
        guard try await !runner.run("ip", ["link", "show", Self.bridge]).isSuccess else { return }
        for arguments in [
            ["link", "add", Self.bridge, "type", "bridge"], ["addr", "add", "10.228.0.1/24", "dev", Self.bridge],
            ["link", "set", Self.bridge, "up"],
        ] {
            let result = try await runner.run("ip", arguments)
            guard result.isSuccess else {
                throw PreflightError(.failed, "ip \(arguments.joined(separator: " ")): \(result.stderrText)")
            }
        }
    }

    func start() async throws {
        try await makeBridge()
        try Files.createDirectory(directory)
        Files.remove("\(directory)/docker.pid")
        Files.remove("\(directory)/exec/containerd/containerd.pid")
        let child = StressChild(
            process: try BackgroundProgram(
                executable: executable,
                arguments: [
                    "--data-root", "\(directory)/data", "--exec-root", "\(directory)/exec", "--host", host,
                    "--pidfile", "\(directory)/docker.pid", "--bridge", Self.bridge, "--iptables=false",
                    // Away from the networks of the engine in use.
                    "--default-address-pool", "base=10.229.0.0/16,size=24",
                ], environment: ProcessInfo.processInfo.environment, directory: directory,
                output: "\(directory)/engine.log"
            ).start())
        process.withLock { $0 = child }
        let docker = docker
        let answers = await eventually(within: .seconds(40)) { (try? await docker.engine()) != nil || !child.isRunning }
        guard answers, child.isRunning else {
            throw PreflightError(.failed, "dockerd does not answer; see \(directory)/engine.log")
        }
    }

    /// Brings an image over from another engine.
    func load(_ image: String, from other: Docker) async throws {
        let file = "\(directory)/image.tar"
        try await other.command(["save", "--output", file, image], timeout: .seconds(120))
        try await docker.command(["load", "--input", file], timeout: .seconds(120))
        Files.remove(file)
    }

    func crash() async { await process.withLock { $0 }?.crash() }

    /// Ends it and what it started, and takes its files away.
    func end() async {
        let docker = docker
        if let names = try? await docker.command(["ps", "-aq"]), !names.isEmpty {
            _ = try? await docker.command(["rm", "-f"] + names.split(separator: "\n").map(String.init))
        }
        let child = process.withLock { $0 }
        child?.signal(SIGTERM)
        if await child?.ended(within: .seconds(20)) == nil { await child?.crash() }
        _ = try? await ProcessRunner().run("ip", ["link", "delete", Self.bridge])
        try? FileManager.default.removeItem(atPath: directory)
    }
}
