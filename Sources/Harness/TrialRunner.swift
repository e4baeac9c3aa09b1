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
    let control: TrialControl
    let hooks: FieldHooks
    let world: World
    let report: @Sendable (FieldEvent) -> Void
    var containerName: String
    let command = CommandState()

    var pace: Pace { runPlan.pace }
    var stop: StopSignal { control.stop }

    func run() async -> TrialSummary {
        recorder.record(
            "trial_started",
            [
                "alias": .string(plan.alias), "model": .string(plan.model),
                "upstream": plan.upstream.map(JSON.string), "budget": .usd(plan.budget),
                "image": .string(runPlan.imageID), "repetition": .int(plan.repetition),
                "access": .string(runPlan.access == nil ? "direct" : "gateway"),
                "policies": .int(recorder.policies.rules.count),
                "attempt": plan.earlier.isEmpty ? nil : .int(plan.attempt.number),
            ])
        control.tellEarlyRequests()
        report(.trialStarted(plan))
        if let early = control.earlyEnd { return await end(early: early) }

        let expiresAt = world.now() + runPlan.experiment.limits.wall + pace.keyGrace
        var key: ProvisionedKey?
        if usesOpenRouter {
            let made: ProvisionedKey
            do {
                made = try await provisioner.create(
                    run: runID, trial: plan.attempt.name, limit: plan.budget, expiresAt: expiresAt,
                    patience: keyPatience())
            } catch {
                if let early = control.earlyEnd { return await self.end(early: early) }
                await control.close()
                let cause = (error as? OpenRouterError)?.cause ?? "journal"
                return finish(.provisioningFailed, "no sub-key: \(error)", cause: cause)
            }
            recordKey(made, limit: plan.budget, expiresAt: expiresAt)
            key = made
        }
        let (end, account) = await withPath(key: key, until: expiresAt) { path in
            await supervise(key: key, path: path)
        }
        return await settle(key: key, end: end, account: account)
    }

    /// A management API that is away is waited for, for as long as calls wait, until the trial is to end.
    ///
    /// - Parameter most: no longer than that.
    func keyPatience(most: Duration? = nil) -> Provisioner.Patience {
        let limits = [runPlan.experiment.limits.outage, most].compactMap(\.self)
        let limit = limits.reduce(pace.keyOutage) { min($0, $1) }
        return Provisioner.Patience(
            limit: limit,
            tell: { failure in
                report(
                    .warning(
                        "\(plan.alias): no sub-key yet (\(failure)); it is tried for \(limit.shortText)"))
            },
            wait: { pause in
                // In parts: whoever ejects the trial is not to wait for all of a long one.
                var left = pause
                while left > .zero, control.earlyEnd == nil {
                    let part = min(left, .seconds(1))
                    await cancelling(when: stop) { _ = try? await world.clock.sleep(for: part) }
                    left -= part
                }
                return control.earlyEnd == nil
            })
    }

    /// Another upstream knows nothing of sub-keys: what such a trial may spend, and has spent, the ledger alone says.
    var usesOpenRouter: Bool { plan.upstream == nil }

    func recordKey(_ key: ProvisionedKey, limit: USD, expiresAt: Timestamp) {
        recorder.record(
            "subkey_created",
            [
                "name": .string(key.name), "hash": .string(key.hash), "limit": .usd(limit),
                "expires_at": .string(expiresAt.iso8601),
            ])
    }

    /// An end before anything was made for the trial.
    func end(early end: (outcome: Outcome, reason: String)) async -> TrialSummary {
        control.tellEarlyRequests()
        await control.close()
        let end = early(end, "before it began")
        return finish(end.outcome, end.reason, cause: end.cause)
    }

    /// An end that came before its container.
    func early(_ end: (outcome: Outcome, reason: String), _ when: String) -> End {
        let isFieldEnded = end.outcome == .cancelled && stop.cause != nil
        return End(
            outcome: end.outcome, reason: "\(end.reason), \(when)", cause: isFieldEnded ? EndRule.fieldEnded : nil)
    }

    /// What is known once no process of the trial runs any more.
    struct End: Sendable {
        var outcome: Outcome
        var reason: String
        /// A stable word for what stands behind it; nil where the outcome says it all.
        var cause: String?

        init(outcome: Outcome, reason: String, cause: String? = nil) {
            self.outcome = outcome
            self.reason = reason
            self.cause = cause
        }

        /// Docker, or the image, failed.
        init(_ failure: DockerFailure, _ what: String = "") {
            self.init(
                outcome: failure.isOfImage ? .imageFailed : .dockerFailed,
                reason: "\(what)\(failure.message); \(failure.hint)", cause: failure.kind.rawValue)
        }
    }

    /// Reconciles the spend, gives back the key, and writes the receipt.
    ///
    /// - Parameters:
    ///   - key: nil where the trial never had any.
    ///   - quietBeforeSweep: as of `TrialRemains`.
    func settle(
        key: ProvisionedKey?, end: End, account: ModelAccess.Account?, quietBeforeSweep: Duration? = nil
    ) async -> TrialSummary {
        // Shielded: the key must go, also when the run is being cancelled.
        await shielded {
            report(.settling(plan))
            // Whoever goes on after a crash must not begin anew what has ended before its container.
            if recorder.trialState.judged == nil { note(end) }
            if !usesOpenRouter {
                if !recorder.trialState.isReconciled { await reconcileByLedger(account) }
                MarkedStep.spendReconciled.pass()
            } else if let key {
                // A process that died may have said the last word already.
                if !recorder.trialState.isReconciled {
                    await reconcile(account) {
                        let settlement = Settlement(runner: self, key: key, endedWell: end.outcome == .completed)
                        guard let quiet = quietBeforeSweep else { return await settlement.reconcile() }
                        return settlement.afterSweep(quiet: quiet)
                    }
                }
                MarkedStep.spendReconciled.pass()
                for key in key.earlier + [key] { await giveBack(key) }
            }
            await scoreOutput(after: end)
            await hooks.settle(plan, isQuick: stop.urgency == .quick) { recorder.record($0, $1) }
            return finish(end.outcome, end.reason, cause: end.cause)
        }
    }

    func giveBack(_ key: ProvisionedKey) async {
        do {
            try await delete(key)
            recorder.record("subkey_deleted", ["hash": .string(key.hash), "name": .string(key.name)])
        } catch {
            recorder.record(
                "subkey_not_deleted",
                ["hash": .string(key.hash), "name": .string(key.name), "error": .string("\(error)")])
            report(
                .warning(
                    "\(plan.alias): sub-key \(key.name) could not be deleted (\(error)); "
                        + "`preflight sweep` will try again"))
        }
    }

    /// Tries for a while, with longer and longer pauses: a management API that is down comes back.
    private func delete(_ key: ProvisionedKey) async throws {
        let began = world.uptime()
        var wait = Duration.seconds(1)
        while true {
            do throws(OpenRouterError) {
                try await provisioner.remove(key, isHurried: stop.urgency == .quick)
                return await noteGone(key.entry)
            } catch {
                let left = pace.giveBack - (world.uptime() - began)
                guard stop.urgency < .quick, left > .zero else { throw error }
                if wait == .seconds(1) {
                    report(
                        .warning(
                            "\(plan.alias): sub-key \(key.name) cannot be deleted yet (\(error)); "
                                + "it is tried for \(pace.giveBack.shortText)"))
                }
                await pause(min(wait, left))
                wait = min(wait * 2, .seconds(15))
            }
        }
    }

    /// It is given back; that the journal does not know of it costs a later sweep a look.
    func noteGone(_ entry: Int64) async {
        do { try await journal.gone(entry, at: world.now()) } catch {
            report(.warning("\(plan.alias): the journal does not hold what was given back: \(error)"))
        }
    }

    private func reconcile(_ account: ModelAccess.Account?, byKey ask: () async -> Settlement.Result) async {
        if let account, account.held == .zero, account.failure == nil {
            // Every call said what it cost: nothing is left to wait for.
            recorder.record(
                "spend_reconciled",
                ["spent": .usd(account.settled), "settled": true, "note": "the sum of the ledger's calls"])
            return
        }
        let reconciliation = await ask()
        // The provider's figure for the key stands for what the ledger could not find out.
        var unknown = reconciliation.unknownUpTo
        var spent = recorder.trialState.spend
        var isSettled = reconciliation.isSettled
        if let account, account.failure == nil {
            let polled = recorder.trialState.polledSpend
            // A figure below what the calls themselves said is not the last one.
            isSettled = isSettled && polled >= account.settled
            unknown = isSettled ? nil : account.held
            spent = max(account.settled, polled)
            for call in isSettled ? await account.settle(spent) : [] {
                let fields: JSON = ["call": .int(Int(call.call)), "cost_usd": .usd(call.cost), "basis": "key"]
                recorder.recordGateway("call_reconciled", fields.object ?? JSON.Object())
            }
        }
        recorder.record(
            "spend_reconciled",
            [
                "spent": .usd(spent), "settled": .bool(isSettled),
                "unknown_up_to": unknown.map(JSON.usd), "note": .string(reconciliation.note),
            ])
    }

    /// The account of a trial that has no key at OpenRouter: calls whose cost is unknown stay held.
    private func reconcileByLedger(_ account: ModelAccess.Account?) async {
        var account = account
        if account == nil, let access = runPlan.access {
            account = await access.reckon(plan.attempt.name, recorder.found.calls) { take($0, $1) }
        }
        let failure = account.map(\.failure) ?? "the ledger was not asked"
        let spent = failure == nil ? account?.settled ?? .zero : recorder.trialState.spend
        let rest = max(.zero, (recorder.trialState.budget ?? plan.budget) - spent)
        let held = failure == nil ? account?.held ?? .zero : rest
        recorder.record(
            "spend_reconciled",
            [
                "spent": .usd(spent), "settled": .bool(held == .zero),
                "unknown_up_to": held == .zero ? nil : .usd(held), "upstream": plan.upstream.map(JSON.string),
                "note": .string(failure ?? "the sum of the ledger's calls"),
            ])
    }

    func finish(_ outcome: Outcome, _ reason: String, cause: String? = nil) -> TrialSummary {
        noteUnscored()
        recorder.record(
            "trial_finished",
            [
                "outcome": .string(outcome.rawValue), "reason": .string(reason),
                "cost": .usd(recorder.trialState.spend), "cause": cause.map(JSON.string),
            ])
        MarkedStep.trialFinished.pass()
        var summary = recorder.summary
        do {
            if let failure = recorder.failure { throw failure }
            try Files.replace(directory.summaryPath, with: summary.json.prettyText + "\n")
            MarkedStep.receiptWritten.pass()
        } catch {
            report(.warning("\(plan.alias): its record is not complete: \(error)"))
            summary.reason =
                summary.outcome == .harnessFailed
                ? summary.reason : "\(summary.reason ?? ""); its record is not complete: \(error)"
            summary.outcome = summary.outcome == .completed ? .harnessFailed : summary.outcome
            summary.cause = summary.outcome == .harnessFailed ? Verdict.recordFailed : summary.cause
        }
        report(.finished(summary))
        return summary
    }
}
