/// Something of the host that a sandbox sees.
package enum Mount: Hashable, Sendable {
    /// A host path at a container path; `options` are Docker's mode words, such as `ro`.
    case bind(source: String, target: String, options: [String])
    /// Docker's own `--mount` text, handed on as it is: `type=volume,source=data,target=/data`.
    case docker(String)

    /// Reads `host:container[:mode]` or Docker's `type=…,…`. Nil when it is neither.
    package init?(_ text: String) {
        let isDockerText = text.split(separator: ",").contains {
            $0.hasPrefix("type=") || $0.hasPrefix("target=") || $0.hasPrefix("destination=") || $0.hasPrefix("dst=")
        }
        if isDockerText {
            self = .docker(text)
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3, !parts[0].isEmpty, parts[1].hasPrefix("/") else { return nil }
        let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
        guard options.allSatisfy({ Self.knownOptions.contains($0) }) else { return nil }
        self = .bind(source: parts[0], target: parts[1], options: options)
    }

    package static let knownOptions: Set<String> = [
        "ro", "rw", "z", "Z", "cached", "delegated", "consistent", "nocopy", "shared", "slave", "private", "rshared",
        "rslave", "rprivate",
    ]

    /// The host path that must exist before the container starts; nil where Docker makes or owns the source.
    package var hostPath: String? {
        switch self {
        case .bind(let source, _, _): return source
        case .docker(let text):
            var fields: [Substring: Substring] = [:]
            for field in text.split(separator: ",") {
                let pair = field.split(separator: "=", maxSplits: 1)
                if pair.count == 2 { fields[pair[0]] = pair[1] }
            }
            guard fields["type"] == "bind" else { return nil }
            return (fields["source"] ?? fields["src"]).map(String.init)
        }
    }

    package var target: String? {
        switch self {
        case .bind(_, let target, _): return target
        case .docker(let text):
            for field in text.split(separator: ",") {
                let pair = field.split(separator: "=", maxSplits: 1)
                if pair.count == 2, ["target", "destination", "dst"].contains(pair[0]) { return String(pair[1]) }
            }
            return nil
        }
    }

    /// The same mount with its host path made absolute by `resolve`.
    package func resolvingHostPath(_ resolve: (String) -> String) -> Mount {
        guard case .bind(let source, let target, let options) = self else { return self }
        return .bind(source: resolve(source), target: target, options: options)
    }

    package var text: String {
        switch self {
        case .bind(let source, let target, let options):
            ([source, target] + (options.isEmpty ? [] : [options.joined(separator: ",")])).joined(separator: ":")
        case .docker(let text): text
        }
    }
}
