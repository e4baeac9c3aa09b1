import Harness
import PreflightCore
import Reports
import Store

/// Runs trials of an ended run again: chooses them, says what they may cost, and hands the run to the harness.
struct RetryStage {
    let name: String
    let trials: [String]
    let causes: [String]
    let isDryRun: Bool
    let options: ResumeOptions

    private var terminal: Terminal { .shared }
    private var isJSON: Bool { options.place.json }

    func run() async throws {
        let pace = try RunOptions.pace(poll: options.poll, settle: options.settle)
        let causes = try causes.map { name throws(PreflightError) in try RetryRule.Cause(name: name) }
        var run = try await ReopenedRun(name: name, options: options)
        guard run.record.finishedAt != nil else {
            throw PreflightError(
                .refused, "\(run.record.id) has not ended: its process died",
                hint: "`preflight resume \(run.record.id)` takes it up to its end; then retry what failed")
        }
        let rule = RetryRule(
            causes: causes.isEmpty ? [.infrastructure] : causes,
            wanted: try trials.map { try TrialLookup.resolve($0, in: run.view) })
        var chosen = try rule.chosen(from: run.view.trials)
        guard !chosen.isEmpty else { return try tellNothing(run, rule) }
        if !isDryRun, try await giveBack(run) {
            // What a key had spent is known better now.
            run = try await ReopenedRun(name: name, options: options)
            chosen = try rule.chosen(from: run.view.trials)
        }

        let experiment = try run.experiment(toBegin: !isDryRun)
        let plan = try await run.plan(experiment, pace: pace)
        let again = plan.trials.filter { trial in chosen.contains { $0.alias == trial.alias } }
        let total = total(plan)
        let budget = RetryBudget(again: again, trials: run.view.trials, total: total)
        if isDryRun { return try await show(chosen, again, budget, run, experiment) }
        let drift = try await run.acceptedDrift(wanted: chosen.map(\.source), experiment)
        terminal.say(words(budget))
        if let room = budget.room, room == .zero {
            throw PreflightError(
                .refused, "nothing is left of budget.total: \(run.view.cost) is spent",
                hint: "`preflight run-multi` with a larger budget.total is another run")
        }
        let retrial = Retrial(
            who: OwnerStage.who, at: run.wiring.world.now(), trials: chosen.map(\.alias), drift: drift)
        let startedAt = run.record.createdAt
        try await run.go(plan) { try await $0.retry(retrial, startedAt: startedAt) }
    }

    /// Of an envelope the ledger knows what all runs have left of it: that is seen when the trials enter it.
    private func total(_ plan: RunPlan) -> USD? {
        plan.experiment.budget.envelope == nil ? plan.experiment.budget.total : nil
    }

    /// What the run could not remove at its end may still live: it goes before anything is made anew. False where there
    /// was nothing.
    private func giveBack(_ run: ReopenedRun) async throws -> Bool {
        guard try await run.journal.resourcesLeft().contains(where: { $0.run == run.record.id }) else { return false }
        let outcome = await run.wiring.sweeper(run.journal, only: [run.record.id]).sweep(force: false)
        for finding in outcome.removed { terminal.say("removed \(finding.kind.rawValue) \(finding.name)") }
        let left = outcome.failed.map { "\($0.finding.name): \($0.error)" } + outcome.blind
        if !left.isEmpty {
            throw PreflightError(
                .refused, "what \(run.record.id) has left could not be removed: \(left.joined(separator: "; "))",
                hint: "`preflight sweep` tries it again")
        }
        return true
    }
}

// MARK: Showing

extension RetryStage {
    private func tellNothing(_ run: ReopenedRun, _ rule: RetryRule) throws {
        let causes = rule.causes.map(\.name).joined(separator: " or ")
        if isJSON {
            terminal.data(JSON.record(["run": .string(run.record.id), "trials": .array([])]).prettyText)
        } else {
            terminal.say("nothing to run again: no trial of \(run.record.id) failed for \(causes)")
            terminal.data(ClosingTable.text(run.view.trials, width: terminal.tableWidth))
        }
        if !run.view.trials.allSatisfy({ $0.outcome == .completed }) { throw ExitStatus.no }
    }

    private func words(_ budget: RetryBudget) -> String {
        budget.room.map { "at most \(budget.most): budgets of \(budget.wanted), \($0) left of budget.total" }
            ?? "at most \(budget.most)"
    }

    private func show(
        _ chosen: [TrialSummary], _ again: [TrialPlan], _ budget: RetryBudget, _ run: ReopenedRun,
        _ experiment: Experiment
    ) async throws {
        let drift = try await run.drift(wanted: chosen.map(\.source), experiment).differences
        if isJSON {
            return terminal.data(
                JSON.record([
                    "run": .string(run.record.id), "at_most_usd": .usd(budget.most),
                    "total_left_usd": budget.room.map(JSON.usd), "drift": .strings(drift.map(\.text)),
                    "trials": .array(
                        zip(chosen, again).map { last, next in
                            .record([
                                "alias": .string(last.alias), "model": .string(last.model),
                                "outcome": last.outcome.map { .string($0.rawValue) },
                                "attempt": .int(last.attempt.number + 1), "budget_usd": .usd(next.budget),
                            ])
                        }),
                ]).prettyText)
        }
        for (last, next) in zip(chosen, again) {
            let why = last.reason.map { ": \(PlainText.oneLine($0))" } ?? ""
            terminal.data(
                "\(last.alias): attempt \(last.attempt.number + 1), \(next.budget); the last was "
                    + "\(last.outcome?.rawValue ?? "?")\(why)")
        }
        terminal.data(words(budget))
        for difference in drift { terminal.data("changed: \(difference.text)") }
    }
}
