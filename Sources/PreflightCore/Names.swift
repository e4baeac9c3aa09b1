/// The names that runs, trials, containers and keys carry, so that each can be found again and told apart.
package enum Names {
    package static let runLabel = "preflight.run"
    package static let trialLabel = "preflight.trial"
    /// The lock file that a living harness holds; a container's way to tell whether its run still lives.
    package static let lockLabel = "preflight.lock"
    /// Unix seconds after which the container has no right to run any more.
    package static let untilLabel = "preflight.until"

    package static let subKeyPrefix = "preflight:"

    /// `run-20260312-120000`.
    package static func runID(at time: Timestamp) -> String { "run-" + time.compact }

    package static func subKey(run: String, trial: String) -> String { "\(subKeyPrefix)\(run):\(trial)" }

    /// The run and trial that a sub-key belongs to; nil when the name is not one of ours.
    package static func parseSubKey(_ name: String) -> (run: String, trial: String)? {
        guard name.hasPrefix(subKeyPrefix) else { return nil }
        let parts = name.dropFirst(subKeyPrefix.count).split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    /// Files of a run's directory, beside which its trials' directories stand.
    private static let ofRunFiles: Set<String> = [
        "experiment.yaml", "lock.json", "summary.json", "report.html", "prompt.txt", "harness.lock", "console.log",
        "guard.log", "guard.lock", "guard.grace", "attempts",
    ]

    /// Whether a name in a run's directory is taken by Preflight; `console-1.log` and so on are too.
    package static func isOfRun(_ name: String) -> Bool {
        if ofRunFiles.contains(name) { return true }
        guard name.hasPrefix("console-"), name.hasSuffix(".log") else { return false }
        let number = name.dropFirst("console-".count).dropLast(".log".count)
        return !number.isEmpty && number.allSatisfy { ("0"..."9").contains($0) }
    }

    /// `nonce` keeps the names of two runs apart that share an id in different directories.
    package static func container(run: String, trial: String, nonce: String) -> String {
        "preflight-\(run)-\(trial)-\(nonce)"
    }

    package static func network(run: String, nonce: String) -> String { "preflight-\(run)-\(nonce)" }

    /// What can name a run or a trial: it becomes a directory, a label and a part of a container's name.
    package static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count <= 64 else { return false }
        return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }

    /// A short alias for a model id: `meta-llama/llama-3.3-70b-instruct` becomes `llama-3.3-70b-instruct`.
    package static func alias(forModel id: String) -> String {
        let base = id.split(separator: "/").last.map(String.init) ?? id
        let cleaned = String(base.map { isValid(String($0)) || $0 == "-" || $0 == "_" || $0 == "." ? $0 : "-" })
        let trimmed = cleaned.drop { !isValid(String($0)) }
        return trimmed.isEmpty ? "model" : String(trimmed.prefix(60))
    }
}
