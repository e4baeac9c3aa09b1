import Containers
import Foundation
import Harness
import OpenRouter
import PreflightCore
import Reports
import Store

/// A run that nobody watches, as it was made, to be gone on with: to resume it, or to run trials of it again.
struct ReopenedRun {
    let options: ResumeOptions
    let wiring: Wiring
    let view: RunView
    let record: RunRecord
    let directory: RunDirectory
    let journal: Journal
    let management: OpenRouterClient

    private var terminal: Terminal { .shared }

    /// - Throws: `usage` where there is no such run, `refused` where somebody watches it, or keys cannot be managed.
    init(name: String, options: ResumeOptions) async throws {
        self.options = options
        if let orphanGrace = options.orphanGrace { _ = try RunOptions.duration(orphanGrace, "--orphan-grace") }
        wiring = try Wiring(runsDirectory: options.place.runsDir)
        let journal = try wiring.existingJournal()
        var view = try await RunLookup.find(name, in: wiring.runs, journal: journal)
        guard let journal, let record = try await journal.run(view.id) else {
            throw PreflightError(
                .usage, "\(view.id) is not in \(wiring.runs.journalPath): what it has left is not known",
                hint: "name the directory with its journal by --runs-dir")
        }
        self.journal = journal
        self.record = record
        directory = RunDirectory(path: record.directory, id: record.id)
        // As they are on record, without what was scored later.
        view.trials = try await RunView.read(record, journal: journal, ledger: wiring.runs.journalPath).trials
        if view.isAlive { throw Self.living(directory) }
        self.view = view
        management = try wiring.management(
            isNeeded: view.trials.contains { $0.upstream == nil },
            "no management key: sub-keys can be neither read nor deleted",
            hint: "set OR_ADMIN_KEY to the key that the run was started with")
    }

    private static func living(_ directory: RunDirectory) -> PreflightError {
        let process = (try? Files.read(directory.harnessLockPath)).map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return PreflightError(
            .refused, "\(directory.id) is running" + (process.map { ", as process \($0)" } ?? ""),
            hint: "`preflight status \(directory.id)` shows it, `preflight stop \(directory.id)` ends it")
    }

    /// - Parameter experiment: the run's own.
    func plan(_ experiment: Experiment, pace: Pace) async throws -> RunPlan {
        var plan = RunPlan.make(experiment, imageID: try await image(), prompt: try prompt(), pace: pace, wiring)
        plan.trials = trials(experiment)
        plan.scorer = await scorer(experiment, imageID: plan.imageID)
        if let total = try await journal.extendedTotal(run: record.id) { plan.experiment.budget.total = total }
        return plan
    }

    /// Hands the run to the harness, tells what happens, and throws what the run exits with.
    func go(_ plan: RunPlan, _ body: @escaping @Sendable (FieldRun) async throws -> RunResult) async throws {
        let stop = StopSignal()
        let signals = Signals(stop: stop)
        let telling = RunTelling(
            isJSON: options.place.json,
            board: RunBoard(
                isPlain: options.plain, directory: directory, budget: plan.experiment.budget,
                createdAt: record.createdAt, journal: journal, wiring: wiring))
        let field = FieldStage(
            wiring: wiring, experiment: plan.experiment, plan: plan, directory: directory, journal: journal,
            management: management, stop: stop, orphanGrace: options.orphanGrace,
            report: telling.progress())
        try await telling.finish(try await telling.following { try await field.run(body) }, signals)
    }
}

// MARK: What the run was made of

extension ReopenedRun {
    /// Trials as they were planned; those that an edited experiment has besides do not belong to this run.
    private func trials(_ experiment: Experiment) -> [TrialPlan] {
        let planned = experiment.trials()
        return view.trials.map { trial in
            var plan = planned.first { $0.alias == trial.alias && $0.source == trial.source } ?? TrialPlan(trial)
            plan.earlier = trial.earlier
            return plan
        }
    }

