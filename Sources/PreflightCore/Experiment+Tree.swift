extension Experiment {
    /// What a record has in the place of a variable's value.
    package static let hiddenValue = "****"

    /// The experiment as a file would have it, with defaults and flags filled in. Holds no secret of Preflight's own;
    /// values of `env` are left out, since people put keys there.
    package var tree: JSON {
        .record([
            "name": name.map(JSON.string),
            "image": image.map(JSON.string),
            // A build has become an image by the time it is recorded.
            "build": image == nil ? build.map(JSON.string) : nil,
            "models": .array(
                models.map {
                    .record([
                        "id": .string($0.id), "upstream": $0.upstream.map(JSON.string),
                        "alias": $0.alias.map(JSON.string), "budget": $0.budget.map(JSON.usd),
                    ])
                }),
            "repeat": .int(repetitions),
            "budget": .record([
                "per_trial": .usd(budget.perTrial ?? Self.defaultBudget), "total": budget.total.map(JSON.usd),
                "envelope": budget.envelope.map(JSON.string),
                "file": .string(budget.file.rawValue),
                "hold": budget.hold == .strict ? nil : .string(budget.hold.rawValue),
            ]),
            "access": .string(access.rawValue),
            // Keys stand in it as names of variables.
            "upstreams": upstreams.isEmpty ? nil : .object(upstreams),
            "calls": calls.map { .string($0.rawValue) },
            "network": network?.tree,
            "concurrency": .int(concurrency),
            "prompt": prompt.map {
                switch $0 {
                case .text(let text): .string(text)
                case .file(let path): .string("@" + path)
                }
            },
            "mounts": mounts.isEmpty ? nil : .strings(mounts.map(\.text)),
            "env": env.isEmpty
                ? nil : .object(JSON.Object(env.map { .init(key: $0.name, value: .string(Self.hiddenValue)) })),
            "args": arguments.isEmpty ? nil : .strings(arguments),
            "limits": .record([
                "wall": .string(limits.wall.secondsText),
                "memory": limits.memory.map(JSON.int) ?? "none",
                "cpus": .string(limits.cpus ?? "none"),
                "pids": limits.pids.map(JSON.int) ?? "none",
                "log": .int(limits.log),
                "outage": limits.outage.map { .string($0.secondsText) },
                "capabilities": limits.capabilities.isEmpty ? nil : .strings(limits.capabilities),
            ]),
            "checks": checks.tree,
            "eject": eject.tree,
            "score": score?.tree,
        ])
    }
}

extension Experiment.Checks {
    fileprivate var tree: JSON? {
        func list(_ texts: [String]) -> JSON? { texts.isEmpty ? nil : .strings(texts) }
        let tree = JSON.record([
            "require": list(require), "only": list(only), "skip": list(skip), "env_vars": list(envVars),
            "docker_health": list(dockerHealth), "git_version": gitVersion.map(JSON.string),
            "custom": custom.isEmpty
                ? nil
                : .array(
                    custom.map {
                        .record([
                            "name": .string($0.name), "command": .strings($0.command),
                            "timeout": .string($0.timeout.secondsText),
                        ])
                    }),
            "http_health": httpHealth.isEmpty
                ? nil
                : .array(
                    httpHealth.map { check in
                        .record([
                            "name": .string(check.name), "url": .string(check.url),
                            "fields": check.fields.isEmpty
                                ? nil
                                : .object(
                                    JSON.Object(check.fields.map { .init(key: $0.name, value: .string($0.value)) })),
                            "minimum_version": check.minimumVersion.map(JSON.string),
                            "version_field": .string(check.versionField),
                            "timeout": .string(check.timeout.secondsText),
                        ])
                    }),
        ])
        return tree.object?.isEmpty ?? true ? nil : tree
    }
}
