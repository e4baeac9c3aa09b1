/// An experiment as its file and flags describe it, before anything is run.
package struct Experiment: Sendable, Equatable {
    package var name: String?
    package var image: String?
    /// A directory with a Dockerfile, built when `image` is not given.
    package var build: String?
    package var models: [Entry] = []
    package var repetitions = 1
    package var budget = Budget()
    package var access = Access.direct
    /// Servers of models beside OpenRouter, by name, in the grammar of a gateway's file; keys are names of variables.
    package var upstreams = JSON.Object()
    /// Which models a trial may call behind the gateway; nil: any of OpenRouter's, of another upstream its own alone.
    package var calls: Calls?
    /// Where containers may connect to beside the models; nil is what the access allows: everything when direct,
    /// nothing behind the gateway.
    package var network: TunnelPolicy?
    package var concurrency = 8
    package var prompt: Prompt?
    package var mounts: [Mount] = []
    /// For every container, in the order written.
    package var env: [Variable] = []
    /// What follows the image's name in `docker run`.
    package var arguments: [String] = []
    package var limits = Limits()
    package var checks = Checks()
    package var eject = PolicyList.standard
    /// What scores a trial's output; nil where nothing does.
    package var score: Scorer?

    package init() {}

    /// One model of the field.
    package struct Entry: Sendable, Equatable {
        package var id: String
        package var alias: String?
        package var budget: USD?
        /// The name of the upstream that serves it; nil for OpenRouter.
        package var upstream: String?

        package init(id: String, alias: String? = nil, budget: USD? = nil, upstream: String? = nil) {
            self.id = id
            self.alias = alias
            self.budget = budget
            self.upstream = upstream
        }

        /// Reads `ID` or `ID=ALIAS`.
        package init(flag text: String) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            self.init(id: parts.first ?? text, alias: parts.count == 2 ? parts[1] : nil)
        }
    }

    package struct Budget: Sendable, Equatable {
        package var perTrial: USD?
        /// The most that all trials together may cost.
        package var total: USD?
        /// The name of a total that this run shares with others of the same runs directory.
        package var envelope: String?
        package var file = BudgetFile.Mode.simple
        /// How much of a call the gateway takes out of the budget before it is sent.
        package var hold = BudgetLimits.Hold.strict
    }

    /// How containers reach the provider.
    package enum Access: String, Sendable, CaseIterable { case direct, gateway }

    /// Which models a trial's key is good for at its upstream.
    package enum Calls: String, Sendable, CaseIterable { case own, any }

    package enum Prompt: Sendable, Equatable {
        case text(String)
        case file(String)

        /// Reads `TEXT` or `@FILE`.
        package init(flag text: String) {
            self = text.hasPrefix("@") ? .file(String(text.dropFirst())) : .text(text)
        }
    }

    package struct Variable: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package struct Limits: Sendable, Equatable {
        package var wall = Duration.seconds(3600)
        /// Bytes; nil for no limit.
        package var memory: Int? = 2 << 30
        /// Docker's decimal text, e.g. `1.5`; nil for no limit.
        package var cpus: String? = "2"
        package var pids: Int? = 512
        /// Bytes of output kept per trial, in `run.log` and in `events.jsonl` each.
        package var log = 256 << 20
        /// Linux capabilities to give back; all are dropped.
        package var capabilities: [String] = []
        /// With the gateway: how long calls wait while the provider fails; nil for what is usual.
        package var outage: Duration?
    }

    package struct Checks: Sendable, Equatable {
        /// Request parameters that every model must support, e.g. `tools`.
        package var require: [String] = []
        package var only: [String] = []
        package var skip: [String] = []
        package var custom: [CustomCommand] = []
        package var httpHealth: [HTTPHealth] = []
        package var envVars: [String] = []
        /// Names of containers that must be running, and healthy where they have a health check.
        package var dockerHealth: [String] = []
        package var gitVersion: String?
    }

    /// A program that answers one check: JSON on stdin, JSON on stdout.
    package struct CustomCommand: Sendable, Equatable {
        package var name: String
        package var command: [String]
        package var timeout: Duration

        package init(name: String, command: [String], timeout: Duration = .seconds(30)) {
            self.name = name
            self.command = command
            self.timeout = timeout
        }
    }

    package struct HTTPHealth: Sendable, Equatable {
        package var name: String
        package var url: String
        /// Fields of the JSON answer that must have these values; dots step into objects.
        package var fields: [Variable]
        package var minimumVersion: String?
        package var versionField: String
        package var timeout: Duration

        package init(
            name: String, url: String, fields: [Variable] = [], minimumVersion: String? = nil,
            versionField: String = "version", timeout: Duration = .seconds(10)
        ) {
            self.name = name
            self.url = url
            self.fields = fields
            self.minimumVersion = minimumVersion
            self.versionField = versionField
            self.timeout = timeout
        }
    }
}

/// One model on the task in one sandbox, as planned.
package struct TrialPlan: Sendable, Hashable {
    package var alias: String
    package var model: String
    /// The name of the upstream that serves it; nil for OpenRouter.
    package var upstream: String?
    package var budget: USD
    package var repetition: Int
    /// Attempts at it that failed, oldest first, where it is run again.
    package var earlier: [TrialSummary]

    package init(
        alias: String, model: String, upstream: String? = nil, budget: USD, repetition: Int = 1,
        earlier: [TrialSummary] = []
    ) {
        self.alias = alias
        self.model = model
        self.upstream = upstream
        self.budget = budget
        self.repetition = repetition
        self.earlier = earlier
    }

    /// As its summary knows it.
    package init(_ summary: TrialSummary) {
        self.init(
            alias: summary.alias, model: summary.model, upstream: summary.upstream, budget: summary.budget,
            earlier: summary.earlier)
    }

    package var attempt: TrialAttempt { TrialAttempt(alias: alias, number: earlier.count + 1) }
    package var source: ModelSource { ModelSource(model: model, upstream: upstream) }
}

