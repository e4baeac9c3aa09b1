import Containers
import Foundation
import OpenRouter
package import PreflightCore
package import Store

/// One execution of an experiment: its trials side by side, each in its own container.
package struct FieldRun: Sendable {
    package let directory: RunDirectory
    let plan: RunPlan
    let workshop: Workshop
    let stop: StopSignal
    let nonce: String
    let lease: RunLease
    let shared: (any TrialEnvelope)?
    let claim: RunClaim?
    let beginGuard: (@Sendable (RunDirectory) throws -> Void)?
    let report: @Sendable (FieldEvent) -> Void
    let breaker: FieldBreaker
    let hooks: FieldHooks
    let race: RaceDesk
    private let raceClock = RaceClock()
    /// Of the field itself.
    let left = LeftBehind()

    /// - Parameters:
    ///   - lease: the run's own; by default it is made here.
    ///   - shared: where other runs share the total; by default it is this run's own.
    ///   - claim: on the name of a new run, where it was taken before; by default `run` takes it.
    ///   - beginGuard: starts what ends the run's containers should this process die.
    package init(
        directory: RunDirectory, plan: RunPlan, workshop: Workshop, stop: StopSignal, lease: RunLease? = nil,
        shared: (any TrialEnvelope)? = nil, claim: RunClaim? = nil,
        beginGuard: (@Sendable (RunDirectory) throws -> Void)? = nil,
        report: @escaping @Sendable (FieldEvent) -> Void
    ) {
        self.directory = directory
        self.plan = plan
        self.workshop = workshop
        self.stop = stop
        self.report = report
        self.beginGuard = beginGuard
        self.shared = shared
        self.claim = claim
        self.lease = lease ?? RunLease(run: directory.id, journal: workshop.journal, world: workshop.world)
        nonce = workshop.world.nonce(6)
        breaker = FieldBreaker(stop: stop, world: workshop.world)
        hooks = FieldHooks(run: directory.id, plan.experiment.eject.rules, world: workshop.world)
        race = RaceDesk(plan.experiment.eject.rules, trials: plan.trials)
    }

    /// Runs the field to its end, or to the owner's.
    ///
    /// - Parameters:
    ///   - experimentText: the experiment as resolved, in YAML.
    ///   - lock: what the run is made with. Both are written before anything is made outside.
    package func run(experimentText: String, lock: JSON) async throws -> RunResult {
        let world = workshop.world
        let startedAt = world.now()
        // A run's record is never written over.
        let claim = try claim ?? RunClaim(directory)
        defer { withExtendedLifetime(claim) {} }
        claim.use()
        try await workshop.journal.begin(
            directory, trials: plan.trials.map { TrialSummary(plan: $0) }, at: startedAt)
        MarkedStep.runBegun.pass()
        let trials: [TrialSummary]
        do {
            try await lease.take()
            do { try beginGuard?(directory) } catch {
                report(.warning("no guard: should this process be killed, containers run on (\(error))"))
            }
            // The experiment comes last: where it is, a run can be taken up.
            if let prompt = plan.prompt { try Files.replace(directory.promptPath, with: prompt) }
            try Files.replace(directory.lockPath, with: lock.prettyText + "\n")
            try Files.replace(directory.experimentPath, with: experimentText)
            report(.runStarted(id: directory.id, directory: directory.path, trials: plan.trials.count))
            let starts = plan.trials.map { TrialStart($0) }
            // Behind the gateway every trial has a network of its own.
            trials =
                plan.access == nil
                ? try await withNetwork { network in try await runTrials(starts, network: network, since: startedAt) }
                : try await runTrials(starts, network: "", since: startedAt)
        } catch {
            // No trial has begun: a trial's own failure is a summary, not an error.
            await recordFailedStart(error)
            throw error
        }
        return try await finish(trials, since: startedAt)
    }

    func withNetwork<T: Sendable>(_ body: (String) async throws -> T) async throws -> T {
        let name = Names.network(run: directory.id, nonce: nonce)
        let workshop = workshop
        let entry = try await workshop.journal.intend(
            .network, name: name, run: directory.id, trial: nil, at: workshop.world.now())
        MarkedStep.networkIntended.pass()
        do {
            try await workshop.docker.createNetwork(
                name,
                labels: [
                    .init(name: Names.runLabel, value: directory.id),
                    .init(name: Names.lockLabel, value: directory.harnessLockPath),
                ])
            MarkedStep.networkMade.pass()
            try await workshop.journal.made(entry, handle: nil, at: workshop.world.now())
        } catch let failure as DockerFailure {
            // It may have been made all the same; whatever stays is in the journal for a sweep.
            await shielded {
                do {
                    try await workshop.docker.removeNetwork(name)
                    try await workshop.journal.gone(entry, at: workshop.world.now())
                } catch { left.note("network \(name)") }
            }
            throw PreflightError(.refused, "no network for the run: \(failure.message)", hint: failure.hint)
        }
        return try await removing(network: name, entry: entry, after: body)
    }

    func removing<T: Sendable>(
        network name: String, entry: Int64, after body: (String) async throws -> T
    ) async throws -> T {
        let workshop = workshop
        let result: Result<T, any Error>
        do { result = .success(try await body(name)) } catch { result = .failure(error) }
        let (report, left) = (report, left)
        await shielded {
            do {
                try await workshop.docker.removeNetwork(name)
                try await workshop.journal.gone(entry, at: workshop.world.now())
            } catch {
                left.note("network \(name)")
                report(.warning("network \(name) could not be removed (\(error)); `preflight sweep` will try again"))
            }
        }
        return try result.get()
    }

    func runTrials(_ starts: [TrialStart], network: String, since: Timestamp) async throws -> [TrialSummary] {
        let engine = EngineWatch(docker: workshop.docker)
        // The gateway's ledger holds the total call by call, so that no trial has to wait for its whole budget.
        let envelope: any TrialEnvelope =
            shared
            ?? Envelope(
                total: plan.access == nil ? plan.experiment.budget.total : nil,
                spent: starts.reduce(.zero) { $0 + $1.spentBefore })
        let promptPath = plan.prompt.map { _ in directory.promptPath }
        let board = FieldBoard(starts.map(\.plan))
        for kept in starts.compactMap(\.kept) {
            board.finish(kept)
            race.take(kept)
        }
        for start in starts {
            if let state = start.remains?.recorder.trialState { race.take(state, of: start.plan.alias) }
        }
        var begins: [(start: TrialStart, control: TrialControl)] = []
        for start in starts {
            let control = TrialControl(plan: start.plan, stop: stop.makeChild())
            if start.kept != nil { await control.close() }
            begins.append((start, control))
        }
        let controls = begins.map(\.control)
        let runs = begins.filter { $0.start.kept == nil }
        let desk = OwnerDesk(
            run: directory.id, controls: controls, stop: stop, journal: workshop.journal, world: workshop.world,
            total: plan.access?.total ?? envelope.door, envelope: envelope, report: report)

        return await withTaskGroup(of: [TrialSummary]?.self) { group in
            group.addTask {
                await engine.run(runID: directory.id, since: since, world: workshop.world)
                return nil
            }
            group.addTask {
                await publish(board)
                return nil
            }
            group.addTask {
                await keepOnDisk(board)
                return nil
            }
            group.addTask {
                await lease.keep(every: plan.pace.lease, stop: stop, report: report)
                return nil
            }
            group.addTask {
                await breaker.attend(controls, management: workshop.management, report: report)
                return nil
            }
            group.addTask {
                await desk.attend(every: plan.pace.requests)
                return nil
            }
            group.addTask {
                await hooks.attend(controls, report: report)
                return nil
            }
            group.addTask {
                await race.attend(controls)
                return nil
            }
            group.addTask {
                await runAll(runs, board, envelope: envelope) { control, remains in
                    try runner(
                        for: control, remains, network: network, engine: engine, promptPath: promptPath)
                }
            }
            var summaries: [TrialSummary] = []
            for await finished in group {
                guard let finished else { continue }
                summaries = finished
                group.cancelAll()
            }
            let last = summaries
            await shielded {
                do {
                    let now = workshop.world.now()
                    try await workshop.journal.update(last, run: directory.id, at: now)
                    try await workshop.journal.closeRequests(run: directory.id, "the run is over", at: now)
                } catch {
                    report(.warning("the journal does not hold the field's end: \(error)"))
                }
            }
            return summaries
        }
    }

    func recorder(_ trial: TrialPlan, lastStderr: [String] = []) throws -> TrialRecorder {
        try TrialRecorder(
            plan: trial, directory: directory.trial(trial.attempt),
            policies: plan.experiment.eject + [
                PolicyRule(.wall(plan.experiment.limits.wall)), PolicyRule(.heldTooLong),
            ],
            bounds: plan.bounds,
            lastStderr: lastStderr, world: workshop.world, raceClock: raceClock,
            observe: { [breaker, hooks, race] event, state in
                breaker.take(event, of: trial, state)
                hooks.take(event, of: trial, state)
                race.take(event, of: trial.alias)
            })
    }

    private func runner(
        for control: TrialControl, _ remains: TrialStart.Remains?, network: String, engine: EngineWatch,
        promptPath: String?
    ) throws -> TrialRunner {
        let trial = control.plan
        let trialDirectory = directory.trial(trial.attempt)
        try trialDirectory.create()
        let recorder = try remains?.recorder ?? recorder(trial)
        let old = remains?.remains.answer == .begin ? nil : remains?.remains.container
        return TrialRunner(
            plan: trial, runID: directory.id, nonce: nonce, directory: trialDirectory, runPlan: plan,
            network: network, harnessLockPath: directory.harnessLockPath, promptPath: promptPath,
            recorder: recorder, docker: workshop.docker,
            provisioner: workshop.provisioner, journal: workshop.journal, engine: engine, control: control,
            hooks: hooks, world: workshop.world, report: report,
            containerName: old?.name ?? Names.container(run: directory.id, trial: trial.alias, nonce: nonce))
    }

    private typealias MakeRunner = @Sendable (TrialControl, TrialStart.Remains?) throws -> TrialRunner

    /// At most `concurrency` trials at a time, in their order, as the envelope allows. What runs already goes first.
    private func runAll(
        _ trials: [(start: TrialStart, control: TrialControl)], _ board: FieldBoard, envelope: any TrialEnvelope,
        makeRunner: @escaping MakeRunner
    ) async -> [TrialSummary] {
        let (alive, waiting) = (trials.filter(\.start.hasBegun), trials.filter { !$0.start.hasBegun })
        await withTaskGroup(of: Void.self) { group in
            var next = 0
            func startNext() {
                guard next < waiting.count else { return }
                let (start, control) = waiting[next]
                next += 1
                group.addTask { await run(start, control, board, envelope, makeRunner) }
            }
            for (start, control) in alive {
                let budget = start.remains?.recorder.trialState.budget ?? start.plan.budget
                control.setHeld(budget)
                await envelope.adopt(budget, for: start.plan.alias)
                group.addTask { await run(start, control, board, envelope, makeRunner) }
            }
            await envelope.endAdoption(
                spent: board.summaries.flatMap { $0.earlier + ($0.outcome == nil ? [] : [$0]) }
                    .reduce(.zero) { $0 + $1.mostSpent })
            for _ in 0..<max(0, plan.experiment.concurrency - alive.count) { startNext() }
            for await _ in group { startNext() }
        }
        return board.summaries
    }

    private func run(
        _ start: TrialStart, _ control: TrialControl, _ board: FieldBoard, _ envelope: any TrialEnvelope,
        _ makeRunner: MakeRunner
    ) async {
        let trial = control.plan
        // One that is stopped or ejected gives up its place in the queue.
        var hasRoom = start.hasBegun
        if !hasRoom {
            hasRoom = await cancelling(when: control.withdrawal) {
                await envelope.enter(trial.budget, for: trial.alias)
            }
        }
        let runner: TrialRunner
        do {
            // Made only now, so that a trial's time begins with it and files are open only while it runs.
            runner = try makeRunner(control, start.remains)
        } catch {
            if hasRoom { await envelope.leave(trial.budget, spent: .zero, for: trial.alias) }
            await control.close()
            board.finish(trial, failure: "\(error)")
            report(.warning("\(trial.alias): not started: \(error)"))
            return
        }
        board.begin(runner.recorder)
        control.begin(runner.recorder)
        guard hasRoom else {
            let full = "budget.total has no room for its \(trial.budget); raise it, or lower budget.per_trial"
            if let end = control.earlyEnd {
                board.finish(await runner.end(early: end))
            } else {
                await control.close()
                board.finish(runner.finish(.provisioningFailed, full))
            }
            return
        }
        let summary: TrialSummary
        if let remains = start.remains?.remains {
            hooks.takeUp(runner.recorder.found.state, of: trial)
            summary = await runner.resume(remains)
        } else {
            summary = await runner.run()
        }
        board.finish(summary)
        // What may still turn up on the bill does not return to the envelope.
        await envelope.leave(
            control.held, spent: summary.mostSpent, for: trial.alias)
    }

    /// Keeps the journal's picture of the field fresh, for `preflight status`.
    private func publish(_ board: FieldBoard) async {
        var last: [TrialSummary] = []
        while !Task.isCancelled {
            let summaries = board.summaries
            if summaries != last {
                report(.standing(summaries))
                // What the journal says of a log must not be ahead of the log on the disk.
                await board.synchronize()
                try? await workshop.journal.update(summaries, run: directory.id, at: workshop.world.now())
            }
            last = summaries
            try? await workshop.world.clock.sleep(for: plan.pace.status)
        }
    }
    /// No event is away from the disk for longer than a second.
    private func keepOnDisk(_ board: FieldBoard) async {
        while !Task.isCancelled {
            await board.synchronize()
            try? await workshop.world.clock.sleep(for: plan.pace.disk)
        }
    }
}
