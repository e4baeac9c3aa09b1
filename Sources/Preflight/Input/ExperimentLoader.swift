import Foundation
import Harness
import PreflightCore
import Store

/// Reads an experiment from its file and its flags, every path made absolute.
struct ExperimentLoader {
    let environment: [String: String]
    let workingDirectory: String

    func load(_ options: ExperimentOptions, arguments: [String] = []) throws -> Experiment {
        var experiment = try options.file.map { try read($0) } ?? Experiment()
        try apply(options, to: &experiment)
        if !arguments.isEmpty { experiment.arguments = arguments }
        return experiment
    }

    /// Reads an experiment file; its relative paths are relative to it.
    ///
    /// - Parameter isRecord: of a run: values of variables are left out.
    func read(_ path: String, isRecord: Bool = false) throws -> Experiment {
        let absolute = Files.absolute(path, relativeTo: workingDirectory)
        let bytes: [UInt8]
        do { bytes = try Files.read(absolute, limit: 1 << 20) } catch let error as PreflightError {
            throw PreflightError(.usage, error.message, hint: "`preflight init` writes one to begin with")
        }
        let tree = try YAMLTree(String(decoding: bytes, as: UTF8.self), name: path)
        guard !tree.json.isNull else { throw PreflightError(.usage, "\(path): the file is empty") }
        do throws(PreflightError) {
            var experiment = try Experiment(tree: tree.json, isRecord: isRecord)
            resolvePaths(of: &experiment, relativeTo: (absolute as NSString).deletingLastPathComponent)
            _ = try experiment.gatewayUpstreams(environment)
            return experiment
        } catch {
            throw tree.locate(error)
        }
    }

    private func resolvePaths(of experiment: inout Experiment, relativeTo base: String) {
        experiment.resolvePriceFiles(relativeTo: base)
        experiment.build = experiment.build.map { Files.absolute($0, relativeTo: base) }
        experiment.mounts = experiment.mounts.map { $0.resolvingHostPath { Files.absolute($0, relativeTo: base) } }
        for index in experiment.checks.custom.indices {
            experiment.checks.custom[index].command = Self.program(
                experiment.checks.custom[index].command, relativeTo: base)
        }
        experiment.eject = experiment.eject.mappingPrograms { Self.program($0, relativeTo: base) }
        if let files = experiment.score?.files { experiment.score?.files = Files.absolute(files, relativeTo: base) }
        if case .file(let path) = experiment.prompt {
            experiment.prompt = .file(Files.absolute(path, relativeTo: base))
        }
    }

    /// A program that is named by a relative path lies beside what names it; one without a path is on the PATH.
    private static func program(_ command: [String], relativeTo base: String) -> [String] {
        guard let first = command.first, first.contains("/") else { return command }
        return [Files.absolute(first, relativeTo: base)] + command.dropFirst()
    }

    private func apply(_ options: ExperimentOptions, to experiment: inout Experiment) throws {
        if !options.models.isEmpty { experiment.models = options.models.map(Experiment.Entry.init(flag:)) }
        if let image = options.image {
            experiment.image = image
            experiment.build = nil
        }
        experiment.budget.perTrial = try options.budget.map { try usd($0, "--budget") } ?? experiment.budget.perTrial
        experiment.budget.total =
            try options.totalBudget.map { try usd($0, "--total-budget") } ?? experiment.budget.total
        experiment.budget.envelope = options.envelope ?? experiment.budget.envelope
        if options.budget != nil {
            for index in experiment.models.indices { experiment.models[index].budget = nil }
        }
        experiment.mounts += try options.mounts.map { text in
            guard let mount = Mount(text) else {
                throw PreflightError(
                    .usage, "--mount '\(text)': expected HOST:CONTAINER[:MODE] or Docker's type=…,source=…,target=…")
            }
            return mount.resolvingHostPath { Files.absolute($0, relativeTo: workingDirectory) }
        }
        for text in options.env { experiment.env.append(try variable(text)) }
        if let prompt = options.prompt {
            if !prompt.hasPrefix("@"), !prompt.contains(" "),
                Files.exists(Files.absolute(prompt, relativeTo: workingDirectory))
            {
                throw PreflightError(
                    .usage, "--prompt '\(prompt)' names a file, and would be handed over as text",
                    hint: "--prompt @\(prompt) hands over the file's content")
            }
            experiment.prompt = .init(flag: prompt)
            if case .file(let path) = experiment.prompt {
                experiment.prompt = .file(Files.absolute(path, relativeTo: workingDirectory))
            }
        }
        try applyPolicies(options, to: &experiment)
        experiment.limits.wall = try options.wall.map { try duration($0, "--wall") } ?? experiment.limits.wall
        experiment.limits.outage = try options.outage.map { try duration($0, "--outage") } ?? experiment.limits.outage
        if let access = options.access {
            guard let access = Experiment.Access(rawValue: access) else {
                throw PreflightError(.usage, "--access '\(access)' is neither direct nor gateway")
            }
            experiment.access = access
        }
        if !options.network.isEmpty { experiment.network = try TunnelPolicy(flags: options.network) }
        experiment.concurrency = options.concurrency ?? experiment.concurrency
        experiment.repetitions = options.repetitions ?? experiment.repetitions
        if let mode = options.budgetFile {
            guard let mode = BudgetFile.Mode(rawValue: mode) else {
                throw PreflightError(.usage, "--budget-file '\(mode)' is neither simple nor detailed")
            }
            experiment.budget.file = mode
        }
        if let memory = options.memory {
            guard memory == "none" || Quantity.bytes(memory) != nil else {
                throw PreflightError(.usage, "--memory '\(memory)': expected a size, such as 512m or 2g")
            }
            experiment.limits.memory = Quantity.bytes(memory)
        }
        if let cpus = options.cpus {
            guard cpus == "none" || (DecimalText.scaled(cpus.utf8, by: 3, roundingUp: true) ?? 0) > 0 else {
                throw PreflightError(.usage, "--cpus '\(cpus)': expected a number of processors, such as 1.5")
            }
            experiment.limits.cpus = cpus == "none" ? nil : cpus
        }
        experiment.checks.require += options.require
        if !options.only.isEmpty { experiment.checks.only = Self.split(options.only) }
        experiment.checks.skip += Self.split(options.skip)
    }

