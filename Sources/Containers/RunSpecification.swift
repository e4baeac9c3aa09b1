package import PreflightCore

/// Everything that decides how a container is started, as plain values.
package struct RunSpecification: Sendable, Equatable {
    package var name: String
    package var image: String
    package var labels: [Experiment.Variable] = []
    package var network: String?
    /// Names given to addresses inside the container, e.g. `host.docker.internal:host-gateway`.
    package var extraHosts: [String] = []
    /// Name servers in place of the engine's.
    package var dns: [String] = []
    package var mounts: [Mount] = []
    package var environment: [Experiment.Variable] = []
    /// In place of the image's own; nil for that.
    package var entrypoint: String?
    package var arguments: [String] = []
    package var memory: Int?
    package var cpus: String?
    package var pids: Int?
    package var capabilities: [String] = []
    package var stopGrace = Duration.seconds(2)
    /// Bytes of output that the engine itself keeps.
    package var engineLog = 64 << 20

    package init(name: String, image: String) {
        self.name = name
        self.image = image
    }

    /// The arguments of `docker`, from `run` on.
    ///
    /// Variables are named here and their values handed over in the environment of the docker command: they show
    /// neither in `ps` nor in a file. Only names that would steer that command itself carry their value.
    package var dockerArguments: [String] {
        var out = ["run", "--name", name, "--interactive", "--init", "--pull", "never"]
        for label in labels { out += ["--label", "\(label.name)=\(label.value)"] }
        if let entrypoint { out += ["--entrypoint", entrypoint] }
        if let network { out += ["--network", network] }
        for host in extraHosts { out += ["--add-host", host] }
        for server in dns { out += ["--dns", server] }
        out += ["--security-opt", "no-new-privileges", "--cap-drop", "ALL"]
        for capability in capabilities { out += ["--cap-add", capability] }
        if let memory { out += ["--memory", String(memory), "--memory-swap", String(memory)] }
        if let cpus { out += ["--cpus", cpus] }
        if let pids { out += ["--pids-limit", String(pids)] }
        out += ["--stop-timeout", String(max(1, stopGrace.wholeSeconds))]
        // Names the driver, since the size option is refused by others.
        out += ["--log-driver", "json-file", "--log-opt", "max-size=\(engineLog)", "--log-opt", "max-file=1"]
        for mount in mounts { out += Self.arguments(for: mount) }
        for variable in environment {
            out += ["--env", Self.steersDocker(variable.name) ? "\(variable.name)=\(variable.value)" : variable.name]
        }
        return out + [image] + arguments
    }

    /// What the docker command gets in its environment for the container.
    package var inheritedEnvironment: [String: String] {
        var values: [String: String] = [:]
        for variable in environment where !Self.steersDocker(variable.name) { values[variable.name] = variable.value }
        return values
    }

    static func steersDocker(_ name: String) -> Bool {
        steering.contains(name.uppercased())
    }

    /// What finds and reaches the engine, and steers the docker command and its runtime.
    private static let steering: Set<String> = [
        "PATH", "HOME", "TMPDIR", "TERM", "LANG", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
        "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH",
        "DOCKER_API_VERSION", "DOCKER_DEFAULT_PLATFORM", "DOCKER_BUILDKIT", "DOCKER_CLI_PLUGIN_EXTRA_DIRS",
        "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GODEBUG", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GOTRACEBACK",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    ]

    /// `--mount` for plain binds, because `-v` makes a missing source as an empty directory; `-v` where only it knows
    /// the option.
    private static func arguments(for mount: Mount) -> [String] {
        switch mount {
        case .docker(let text): return ["--mount", text]
        case .bind(let source, let target, let options):
            if options.contains(where: { !["ro", "rw"].contains($0) }) { return ["--volume", mount.text] }
            let fields =
                ["type=bind", "source=\(source)", "target=\(target)"] + (options.contains("ro") ? ["readonly"] : [])
            return ["--mount", fields.map(quoted).joined(separator: ",")]
        }
    }

    /// Docker reads the text as a line of CSV.
    private static func quoted(_ field: String) -> String {
        field.contains(",") || field.contains("\"")
            ? "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
            : field
    }
}
