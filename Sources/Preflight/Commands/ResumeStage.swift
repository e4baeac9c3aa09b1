import Harness
import PreflightCore
import Reports
import Store

/// Takes up a run: finds it, holds it against what has changed, and hands it to the harness.
struct ResumeStage {
    let name: String
    let options: ResumeOptions

    private var terminal: Terminal { .shared }

    func run() async throws {
        let pace = try RunOptions.pace(poll: options.poll, settle: options.settle)
        if let orphanGrace = options.orphanGrace { _ = try RunOptions.duration(orphanGrace, "--orphan-grace") }
        let run = try await ReopenedRun(name: name, options: options)
        if run.record.finishedAt != nil { return try show(run) }
        // One that an earlier resumption has found lost has ended.
        let ended = try await run.journal.trials(run: run.record.id).filter { $0.summary.outcome != nil }
        let wanted = run.view.trials.filter { trial in
            trial.outcome == .lost && !ended.contains { $0.summary.alias == trial.alias }
        }
        let experiment = try run.experiment(toBegin: wanted.contains(where: \.hasNoContainer))
        let drift = try await run.acceptedDrift(wanted: wanted.map(\.source), experiment)
        let plan = try await run.plan(experiment, pace: pace)
        let resumption = Resumption(who: OwnerStage.who, at: run.wiring.world.now(), drift: drift)
        try await run.go(plan) { try await $0.resume(resumption, startedAt: run.record.createdAt) }
    }

    private func show(_ run: ReopenedRun) throws {
        let view = run.view
        if options.place.json {
            terminal.data(view.json.prettyText)
        } else {
            terminal.say("\(view.id) has ended: there is nothing to resume")
            terminal.data(ClosingTable.text(view.trials, width: terminal.tableWidth))
        }
        if view.trials.contains(where: { $0.outcome == .harnessFailed }) { throw ExitStatus.failed }
        if run.record.exitStatus != Int(ExitStatus.success.rawValue) { throw ExitStatus.no }
    }
}

extension TrialSummary {
    /// As far as is known, none was started.
    fileprivate var hasNoContainer: Bool { [.pending, .provisioning, .starting].contains(phase) }
}