extension Experiment {
    /// The budget of a trial where neither file nor flags name one.
    package static let defaultBudget = USD(cents: 25)

    /// Whether any trial is called at OpenRouter.
    package var usesOpenRouter: Bool { models.contains { $0.upstream == nil } }

    /// Every trial of the run, repetitions in rounds, aliases made unique: `llama`, then `llama-2`.
    package func trials() -> [TrialPlan] {
        var used: Set<String> = []
        var plans: [TrialPlan] = []
        for repetition in 1...max(1, repetitions) {
            for entry in models {
                let base = entry.alias ?? Names.alias(forModel: entry.id)
                var alias = base
                var number = max(2, repetition)
                while !used.insert(alias).inserted {
                    alias = "\(base)-\(number)"
                    number += 1
                }
                plans.append(
                    TrialPlan(
                        alias: alias, model: entry.id, upstream: entry.upstream,
                        budget: entry.budget ?? budget.perTrial ?? Self.defaultBudget, repetition: repetition))
            }
        }
        return plans
    }

    /// What is wrong with the experiment as a whole; empty when it can run.
    package func problems() -> [PreflightError] {
        var problems: [PreflightError] = []
        func problem(_ message: String, _ hint: String? = nil) {
            problems.append(PreflightError(.usage, message, hint: hint))
        }
        if models.isEmpty {
            problem("no model is named", "give --model ID, PREFLIGHT_MODELS, or `models:` in the experiment file")
        }
        if image == nil && build == nil {
            problem("no image is named", "give --image NAME, or `image:` or `build:` in the experiment file")
        }
        for entry in models {
            if entry.id.isEmpty || entry.id.contains(" ") { problem("models: '\(entry.id)' is no model id") }
            if let alias = entry.alias, !Names.isValid(alias) || Names.isOfRun(alias) {
                problem("models: alias '\(alias)' is not usable", "letters, digits, '-', '_' and '.', at most 64")
            }
            if entry.alias == nil, Names.isOfRun(Names.alias(forModel: entry.id)) {
                problem("models: \(entry.id) is named as a file of the run is", "give it an alias")
            }
            if let budget = entry.budget, budget <= .zero {
                problem("models: the budget of \(entry.id) must be more than $0, not \(budget)")
            }
        }
        for variable in env where variable.name.isEmpty || variable.name.utf8.contains(where: { $0 == 0x3D || $0 == 0 })
        {
            problem("env: '\(variable.name)' is no name of a variable")
        }
        for variable in env where variable.value.utf8.contains(0) {
            problem("env.\(variable.name): a value cannot hold a NUL character")
        }
        if let perTrial = budget.perTrial, perTrial <= .zero {
            problem("budget.per_trial must be more than $0, not \(perTrial)")
        }
        if let total = budget.total, total <= .zero { problem("budget.total must be more than $0, not \(total)") }
        if let envelope = budget.envelope, !Names.isValid(envelope) {
            problem("budget.envelope: '\(envelope)' is not usable", "letters, digits, '-', '_' and '.', at most 64")
        }
        if repetitions < 1 || repetitions > 1000 { problem("repeat must be 1…1000, not \(repetitions)") }
        if concurrency < 1 || concurrency > 256 { problem("concurrency must be 1…256, not \(concurrency)") }
        if limits.wall < .seconds(1) || limits.wall > .seconds(30 * 86_400) {
            problem("limits.wall must be 1s…30d")
        }
        let commands = eject.commands
        if Set(commands.map(\.name)).count < commands.count {
            problem("eject: two command policies have the same name", "give each a name of its own")
        }
        for command in commands where command.every < .milliseconds(100) {
            problem("eject: \(command.name) must not be asked more often than every 100ms")
        }
        for minimum in [checks.gitVersion].compactMap(\.self) + checks.httpHealth.compactMap(\.minimumVersion)
        where Version(minimum).numbers.isEmpty {
            problem("checks: '\(minimum)' is no version", "write numbers, such as 2.30")
        }
        if access == .direct, let network, network != .open {
            problem(
                "network: \(network.mode) needs access: gateway",
                "containers with access: direct are on an open network")
        }
        if access == .direct, !upstreams.isEmpty {
            problem(
                "upstreams needs access: gateway",
                "with access: direct containers call OpenRouter themselves, and nothing else is capped")
        }
        if access == .direct, calls != nil {
            problem("calls needs access: gateway", "with access: direct a key is good for every model")
        }
        if access == .direct, limits.outage != nil {
            problem("limits.outage needs access: gateway", "with access: direct agents meet the provider themselves")
        }
        if let outage = limits.outage, outage > .seconds(30 * 86_400) { problem("limits.outage must be 0…30d") }
        if eject.rules.contains(where: { $0.policy.hasInnerRace }) {
            problem(
                "eject: a race stands inside another policy", "it is over the field: put it into the list by itself")
        }
        if access == .direct, let rule = eject.rules.first(where: { $0.action == .hold }) {
            problem(
                "eject: do: hold of \(rule.name) needs access: gateway",
                "with access: direct containers call OpenRouter themselves, and nothing can let their calls wait")
        }
        if access == .direct, budget.hold != .strict {
            problem("budget.hold needs access: gateway", "with access: direct OpenRouter alone holds the budget")
        }
        return problems
    }
}
