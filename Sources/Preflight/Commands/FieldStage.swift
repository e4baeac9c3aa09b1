import Harness
import OpenRouter
import PreflightCore
import Store

/// A planned field with the way to its models that its experiment asks for: a new one, or one that is taken up again.
struct FieldStage {
    let wiring: Wiring
    let experiment: Experiment
    let plan: RunPlan
    let directory: RunDirectory
    let journal: Journal
    let management: OpenRouterClient
    let stop: StopSignal
    let orphanGrace: String?
    /// On the name of a new run; nil for one that is taken up again.
    var claim: RunClaim?
    let report: @Sendable (FieldEvent) -> Void

    /// Runs the field, and leaves a report of it beside its receipt.
    func run(_ body: @Sendable (FieldRun) async throws -> RunResult) async throws -> RunResult {
        let result = try await runField(body)
        // Whoever is in a hurry can have it from `preflight report`.
        if stop.urgency < .quick { await ReportWriter.write(after: directory.id, in: wiring.runs, journal: journal) }
        return result
    }

    private func runField(_ body: @Sendable (FieldRun) async throws -> RunResult) async throws -> RunResult {
        do {
            try FileNeed.check(
                concurrency: min(plan.trials.count, experiment.concurrency),
                isBehindGateway: experiment.access == .gateway, limit: FileLimit.current)
            return try await runClaimed(body)
        } catch {
            claim?.giveUp()
            throw error
        }
    }

    private func runClaimed(_ body: @Sendable (FieldRun) async throws -> RunResult) async throws -> RunResult {
        let workshop = Workshop(docker: wiring.docker, management: management, journal: journal, world: wiring.world)
        let lease = RunLease(run: directory.id, journal: journal, world: wiring.world)
        let beginGuard = try GuardCommand.starter(wiring, orphanGrace: orphanGrace)
        @Sendable func field(_ plan: RunPlan, shared: (any TrialEnvelope)? = nil) -> FieldRun {
            FieldRun(
                directory: directory, plan: plan, workshop: workshop, stop: stop, lease: lease, shared: shared,
                claim: claim, beginGuard: beginGuard, report: report)
        }
        if experiment.access == .gateway {
            let gateway = GatewayAccess(
                runID: directory.id, experiment: experiment, wiring: wiring, lease: lease, claim: claim,
                report: report)
            return try await gateway.withAccess { access in
                var plan = plan
                plan.access = access
                return try await body(field(plan))
            }
        }
        if let name = experiment.budget.envelope {
            let envelope = SharedEnvelope(
                name: name, total: experiment.budget.total, runID: directory.id, wiring: wiring, claim: claim)
            return try await envelope.withEnvelope { try await body(field(plan, shared: $0)) }
        }
        return try await body(field(plan))
    }
}
