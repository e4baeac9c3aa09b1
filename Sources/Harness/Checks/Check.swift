package import PreflightCore

/// One question answered before a cent is spent.
package struct CheckResult: Sendable, Equatable {
    package enum Status: String, Sendable { case pass, warn, fail, skip }

    package var name: String
    package var status: Status
    /// What was measured.
    package var detail: String
    /// Further lines, e.g. one per model.
    package var lines: [String]
    /// The exact next step, for what did not pass.
    package var hint: String?

    package init(_ name: String, _ status: Status, _ detail: String, lines: [String] = [], hint: String? = nil) {
        self.name = name
        self.status = status
        self.detail = detail
        self.lines = lines
        self.hint = hint
    }

    package var json: JSON {
        .record([
            "name": .string(name), "status": .string(status.rawValue), "detail": .string(detail),
            "lines": lines.isEmpty ? nil : .strings(lines), "hint": hint.map(JSON.string),
        ])
    }
}

/// A check written in Swift.
package struct CustomCheck: Sendable {
    package var name: String
    package var run: @Sendable (Experiment) async -> CheckResult

    package init(name: String, run: @escaping @Sendable (Experiment) async -> CheckResult) {
        self.name = name
        self.run = run
    }
}

/// What all checks together found.
package struct CheckReport: Sendable {
    package var results: [CheckResult]
    package var forecast: Forecast

    package var failures: [CheckResult] { results.filter { $0.status == .fail } }
    package var hasPassed: Bool { failures.isEmpty }

    package var json: JSON {
        .record([
            "passed": .bool(hasPassed), "checks": .array(results.map(\.json)), "forecast": forecast.json,
        ])
    }
}

/// The names of the checks, in the order they are printed: what spends stands last.
package enum CheckName {
    package static let free = [
        "balance", "math", "models", "upstreams", "tool_support", "docker", "docker_image", "disk", "leftovers",
        "host_services",
        "http_health",
        "env_vars", "docker_health", "git_version", "score",
    ]
    package static let spending = ["key_smoke", "cache_smoke"]

    /// Those to run, or an error for a name that no check has.
    package static func selection(
        only: [String], skip: [String], custom: [String]
    ) throws(PreflightError) -> Set<String> {
        let all = free + custom + spending
        if let name = custom.first(where: { name in all.filter { $0 == name }.count > 1 }) {
            throw PreflightError(.usage, "two checks are called '\(name)'", hint: "rename the one in checks.custom")
        }
        for name in only + skip where !all.contains(name) {
            throw PreflightError(
                .usage, "there is no check '\(name)'",
                hint: NearestName.hint(name, among: all) ?? "checks are \(all.joined(separator: ", "))")
        }
        let selected = Set(only.isEmpty ? all : only).subtracting(skip)
        guard !selected.isEmpty else {
            throw PreflightError(.usage, "no check is left", hint: "what is asked for by --only is left out by --skip")
        }
        return selected
    }
}
