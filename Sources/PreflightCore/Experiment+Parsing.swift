extension Experiment {
    package static let keys = [
        "name", "image", "build", "models", "repeat", "budget", "access", "upstreams", "calls", "network",
        "concurrency", "prompt", "mounts",
        "env",
        "args", "limits", "checks", "eject", "score",
    ]

    /// Reads an experiment file's tree. Throws with the place of the first thing that is wrong.
    package init(tree: JSON, isRecord: Bool = false) throws(PreflightError) {
        self.init()
        let members = try TreeReader(tree).object(keys: Self.keys)
        name = try members["name"]?.string()
        image = try members["image"]?.string()
        build = try members["build"]?.string()
        if let image = members["image"], members["build"] != nil {
            throw image.fail("give image or build, not both")
        }
        if let upstreams = members["upstreams"] {
            guard let named = upstreams.value.object else {
                throw upstreams.fail("expected NAME: {kind, url, key, prices} pairs")
            }
            self.upstreams = named
        }
        calls = try members["calls"]?.choice(Calls.self)
        for entry in try members["models"]?.array() ?? [] {
            models.append(try Entry(reader: entry, upstreams: upstreams.keys))
        }
        repetitions = try members["repeat"]?.int() ?? repetitions
        if let budget = members["budget"] { self.budget = try Budget(reader: budget) }
        access = try members["access"]?.choice(Access.self) ?? access
        if let network = members["network"] { self.network = try TunnelPolicy(reader: network) }
        concurrency = try members["concurrency"]?.int() ?? concurrency
        if let prompt = try members["prompt"]?.string() { self.prompt = Prompt(fileValue: prompt) }
        for reader in try members["mounts"]?.array() ?? [] {
            guard let mount = Mount(try reader.string()) else {
                throw reader.fail("expected host:container[:mode], or Docker's type=…,source=…,target=…")
            }
            mounts.append(mount)
        }
        if let env = members["env"] {
            self.env = try Self.variables(env)
            if !isRecord, let hidden = self.env.first(where: { $0.value == Self.hiddenValue }) {
                throw TreeReader(.null, path: "env.\(hidden.name)").fail(
                    "a run's record leaves values out",
                    hint: "write the value, or take the key out and give --env \(hidden.name)")
            }
        }
        arguments = try members["args"]?.strings() ?? arguments
        if let limits = members["limits"] { self.limits = try Limits(reader: limits) }
        if let checks = members["checks"] { self.checks = try Checks(reader: checks) }
        if let eject = members["eject"] { self.eject = try PolicyList(reader: eject) }
        if let score = members["score"] { self.score = try Scorer(reader: score) }
    }

    static func variables(_ reader: TreeReader) throws(PreflightError) -> [Variable] {
        guard let object = reader.value.object else { throw reader.fail("expected NAME: value pairs") }
        var variables: [Variable] = []
        for member in object.members {
            let value = TreeReader(member.value, path: "\(reader.path).\(member.key)")
            variables.append(Variable(name: member.key, value: member.value.isNull ? "" : try value.string()))
        }
        return variables
    }
}

extension Experiment.Entry {
    package static let keys = ["id", "upstream", "alias", "budget"]

    /// - Parameter upstreams: the names that there are.
    init(reader: TreeReader, upstreams: [String]) throws(PreflightError) {
        if reader.value.object == nil {
            self.init(id: try reader.string())
            return
        }
        let members = try reader.object(keys: Self.keys)
        guard let id = try members["id"]?.string() else { throw reader.fail("id is missing") }
        let upstream = try members["upstream"]?.string()
        if let upstream, !upstreams.contains(upstream) {
            throw (members["upstream"] ?? reader).fail(
                "there is no upstream '\(upstream)'",
                hint: NearestName.hint(upstream, among: upstreams)
                    ?? "name it under upstreams:, or leave it out for a model of OpenRouter")
        }
        self.init(
            id: id, alias: try members["alias"]?.string(), budget: try members["budget"]?.usd(), upstream: upstream)
    }
}

extension Experiment.Budget {
    init(reader: TreeReader) throws(PreflightError) {
        self.init()
        if reader.value.object == nil {
            perTrial = try reader.usd()
            return
        }
        let members = try reader.object(keys: ["per_trial", "total", "envelope", "file", "hold"])
        perTrial = try members["per_trial"]?.usd()
        total = try members["total"]?.usd()
        envelope = try members["envelope"]?.string()
        file = try members["file"]?.choice(BudgetFile.Mode.self) ?? file
        hold = try members["hold"]?.choice(BudgetLimits.Hold.self) ?? hold
    }
}

extension Experiment.Prompt {
    /// In an experiment file `TASK.md` means the file: one word that looks like a path, or anything after `@`.
    package init(fileValue text: String) {
        let looksLikePath =
            !text.contains(" ") && !text.contains("\n")
            && (text.contains("/") || text.hasSuffix(".md") || text.hasSuffix(".txt"))
        self = looksLikePath && !text.hasPrefix("@") ? .file(text) : Experiment.Prompt(flag: text)
    }
}

