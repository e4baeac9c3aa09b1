import Containers
import Foundation
import TestSupport
import Testing

/// A Docker engine of a test's own, with interfaces of its own: it can be killed without harm to others.
final class SecondEngine: Sendable {
    let directory: String
    let keepsContainers: Bool
    /// What networks get addresses from that ask for none, as dockerd takes it.
    let addressPool: String
    /// The size of a disk of its own for all its data, as tmpfs takes it; nil for the machine's.
    let disk: String?
    var data: String { "\(directory)/data" }
    var docker: Docker {
        Docker(
            environment: ProcessInfo.processInfo.environment.merging(["DOCKER_HOST": "unix://\(directory)/docker.sock"])
            {
                $1
            })
    }

    private init(directory: String, keepsContainers: Bool, addressPool: String, disk: String?) {
        self.directory = directory
        self.keepsContainers = keepsContainers
        self.addressPool = addressPool
        self.disk = disk
    }

    static func with(
        keepsContainers: Bool = false, addressPool: String = "base=10.213.0.0/16,size=24", disk: String? = nil,
        _ body: (SecondEngine) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            // A socket's path is short.
            let engine = SecondEngine(
                directory: directory, keepsContainers: keepsContainers, addressPool: addressPool, disk: disk)
            let result: Result<Void, any Error>
            do {
                try await engine.mountDisk()
                try await engine.start()
                try await engine.load()
                try await body(engine)
                result = .success(())
            } catch { result = .failure(error) }
            await engine.end()
            try result.get()
        }
    }

    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setsid", "unshare", "--net", "dockerd", "--host", "unix://\(directory)/docker.sock", "--data-root",
            data,
            "--exec-root", "\(directory)/exec", "--pidfile", "\(directory)/docker.pid", "--bridge=none",
            "--iptables=false", "--ip6tables=false", "--live-restore=\(keepsContainers)",
            "--default-address-pool", addressPool,
        ]
        let log = "\(directory)/log"
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardError = process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let isUp = await eventually(within: .seconds(60)) { (try? await docker.engine()) != nil }
        try #require(isUp, "no second engine: \((try? String(contentsOfFile: log, encoding: .utf8).suffix(500)) ?? "")")
    }

    private func mountDisk() async throws {
        guard let disk else { return }
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let mounted = try await ProcessRunner().run("mount", ["-t", "tmpfs", "-o", "size=\(disk)", "tmpfs", data])
        try #require(mounted.isSuccess, "\(mounted.stderrText)")
    }

    private func load() async throws {
        let archive = "\(directory)/image.tar"
        try await Docker().command(["save", "--output", archive, Bench.image])
        try await docker.command(["load", "--input", archive], timeout: .seconds(60))
    }

    private var pid: pid_t? {
        (try? String(contentsOfFile: "\(directory)/docker.pid", encoding: .utf8)).flatMap { pid_t($0) }
    }

    /// Returns once no engine answers any more.
    func end(with signal: CInt) async throws {
        let pid = try #require(pid)
        kill(pid, signal)
        #expect(await eventually(within: .seconds(30)) { kill(pid, 0) != 0 })
        // A killed engine leaves this behind, and another process may get the number.
        for name in ["docker.pid", "exec/containerd/containerd.pid"] where signal == SIGKILL || name == "docker.pid" {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }

    private func end() async {
        if pid == nil { try? await start() }
        if let ids = try? await docker.command(["ps", "--all", "--quiet"]), !ids.isEmpty {
            _ = try? await docker.command(["rm", "--force"] + ids.split(separator: "\n").map(String.init))
        }
        _ = try? await docker.command(["network", "prune", "--force"])
        let containerd = "\(directory)/exec/containerd/containerd.pid"
        let helper = (try? String(contentsOfFile: containerd, encoding: .utf8)).flatMap { pid_t($0) }
        try? await end(with: SIGTERM)
        if let helper { kill(helper, SIGTERM) }
        for path in ["data/overlay2", "exec/netns/default", "data"] {
            _ = try? await ProcessRunner().run("umount", ["--lazy", "\(directory)/\(path)"], environment: [:])
        }
    }
}

let hasOwnEngine =
    hasDocker && geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/sbin/dockerd")
