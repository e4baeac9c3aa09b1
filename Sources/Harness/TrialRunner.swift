import Containers
import OpenRouter
import PreflightCore
import Store

/// Runs one trial from its sub-key to its receipt.
///
/// Whatever happens in between, the container is dead and removed and the key deleted when `run()` returns, or what
/// could not be removed stays in the journal and is named.
struct TrialRunner: Sendable {
    let plan: TrialPlan
    let runID: String
    let nonce: String
    let directory: TrialDirectory
    let runPlan: RunPlan
    let network: String
    let harnessLockPath: String
    let promptPath: String?
    let recorder: TrialRecorder
    let docker: Docker
    let provisioner: Provisioner
    let journal: Journal
    let engine: EngineWatch
    let stop: StopSignal
    let world: World
    let report: @Sendable (FieldEvent) -> Void
    let command = CommandState()

    var pace: Pace { runPlan.pace }
    var containerName: String { Names.container(run: runID, trial: plan.alias, nonce: nonce) }

    func run() async -> TrialSummary {
        recorder.record(
            "trial_started",
            [
                "alias": .string(plan.alias), "model": .string(plan.model), "budget": .usd(plan.budget),
                "image": .string(runPlan.imageID), "repetition": .int(plan.repetition),
            ])
        report(.trialStarted(plan))
        guard stop.urgency == .none else { return finish(.cancelled, "stopped before it began") }

        let expiresAt = world.now() + runPlan.experiment.limits.wall + pace.keyGrace
        let key: ProvisionedKey
        do {
            key = try await provisioner.create(
                run: runID, trial: plan.alias, limit: plan.budget, expiresAt: expiresAt)
        } catch {
            return finish(.provisioningFailed, "no sub-key: \(error)")
        }
        recorder.record(
            "subkey_created",
            [
                "name": .string(key.name), "hash": .string(key.hash), "limit": .usd(plan.budget),
                "expires_at": .string(expiresAt.iso8601),
            ])
        let end = await supervise(key: key, until: expiresAt)
        return await settle(key: key, end: end)
    }

    /// What is known once no process of the trial runs any more.
    struct End: Sendable {
        var outcome: Outcome
        var reason: String
    }

    /// Reconciles the spend, gives back the key, and writes the receipt.
    private func settle(key: ProvisionedKey, end: End) async -> TrialSummary {
        // Shielded: the key must go, also when the run is being cancelled.
        await shielded {
            report(.settling(plan))
            let reconciliation = await Settlement(
                runner: self, key: key, endedWell: end.outcome == .completed
            ).reconcile()
            recorder.note(unknownUpTo: reconciliation.unknownUpTo)
            recorder.record(
                "spend_reconciled",
                [
                    "spent": .usd(recorder.trialState.spend), "settled": .bool(reconciliation.isSettled),
                    "unknown_up_to": reconciliation.unknownUpTo.map(JSON.usd), "note": .string(reconciliation.note),
                ])
            do {
                try await provisioner.delete(key, isHurried: stop.urgency == .quick)
                recorder.record("subkey_deleted", ["hash": .string(key.hash)])
            } catch {
                recorder.record("subkey_not_deleted", ["hash": .string(key.hash), "error": .string("\(error)")])
                report(
                    .warning(
                        "\(plan.alias): sub-key \(key.name) could not be deleted (\(error)); "
                            + "`preflight sweep` will try again"))
            }
            return finish(end.outcome, end.reason)
        }
    }

    func finish(_ outcome: Outcome, _ reason: String) -> TrialSummary {
        recorder.note(reason: reason)
        recorder.record(
            "trial_finished",
            [
                "outcome": .string(outcome.rawValue), "reason": .string(reason),
                "cost": .usd(recorder.trialState.spend),
            ])
        var summary = recorder.summary
        do {
            try recorder.synchronize()
            if let failure = recorder.failure { throw failure }
            try Files.replace(directory.summaryPath, with: summary.json.prettyText + "\n")
        } catch {
            report(.warning("\(plan.alias): its record is not complete: \(error)"))
            summary.outcome = summary.outcome == .completed ? .harnessFailed : summary.outcome
            summary.reason = "\(summary.reason ?? ""); its record is not complete: \(error)"
        }
        report(.finished(summary))
        return summary
    }
}
