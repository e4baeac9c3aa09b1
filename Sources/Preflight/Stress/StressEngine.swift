import Containers
import Foundation
import PreflightCore
import Store
import Synchronization

/// A Docker engine of the suite's own: with other files, another socket, and a network namespace. In the machine's own
/// namespace it would take away bridges of the engine in use.
final class StressEngine: Sendable {
    let directory: String
    private let namespace: String
    private let process = Mutex<StressChild?>(nil)

    init(directory: String, name: String) {
        self.directory = directory
        namespace = name
    }

    var host: String { "unix://\(directory)/docker.sock" }
    /// What starts a program where the engine's networks are.
    var prefix: [String] { ["nsenter", "--net=/run/netns/\(namespace)"] }

    private var docker: Docker {
        var environment = ProcessInfo.processInfo.environment
        environment["DOCKER_HOST"] = host
        return Docker(environment: environment)
    }

    /// The namespace, with a way to this machine.
    func makeNamespace() async throws {
        try await ip("netns", "add", namespace)
        try await ip("-n", namespace, "link", "set", "lo", "up")
        try await ip("link", "add", "pf-stress0", "type", "veth", "peer", "name", "pf-stress1", "netns", namespace)
        try await ip("addr", "add", "10.228.0.1/30", "dev", "pf-stress0")
        try await ip("link", "set", "pf-stress0", "up")
        try await ip("-n", namespace, "addr", "add", "10.228.0.2/30", "dev", "pf-stress1")
        try await ip("-n", namespace, "link", "set", "pf-stress1", "up")
        try await ip("-n", namespace, "route", "add", "default", "via", "10.228.0.1")
    }

    private func ip(_ arguments: String...) async throws {
        let result = try await ProcessRunner().run("ip", arguments)
        guard result.isSuccess else {
            throw PreflightError(.failed, "ip \(arguments.joined(separator: " ")): \(result.stderrText)")
        }
    }

    func start() async throws {
        try Files.createDirectory(directory)
        Files.remove("\(directory)/docker.pid")
        Files.remove("\(directory)/exec/containerd/containerd.pid")
        let child = StressChild(
            process: try BackgroundProgram(
                executable: "nsenter",
                arguments: prefix.dropFirst() + [
                    "dockerd", "--data-root", "\(directory)/data", "--exec-root", "\(directory)/exec", "--host", host,
                    "--pidfile", "\(directory)/docker.pid",
                    // Not what this machine's own addresses are likely to be.
                    "--bip", "10.227.0.1/24", "--default-address-pool", "base=10.229.0.0/16,size=24",
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
        _ = try? await ProcessRunner().run("ip", ["netns", "delete", namespace])
        // An engine mounts its files on themselves, and one that was killed leaves them so.
        _ = try? await ProcessRunner().run("umount", ["--lazy", "--quiet", "\(directory)/data"])
        try? FileManager.default.removeItem(atPath: directory)
    }
}