extension Experiment.Limits {
    init(reader: TreeReader) throws(PreflightError) {
        self.init()
        let members = try reader.object(keys: ["wall", "memory", "cpus", "pids", "log", "capabilities", "outage"])
        wall = try members["wall"]?.duration() ?? wall
        if let memory = members["memory"] {
            self.memory = memory.value.string == "none" ? nil : try memory.bytes()
            if let bytes = self.memory, bytes < 6 << 20 { throw memory.fail("a container needs at least 6m") }
        }
        if let cpus = members["cpus"] {
            let text = try cpus.string()
            guard text == "none" || (DecimalText.scaled(text.utf8, by: 3, roundingUp: true) ?? 0) > 0 else {
                throw cpus.fail("expected a number of processors, such as 1.5")
            }
            self.cpus = text == "none" ? nil : text
        }
        if let pids = members["pids"] {
            self.pids = pids.value.string == "none" ? nil : try pids.int()
            if let number = self.pids, number < 1 { throw pids.fail("expected at least 1, or none") }
        }
        if let log = members["log"] {
            self.log = try log.bytes()
            if self.log < 64 << 10 { throw log.fail("expected at least 64k") }
        }
        outage = try members["outage"]?.duration()
        capabilities = try members["capabilities"]?.strings() ?? capabilities
    }
}

extension Experiment.Checks {
    init(reader: TreeReader) throws(PreflightError) {
        self.init()
        let members = try reader.object(keys: [
            "require", "only", "skip", "custom", "http_health", "env_vars", "docker_health", "git_version",
        ])
        require = try members["require"]?.strings() ?? []
        only = try members["only"]?.strings() ?? []
        skip = try members["skip"]?.strings() ?? []
        envVars = try members["env_vars"]?.strings() ?? []
        dockerHealth = try members["docker_health"]?.strings() ?? []
        gitVersion = try members["git_version"]?.string()
        for reader in try members["custom"]?.array() ?? [] {
            let fields = try reader.object(keys: ["name", "command", "timeout"])
            guard let name = try fields["name"]?.string(), let command = try fields["command"]?.strings(),
                !command.isEmpty
            else { throw reader.fail("name and command are needed") }
            custom.append(
                .init(name: name, command: command, timeout: try fields["timeout"]?.duration() ?? .seconds(30)))
        }
        for reader in try members["http_health"]?.array() ?? [] {
            let fields = try reader.object(keys: [
                "name", "url", "fields", "minimum_version", "version_field", "timeout",
            ])
            guard let url = try fields["url"]?.string() else { throw reader.fail("url is needed") }
            var check = Experiment.HTTPHealth(name: try fields["name"]?.string() ?? url, url: url)
            if let expected = fields["fields"] { check.fields = try Experiment.variables(expected) }
            check.minimumVersion = try fields["minimum_version"]?.string()
            check.versionField = try fields["version_field"]?.string() ?? check.versionField
            check.timeout = try fields["timeout"]?.duration() ?? check.timeout
            httpHealth.append(check)
        }
    }
}

extension TunnelPolicy {
    private enum Mode: String, CaseIterable { case closed, open, allowlist }

    /// Reads `closed`, `open`, a list of hosts, or `{mode: …, allow: [HOST…]}`.
    package init(reader: TreeReader) throws(PreflightError) {
        if reader.value.array != nil {
            self = .allowlist(try Self.hosts(reader))
            return
        }
        guard reader.value.object != nil else {
            let mode = try reader.choice(Mode.self)
            guard mode != .allowlist else {
                throw reader.fail("an allowlist names its hosts", hint: "network: {mode: allowlist, allow: [pypi.org]}")
            }
            self = mode == .open ? .open : .closed
            return
        }
        let members = try reader.object(keys: ["mode", "allow"])
        let hosts = try members["allow"].map { (allow) throws(PreflightError) in try Self.hosts(allow) }
        let mode = try members["mode"]?.choice(Mode.self) ?? (hosts == nil ? .closed : .allowlist)
        switch (mode, hosts) {
        case (.allowlist, let hosts?): self = .allowlist(hosts)
        case (.allowlist, nil): throw reader.fail("an allowlist names its hosts", hint: "add allow: [pypi.org]")
        case (_, .some): throw reader.fail("allow goes with mode: allowlist")
        case (.open, nil): self = .open
        case (.closed, nil): self = .closed
        }
    }

    private static func hosts(_ reader: TreeReader) throws(PreflightError) -> [HostPattern] {
        var patterns: [HostPattern] = []
        for entry in try reader.array() {
            guard let pattern = HostPattern(try entry.string()) else {
                throw entry.fail("expected a host such as pypi.org, *.debian.org or registry.local:5000")
            }
            patterns.append(pattern)
        }
        return patterns
    }

    package var mode: String {
        switch self {
        case .closed: "closed"
        case .open: "open"
        case .allowlist: "allowlist"
        }
    }

    var tree: JSON {
        guard case .allowlist(let hosts) = self else { return .string(mode) }
        return ["mode": .string(mode), "allow": .strings(hosts.map(\.description))]
    }
}
