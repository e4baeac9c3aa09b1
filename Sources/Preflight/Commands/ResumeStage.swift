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
        if run.record.finishedAt != nil { return show(run.view) }
        let wanted = run.view.trials.filter { $0.outcome == .lost }
        let experiment = try run.experiment(toBegin: wanted.contains(where: \.hasNoContainer))
        let drift = try await run.acceptedDrift(wanted: wanted.map(\.source), experiment)
        let plan = try await run.plan(experiment, pace: pace)
        let resumption = Resumption(who: OwnerStage.who, at: run.wiring.world.now(), drift: drift)
        try await run.go(plan) { try await $0.resume(resumption, startedAt: run.record.createdAt) }
    }

    private func show(_ view: RunView) {
        if options.place.json { return terminal.data(view.json.prettyText) }
        terminal.say("\(view.id) has ended: there is nothing to resume")
        terminal.data(ClosingTable.text(view.trials, width: terminal.tableWidth))
    }
}

extension TrialSummary {
    /// As far as is known, none was started.
    fileprivate var hasNoContainer: Bool { [.pending, .provisioning, .starting].contains(phase) }
}