    /// The run's own record of its experiment, with the values of its variables as they are here.
    ///
    /// - Parameter toBegin: whether containers are still to be made. Those that are there have their values.
    func experiment(toBegin: Bool) throws -> Experiment {
        let loader = ExperimentLoader(environment: wiring.settings.environment, workingDirectory: directory.path)
        guard Files.exists(directory.experimentPath) else {
            throw PreflightError(
                .refused, "\(view.id) has no experiment.yaml: its process died before anything began",
                hint: "start it anew under another --run-id")
        }
        var experiment = try loader.read(directory.experimentPath, isRecord: true)
        let given = try options.env.map(loader.variable)
        var missing: [String] = []
        for (index, variable) in experiment.env.enumerated() where variable.value == Experiment.hiddenValue {
            if let value = given.last(where: { $0.name == variable.name })?.value
                ?? wiring.settings.environment[variable.name]
            {
                experiment.env[index].value = value
            } else {
                missing.append(variable.name)
            }
        }
        if toBegin, !missing.isEmpty {
            throw PreflightError(
                .refused,
                "trials are still to begin, and the values of \(missing.joined(separator: ", ")) are not in the record",
                hint: "set them in the environment, or give "
                    + missing.map { "--env \($0)=VALUE" }.joined(separator: " "))
        }
        return experiment
    }

    /// One that cannot run any more keeps nobody from taking up the run.
    private func scorer(_ experiment: Experiment, imageID: String) async -> ScorerPlan? {
        guard let scorer = experiment.score else { return nil }
        do {
            return try await ScorerPlan.make(
                scorer, imageID: imageID, limits: experiment.limits, docker: wiring.docker)
        } catch {
            let problem = (error as? PreflightError)?.message ?? "\(error)"
            terminal.say("warning: \(problem)")
            return .broken(scorer, limits: experiment.limits, problem)
        }
    }

    private func prompt() throws -> String? {
        guard Files.exists(directory.promptPath) else { return nil }
        return String(decoding: try Files.read(directory.promptPath), as: UTF8.self)
    }

    private func lock() throws -> JSON {
        do { return try JSON.parse(try Files.read(directory.lockPath)) } catch {
            throw PreflightError(
                .refused, "\(directory.lockPath) cannot be read: what the run was made with is not known")
        }
    }

    /// The image as it is named now; where that is gone, the one of the beginning.
    private func image() async throws -> String {
        let image = try lock()["image"]
        let pinned = image?["id"]?.string ?? ""
        guard let name = image?["name"]?.string, let present = try? await wiring.docker.image(name) else {
            return pinned
        }
        return present.id
    }

    /// Shows what has changed since the run began.
    ///
    /// - Parameter wanted: the models still to run.
    /// - Throws: `refused` where that was not accepted beforehand.
    func acceptedDrift(wanted: [ModelSource], _ experiment: Experiment) async throws -> [String] {
        let drift = try await drift(wanted: wanted, experiment)
        for note in drift.notes { terminal.say("note: \(note.text)") }
        guard !drift.differences.isEmpty else { return [] }
        for difference in drift.differences { terminal.say("  \(difference.text)") }
        guard options.acceptDrift else {
            throw PreflightError(
                .refused, "\(record.id) is not what it was when it began: see above",
                hint: "put it back as it was, or go on all the same with --accept-drift")
        }
        return drift.differences.map(\.text)
    }

    func drift(wanted: [ModelSource], _ experiment: Experiment) async throws -> RunDrift {
        let lock = try lock()
        func digest(_ path: String) -> String? { (try? Files.read(path)).map(Files.digest) }
        var present = RunDrift.Present(
            experimentDigest: digest(directory.experimentPath), promptDigest: digest(directory.promptPath),
            imageID: lock["image"]?["id"]?.string, baseURL: wiring.settings.baseURL, version: PreflightTool.version,
            models: [:])
        guard !wanted.isEmpty else { return RunDrift(lock: lock, present: present, wanted: []) }
        if let name = lock["image"]?["name"]?.string {
            do { present.imageID = try await wiring.docker.image(name).id } catch let failure as DockerFailure {
                guard failure.kind == .imageMissing else {
                    throw PreflightError(.refused, failure.message, hint: failure.hint)
                }
                present.imageID = nil
            }
        }
        let upstreams = try experiment.gatewayUpstreams(wiring.settings.environment).map(\.prices)
        for source in wanted where source.upstream != nil {
            let pricing = upstreams.first { $0.name == source.upstream }?.pricing(of: source.model)
            present.models[source] = pricing.map { Model(id: source.model, pricing: $0) }
        }
        let own = wanted.filter { $0.upstream == nil }
        guard !own.isEmpty else { return RunDrift(lock: lock, present: present, wanted: wanted) }
        do {
            let catalogue = try await wiring.doors.anonymous.models()
            for source in own { present.models[source] = catalogue[source.model] }
        } catch {
            throw PreflightError(.refused, "the models' prices cannot be read: \(error)", hint: error.hint)
        }
        return RunDrift(lock: lock, present: present, wanted: wanted)
    }
}
