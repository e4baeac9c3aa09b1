import Containers
import Foundation
import Harness
import OpenRouter
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
        let wiring = try Wiring(runsDirectory: options.place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(name, in: wiring.runs, journal: journal)
        guard let journal, let record = try await journal.run(view.id) else {
            throw PreflightError(
                .usage, "\(view.id) is not in \(wiring.runs.journalPath): what it has left is not known",
                hint: "name the directory with its journal by --runs-dir")
        }
        let directory = RunDirectory(path: record.directory, id: record.id)
        if view.isAlive { throw Self.living(directory) }
        if record.finishedAt != nil { return show(view) }
        guard let management = wiring.doors.management else {
            throw PreflightError(
                .refused, "no management key: sub-keys can be neither read nor deleted",
                hint: "set OR_ADMIN_KEY to the key that the run was started with")
        }
        let experiment = try experiment(of: view, in: directory, wiring)
        let drift = try await drift(of: view, experiment, in: directory, wiring)
        for note in drift.notes { terminal.say("note: \(note.text)") }
        if !drift.differences.isEmpty {
            for difference in drift.differences { terminal.say("  \(difference.text)") }
            guard options.acceptDrift else {
                throw PreflightError(
                    .refused, "\(record.id) is not what it was when it began: see above",
                    hint: "put it back as it was, or go on all the same with --accept-drift")
            }
        }
        let stop = StopSignal()
        let signals = Signals(stop: stop)
        var plan = RunPlan.make(
            experiment, imageID: try await image(wiring, directory), prompt: try prompt(directory), pace: pace, wiring)
        plan.trials = Self.trials(view, experiment)
        if let total = try await journal.extendedTotal(run: record.id) { plan.experiment.budget.total = total }
        let telling = RunTelling(isJSON: options.place.json)
        let field = FieldStage(
            wiring: wiring, experiment: plan.experiment, plan: plan, directory: directory, journal: journal,
            management: management, stop: stop, orphanGrace: options.orphanGrace, isResumed: true,
            report: telling.progress())
        let resumption = Resumption(
            who: OwnerStage.who, at: wiring.world.now(), drift: drift.differences.map(\.text))
        let result = try await field.run { try await $0.resume(resumption, startedAt: record.createdAt) }
        try await telling.finish(result, signals)
    }

    private func show(_ view: RunView) {
        if options.place.json { return terminal.data(view.json.prettyText) }
        terminal.say("\(view.id) has ended: there is nothing to resume")
        terminal.data(ClosingTable.text(view.trials, width: terminal.tableWidth))
    }

    static func living(_ directory: RunDirectory) -> PreflightError {
        let process = (try? Files.read(directory.harnessLockPath)).map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return PreflightError(
            .refused, "\(directory.id) is running" + (process.map { ", as process \($0)" } ?? ""),
            hint: "`preflight status \(directory.id)` shows it, `preflight stop \(directory.id)` ends it")
    }
}

// MARK: What the run was made of

extension ResumeStage {
    /// Trials as they were planned; those that an edited experiment has besides do not belong to this run.
    private static func trials(_ view: RunView, _ experiment: Experiment) -> [TrialPlan] {
        let planned = experiment.trials()
        return view.trials.map { trial in
            planned.first { $0.alias == trial.alias && $0.model == trial.model }
                ?? TrialPlan(alias: trial.alias, model: trial.model, budget: trial.budget)
        }
    }

    /// The run's own record of its experiment, with the values of its variables as they are here.
    private func experiment(of view: RunView, in directory: RunDirectory, _ wiring: Wiring) throws -> Experiment {
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
        // Containers that are there have theirs.
        let isNeeded = view.trials.contains { $0.outcome == .lost && $0.hasNoContainer }
        if isNeeded, !missing.isEmpty {
            throw PreflightError(
                .refused,
                "trials are still to begin, and the values of \(missing.joined(separator: ", ")) are not in the record",
                hint: "set them in the environment, or give "
                    + missing.map { "--env \($0)=VALUE" }.joined(separator: " "))
        }
        return experiment
    }

    private func prompt(_ directory: RunDirectory) throws -> String? {
        guard Files.exists(directory.promptPath) else { return nil }
        return String(decoding: try Files.read(directory.promptPath), as: UTF8.self)
    }

    private func lock(_ directory: RunDirectory) throws -> JSON {
        do { return try JSON.parse(try Files.read(directory.lockPath)) } catch {
            throw PreflightError(
                .refused, "\(directory.lockPath) cannot be read: what the run was made with is not known")
        }
    }

    /// The image as it is named now; where that is gone, the one of the beginning.
    private func image(_ wiring: Wiring, _ directory: RunDirectory) async throws -> String {
        let image = try lock(directory)["image"]
        let pinned = image?["id"]?.string ?? ""
        guard let name = image?["name"]?.string, let present = try? await wiring.docker.image(name) else {
            return pinned
        }
        return present.id
    }

    private func drift(
        of view: RunView, _ experiment: Experiment, in directory: RunDirectory, _ wiring: Wiring
    ) async throws -> RunDrift {
        let lock = try lock(directory)
        let wanted = view.trials.filter { $0.outcome == .lost }.map(\.model)
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
        do {
            let catalogue = try await wiring.doors.anonymous.models()
            for id in wanted { present.models[id] = catalogue[id] }
        } catch {
            throw PreflightError(.refused, "the models' prices cannot be read: \(error)", hint: error.hint)
        }
        return RunDrift(lock: lock, present: present, wanted: wanted)
    }
}

extension TrialSummary {
    /// As far as is known, none was started.
    fileprivate var hasNoContainer: Bool { [.pending, .provisioning, .starting].contains(phase) }
}
