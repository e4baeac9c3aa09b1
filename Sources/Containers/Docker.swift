import Foundation
package import PreflightCore

/// The docker command, typed.
package struct Docker: Sendable {
    let executable: String
    let runner: ProcessRunner
    /// What the command inherits: what finds and reaches the engine, and none of our keys.
    package let environment: [String: String]

    package init(
        executable: String = "docker", environment: [String: String] = ProcessInfo.processInfo.environment,
        runner: ProcessRunner = ProcessRunner()
    ) {
        self.executable = executable
        self.runner = runner
        self.environment = environment.filter { RunSpecification.steersDocker($0.key) }
    }

    /// Runs one docker command and gives its output; any other exit than 0 is a failure with a cause.
    @discardableResult
    package func command(_ arguments: [String], timeout: Duration = .seconds(30)) async throws -> String {
        let result: ProcessResult
        do {
            result = try await runner.run(executable, arguments, environment: environment, timeout: timeout)
        } catch let failure as ProcessRunner.Failure {
            throw Self.translate(failure, arguments)
        }
        guard result.isSuccess else { throw DockerFailure.classify(stderr: result.stderrText) }
        return result.stdoutText.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static func translate(_ failure: ProcessRunner.Failure, _ arguments: [String]) -> DockerFailure {
        let name = "docker \(arguments.first ?? "")"
        return switch failure {
        case .notFound: DockerFailure(kind: .notInstalled, message: "there is no docker command on the PATH")
        case .timedOut(let limit):
            DockerFailure(kind: .timedOut, message: "\(name) did not answer within \(limit.shortText)")
        case .failed(let text): DockerFailure(kind: .other, message: "\(name): \(text)")
        }
    }

    private func json(_ arguments: [String], timeout: Duration = .seconds(30)) async throws -> JSON {
        let text = try await command(arguments, timeout: timeout)
        guard let json = try? JSON.parse(text) else {
            throw DockerFailure(kind: .other, message: "docker \(arguments.first ?? ""): unreadable answer")
        }
        return json
    }
}

// MARK: Engine and images

package struct EngineInfo: Sendable, Equatable {
    package var version: String
    package var system: String
    package var processors: Int
    package var memory: Int
    package var rootDirectory: String
}

package struct ImageInfo: Sendable, Equatable {
    /// `sha256:…`: what pins the image.
    package var id: String
    package var repoDigests: [String]
    package var created: String
    package var size: Int
    package var architecture: String
}

extension Docker {
    package func engine() async throws -> EngineInfo {
        // `docker info` exits 0 in some versions even when the engine is away, with the error inside.
        let info = try await json(["info", "--format", "{{json .}}"], timeout: .seconds(15))
        if let error = info["ServerErrors"]?[0]?.string { throw DockerFailure.classify(stderr: error) }
        guard let version = info["ServerVersion"]?.string, !version.isEmpty else {
            throw DockerFailure(kind: .engineUnreachable, message: "the Docker engine gives no version")
        }
        return EngineInfo(
            version: version, system: info["OperatingSystem"]?.string ?? "unknown",
            processors: info["NCPU"]?.int ?? 0, memory: info["MemTotal"]?.int ?? 0,
            rootDirectory: info["DockerRootDir"]?.string ?? "/var/lib/docker")
    }

    package func image(_ name: String) async throws -> ImageInfo {
        let image = try await json(["image", "inspect", "--format", "{{json .}}", "--", name])
        guard let id = image["Id"]?.string else {
            throw DockerFailure(kind: .other, message: "docker image inspect: no id for \(name)")
        }
        return ImageInfo(
            id: id, repoDigests: image["RepoDigests"]?.array?.compactMap(\.string) ?? [],
            created: image["Created"]?.string ?? "", size: image["Size"]?.int ?? 0,
            architecture: image["Architecture"]?.string ?? "")
    }

    /// Builds a directory's Dockerfile. May take minutes.
    package func build(directory: String, tag: String) async throws {
        try await command(["build", "--quiet", "--tag", tag, directory], timeout: .seconds(1800))
    }

    /// The host's address on Docker's default bridge; nil where none can be told.
    package func bridgeAddress() async throws -> String? {
        let text = try await command([
            "network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}}|{{.Subnet}} {{end}}", "bridge",
        ])
        guard let first = text.split(separator: " ").first else { return nil }
        let fields = first.split(separator: "|", omittingEmptySubsequences: false)
        if let gateway = fields.first, !gateway.isEmpty { return String(gateway) }
        // Before its first container the engine names only the subnet; the host takes the first address of it.
        guard fields.count == 2, let base = fields[1].split(separator: "/").first, base.hasSuffix(".0") else {
            return nil
        }
        return base.dropLast() + "1"
    }
}

// MARK: Containers and networks

package struct ContainerInfo: Sendable, Equatable {
    package var id: String
    package var name: String
    package var isRunning: Bool
    /// Whether it has ever run.
    package var hasStarted: Bool
    /// Made, and not started yet.
    package var isCreated: Bool
    /// Somebody has asked for its removal.
    package var isBeingRemoved: Bool
    package var exitCode: Int
    package var isOutOfMemory: Bool
    /// The engine's own words when it could not start the container.
    package var error: String
    /// `healthy`, `unhealthy`, `starting`; nil without a health check.
    package var health: String?
    package var labels: [String: String]
    /// What the program was given. Holds keys.
    package var environment: [String: Secret] = [:]
    package var networks: [String] = []
    /// When it ended; nil while it has not.
    package var finishedAt: Timestamp?
    /// What it runs first, as the image or its arguments name it.
    package var program = ""
}

extension Docker {
    package func container(_ name: String, timeout: Duration = .seconds(15)) async throws -> ContainerInfo {
        let data = try await json(["container", "inspect", "--format", "{{json .}}", "--", name], timeout: timeout)
        return ContainerInfo(
            id: data["Id"]?.string ?? "", name: String((data["Name"]?.string ?? name).drop { $0 == "/" }),
            isRunning: data["State"]?["Running"]?.bool ?? false,
            hasStarted: !(data["State"]?["StartedAt"]?.string ?? "0001").hasPrefix("0001"),
            isCreated: data["State"]?["Status"]?.string == "created",
            isBeingRemoved: ["removing", "dead"].contains(data["State"]?["Status"]?.string),
            exitCode: data["State"]?["ExitCode"]?.int ?? -1,
            isOutOfMemory: data["State"]?["OOMKilled"]?.bool ?? false,
            error: data["State"]?["Error"]?.string ?? "",
            health: data["State"]?["Health"]?["Status"]?.string,
            labels: Dictionary(
                (data["Config"]?["Labels"]?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") },
                uniquingKeysWith: { $1 }),
            environment: Self.environment(data["Config"]?["Env"]?.array ?? []),
            networks: (data["NetworkSettings"]?["Networks"]?.object?.members ?? []).map(\.key),
            finishedAt: data["State"]?["FinishedAt"]?.string.flatMap {
                $0.hasPrefix("0001") ? nil : Timestamp(iso8601: $0)
            }, program: data["Path"]?.string ?? "")
    }

    private static func environment(_ lines: [JSON]) -> [String: Secret] {
        lines.reduce(into: [:]) { values, line in
            let parts = (line.string ?? "").split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = Secret(String(parts[1])) }
        }
    }

    /// Asks the program to end, and kills it after the grace.
    package func stop(_ name: String, grace: Duration) async throws {
        try await command(
            ["stop", "-t", String(max(0, grace.wholeSeconds)), "--", name], timeout: grace + .seconds(15))
    }

    package func kill(_ name: String) async throws { try await command(["kill", "--", name]) }

    /// Removes the container, running or not; that it is already gone counts as done.
    package func remove(_ name: String) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do {
                try await command(["rm", "--force", "--volumes", "--", name], timeout: .seconds(60))
                return
            } catch let failure as DockerFailure {
                if failure.kind == .noSuchObject { return }
                // Somebody else removes it at the same time.
                guard failure.message.contains("already in progress"), ContinuousClock.now < deadline else {
                    throw failure
                }
            }
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    /// Removes a container that was made and never started. False where it has started meanwhile: then it stays.
    package func removeUnstarted(_ name: String) async throws -> Bool {
        do {
            // Unforced: between a look and a forced removal it could have started.
            try await command(["rm", "--volumes", "--", name], timeout: .seconds(60))
            return true
        } catch let failure as DockerFailure {
            if failure.kind == .noSuchObject { return true }
            do { if try await container(name).hasStarted { return false } } catch let failure as DockerFailure
                where failure.kind == .noSuchObject
            { return true }
            throw failure
        }
    }

    /// Names and labels of all containers that carry a label, running or not.
    package func containers(label: String) async throws -> [ContainerInfo] {
        let names = try await command(["ps", "--all", "--filter", "label=\(label)", "--format", "{{.Names}}"])
        var found: [ContainerInfo] = []
        for name in names.split(separator: "\n") {
            do { found.append(try await container(String(name))) } catch let failure as DockerFailure
                where failure.kind == .noSuchObject
            {}
        }
        return found
    }

    /// - Parameter closed: No way out of it: only this machine's address on it can be reached, at `closed.host`.
    package func createNetwork(
        _ name: String, labels: [Experiment.Variable], closed: ClosedSubnet? = nil
    ) async throws {
        // Trials of a run must not reach one another.
        var arguments = ["network", "create", "--opt", "com.docker.network.bridge.enable_icc=false"]
        if let closed {
            arguments += [
                "--internal", "--subnet", closed.text, "--gateway", closed.host, "--aux-address",
                "DefaultGatewayIPv4=\(closed.nowhere)",
            ]
        }
        for label in labels { arguments += ["--label", "\(label.name)=\(label.value)"] }
        try await command(arguments + [name])
    }

    package func removeNetwork(_ name: String) async throws {
        do { try await command(["network", "rm", name]) } catch let failure as DockerFailure
            where failure.kind == .noSuchObject
        {}
    }

    /// Networks that carry a label, with their labels.
    package func networks(label: String) async throws -> [(name: String, labels: [String: String])] {
        let names = try await command(["network", "ls", "--filter", "label=\(label)", "--format", "{{.Name}}"])
        var found: [(String, [String: String])] = []
        for name in names.split(separator: "\n").map(String.init) {
            do {
                let labels = try await json(["network", "inspect", "--format", "{{json .Labels}}", name])
                found.append(
                    (name, Dictionary((labels.object?.members ?? []).map { ($0.key, $0.value.string ?? "") }) { $1 }))
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {}
        }
        return found
    }
}
