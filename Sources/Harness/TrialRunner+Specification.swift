import Containers
import PreflightCore
import Store

extension TrialRunner {
    static let promptTarget = "/run/preflight/prompt.txt"
    static let outputTarget = "/workspace/output"

    /// How the trial's container is started.
    func specification(path: TrialPath, until: Timestamp) -> RunSpecification {
        let experiment = runPlan.experiment
        var specification = RunSpecification(name: containerName, image: runPlan.imageID)
        specification.labels = [
            .init(name: Names.runLabel, value: runID),
            .init(name: Names.trialLabel, value: plan.alias),
            .init(name: Names.lockLabel, value: harnessLockPath),
            .init(name: Names.untilLabel, value: String(until.secondsSince1970)),
        ]
        specification.network = path.network
        // Docker's own name server would carry questions out of a closed network: it is given one that is nowhere.
        if path.origin != nil { specification.dns = [Self.noNameServer] }
        specification.mounts =
            experiment.mounts + [
                .bind(source: directory.outputPath, target: Self.outputTarget, options: [])
            ]
        specification.environment = environment(path)
        if let promptPath {
            specification.mounts.append(.bind(source: promptPath, target: Self.promptTarget, options: ["ro"]))
            specification.environment.append(.init(name: "PREFLIGHT_PROMPT_FILE", value: Self.promptTarget))
        }
        if runPlan.passesBaseURL, path.origin == nil {
            specification.extraHosts = ["\(ContainerAddress.hostName):host-gateway"]
        }
        specification.arguments = experiment.arguments
        specification.memory = experiment.limits.memory
        specification.cpus = experiment.limits.cpus
        specification.pids = experiment.limits.pids
        specification.capabilities = experiment.limits.capabilities
        specification.stopGrace = pace.grace
        return specification
    }

    /// The experiment's own variables first, so that none of them can stand in for one of ours.
    private func environment(_ path: TrialPath) -> [Experiment.Variable] {
        var ours: [Experiment.Variable] = [
            .init(name: "OPENROUTER_API_KEY", value: path.key.reveal()),
            .init(name: "PREFLIGHT_MODEL", value: plan.model),
            .init(name: "PREFLIGHT_ALIAS", value: plan.alias),
            .init(name: "PREFLIGHT_RUN_ID", value: runID),
            .init(name: "PREFLIGHT_BUDGET_USD", value: plan.budget.decimalText),
            .init(name: "PREFLIGHT_BUDGET_FILE", value: Self.outputTarget + "/budget.txt"),
        ]
        if let origin = path.origin {
            ours += gatewayVariables(origin, path)
        } else if runPlan.passesBaseURL {
            ours.append(.init(name: "OPENROUTER_BASE_URL", value: ContainerAddress.rewriting(runPlan.baseURL)))
        }
        let names = Set(ours.map(\.name))
        return runPlan.experiment.env.filter { !names.contains($0.name) } + ours
    }

    /// TEST-NET-1 (RFC 5737): nobody answers there.
    static let noNameServer = "192.0.2.1"

    /// What agents of all kinds look for to find their models.
    private func gatewayVariables(_ origin: String, _ path: TrialPath) -> [Experiment.Variable] {
        let key = path.key.reveal()
        var variables: [Experiment.Variable] = [
            .init(name: "OPENROUTER_BASE_URL", value: origin + "/api/v1"),
            .init(name: "OPENAI_BASE_URL", value: origin + "/v1"),
            .init(name: "OPENAI_API_BASE", value: origin + "/v1"),
            .init(name: "OPENAI_API_KEY", value: key), .init(name: "ANTHROPIC_BASE_URL", value: origin),
            .init(name: "ANTHROPIC_AUTH_TOKEN", value: key), .init(name: "ANTHROPIC_API_KEY", value: ""),
        ]
        if path.tunnels != .closed {
            let host = origin.dropFirst("http://".count).prefix { $0 != ":" }
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
                variables.append(.init(name: name, value: origin))
            }
            for name in ["NO_PROXY", "no_proxy"] {
                variables.append(.init(name: name, value: "\(host),localhost,127.0.0.1"))
            }
        }
        return variables
    }
}