    /// Each flag replaces those of the file that do the same.
    private func applyPolicies(_ options: ExperimentOptions, to experiment: inout Experiment) throws {
        let flags: [(PolicyAction, [String])] = [
            (.eject, options.eject), (.hold, options.hold), (.steer, options.steer), (.notify, options.notify),
        ]
        for (action, texts) in flags where !texts.isEmpty {
            experiment.eject.rules.removeAll { $0.action == action }
            let given = PolicyList(try texts.map { try PolicyRule(flag: $0, action) })
            // Absolute, since whoever takes the run up reads them beside the run's record.
            experiment.eject.rules += given.mappingPrograms { Self.program($0, relativeTo: workingDirectory) }.rules
        }
        guard let text = options.idleTimeout else { return }
        let timeout = try duration(text, "--idle-timeout")
        experiment.eject = experiment.eject.replacingIdle(with: timeout > .zero ? timeout : nil)
    }

    private static func split(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private func usd(_ text: String, _ flag: String) throws -> USD {
        guard let amount = Quantity.usd(text) else {
            throw PreflightError(.usage, "\(flag) '\(text)': expected dollars, such as 0.25")
        }
        guard amount > .zero else { throw PreflightError(.usage, "\(flag) must be more than $0, not \(amount)") }
        return amount
    }

    private func duration(_ text: String, _ flag: String) throws -> Duration {
        guard let duration = Quantity.duration(text) else {
            throw PreflightError(.usage, "\(flag) '\(text)': expected a time, such as 90s or 30m")
        }
        return duration
    }

    /// `NAME=VALUE`, or `NAME` for the value that it has here.
    func variable(_ text: String) throws -> Experiment.Variable {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first, !name.isEmpty else {
            throw PreflightError(.usage, "--env '\(text)': expected NAME=VALUE or NAME")
        }
        if parts.count == 2 { return .init(name: name, value: parts[1]) }
        guard let value = environment[name] else {
            throw PreflightError(
                .usage, "--env \(name): the variable is not set here", hint: "give --env \(name)=VALUE")
        }
        return .init(name: name, value: value)
    }
}

extension PolicyRule {
    /// Reads the value of `--eject`, `--hold`, `--steer` or `--notify`.
    init(flag text: String, _ action: PolicyAction) throws {
        let name = "--\(action.rawValue) '\(text)'"
        let tree = try YAMLTree(text, name: name)
        do throws(PreflightError) {
            try self.init(reader: TreeReader(tree.json), action: action)
        } catch {
            throw PreflightError(.usage, "\(name): \(error.message)", hint: error.hint)
        }
        guard self.action == action else {
            throw PreflightError(
                .usage, "\(name): it says do: \(self.action.rawValue)", hint: "give it with --\(self.action.rawValue)")
        }
    }
}

extension Experiment {
    /// Stops at the first thing that is wrong with the experiment, its mounts and its prompt.
    func validate() throws {
        if let problem = problems().first { throw problem }
        for mount in mounts {
            if let path = mount.hostPath, !Files.exists(path) {
                throw PreflightError(
                    .usage, "mounts: there is no \(path) on this machine",
                    hint: "correct the host path of \(mount.text)")
            }
            if let target = mount.target, target == "/workspace/output" {
                throw PreflightError(
                    .usage, "mounts: /workspace/output is each trial's own", hint: "mount it elsewhere")
            }
        }
        for policy in eject.commands where !Files.isProgram(policy.command.first ?? "") {
            throw PreflightError(
                .usage, "eject: there is no program '\(policy.command.first ?? "")' for the policy \(policy.name)",
                hint: "name a program on the PATH, or one by its path, beside the experiment file")
        }
        for rule in eject.rules {
            guard case .command(let command) = rule.hook, !Files.isProgram(command.first ?? "") else { continue }
            throw PreflightError(
                .usage, "eject: there is no program '\(command.first ?? "")' for the hook of \(rule.name)",
                hint: "name a program on the PATH, or one by its path, beside the experiment file")
        }
        if let score { try ScorerPlan.check(score) }
        if let build, !Files.isDirectory(build) {
            throw PreflightError(.usage, "build: there is no directory \(build)")
        }
        _ = try promptText()
    }

    func promptText() throws -> String? {
        switch prompt {
        case nil: return nil
        case .text(let text): return text
        case .file(let path):
            do { return String(decoding: try Files.read(path, limit: 4 << 20), as: UTF8.self) } catch let error
                as PreflightError
            {
                throw PreflightError(.usage, "prompt: \(error.message)", hint: "name a file, or write the task itself")
            }
        }
    }
}

extension TunnelPolicy {
    /// Reads the values of `--network`: `closed`, `open`, or hosts.
    fileprivate init(flags values: [String]) throws {
        switch values {
        case ["closed"]: self = .closed
        case ["open"]: self = .open
        default:
            self = .allowlist(
                try values.map { text in
                    guard text != "closed", text != "open", let pattern = HostPattern(text) else {
                        throw PreflightError(
                            .usage,
                            "--network '\(text)': expected closed, open, or hosts such as pypi.org or *.debian.org")
                    }
                    return pattern
                })
        }
    }
}
