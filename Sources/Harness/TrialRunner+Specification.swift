import Containers
import PreflightCore
import Store

extension TrialRunner {
    static let promptTarget = "/run/preflight/prompt.txt"
    static let outputTarget = "/workspace/output"

    /// How the trial's container is started.
    func specification(key: ProvisionedKey, until: Timestamp) -> RunSpecification {
        let experiment = runPlan.experiment
        var specification = RunSpecification(name: containerName, image: runPlan.imageID)
        specification.labels = [
            .init(name: Names.runLabel, value: runID),
            .init(name: Names.trialLabel, value: plan.alias),
            .init(name: Names.lockLabel, value: harnessLockPath),
            .init(name: Names.untilLabel, value: String(until.secondsSince1970)),
        ]
        specification.network = network
        specification.mounts =
            experiment.mounts + [
                .bind(source: directory.outputPath, target: Self.outputTarget, options: [])
            ]
        specification.environment = environment(key: key)
        if let promptPath {
            specification.mounts.append(.bind(source: promptPath, target: Self.promptTarget, options: ["ro"]))
            specification.environment.append(.init(name: "PREFLIGHT_PROMPT_FILE", value: Self.promptTarget))
        }
        if runPlan.passesBaseURL {
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
    private func environment(key: ProvisionedKey) -> [Experiment.Variable] {
        var ours: [Experiment.Variable] = [
            .init(name: "OPENROUTER_API_KEY", value: key.key.reveal()),
            .init(name: "PREFLIGHT_MODEL", value: plan.model),
            .init(name: "PREFLIGHT_ALIAS", value: plan.alias),
            .init(name: "PREFLIGHT_RUN_ID", value: runID),
            .init(name: "PREFLIGHT_BUDGET_USD", value: plan.budget.decimalText),
            .init(name: "PREFLIGHT_BUDGET_FILE", value: Self.outputTarget + "/budget.txt"),
        ]
        if runPlan.passesBaseURL {
            ours.append(.init(name: "OPENROUTER_BASE_URL", value: ContainerAddress.rewriting(runPlan.baseURL)))
        }
        let names = Set(ours.map(\.name))
        return runPlan.experiment.env.filter { !names.contains($0.name) } + ours
    }
}
