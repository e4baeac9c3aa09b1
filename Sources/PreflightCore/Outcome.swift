/// How a trial ended. Each cause has a name of its own, so that no failure passes for a success.
package enum Outcome: String, Sendable, CaseIterable {
    case completed
    /// The agent's process failed by itself.
    case agentFailed = "agent_failed"
    /// An eject policy stopped it.
    case ejected
    case budgetExhausted = "budget_exhausted"
    /// The image is missing, cannot be read, or cannot run here.
    case imageFailed = "image_failed"
    /// The Docker engine, a mount or a limit failed, not the agent.
    case dockerFailed = "docker_failed"
    /// The agent gave up after the provider had failed for good: no balance, no such model, an outage without end.
    case providerFailed = "provider_failed"
    /// No sub-key could be made.
    case provisioningFailed = "provisioning_failed"
    case cancelled
    /// Preflight itself failed while it watched the trial.
    case harnessFailed = "harness_failed"
    /// The harness died; what the trial did after is not known.
    case lost

    /// The word in the status table.
    package var label: String {
        switch self {
        case .completed: "DONE"
        case .agentFailed: "FAILED"
        case .ejected: "EJECTED"
        case .budgetExhausted: "BUDGET"
        case .imageFailed: "IMAGE"
        case .dockerFailed: "DOCKER"
        case .providerFailed: "PROVIDER"
        case .provisioningFailed: "NOKEY"
        case .cancelled: "STOPPED"
        case .harnessFailed: "ERROR"
        case .lost: "lost"
        }
    }
}

/// Where a trial is in its life.
package enum Phase: String, Sendable {
    case pending, provisioning, starting, running, stopping, settling, finished
}
