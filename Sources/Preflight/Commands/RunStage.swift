import Containers
import Harness
import OpenRouter
import PreflightCore
import Reports
import Store

/// A run from its flags to its exit status.
struct RunStage {
    let options: RunOptions
    var takesOneModel = false

    private var terminal: Terminal { .shared }
    private var isJSON: Bool { options.experiment.place.json }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: options.experiment.place.runsDir)
        let experiment = try wiring.loadExperiment(options.experiment, arguments: options.containerArguments)
        try experiment.validate()
        if takesOneModel, experiment.models.count != 1 {
            throw PreflightError(
                .usage, "`run` takes one model, not \(experiment.models.count)", hint: "`run-multi` takes a field")
        }
        if let id = options.runId, !Names.isValid(id) || id.hasPrefix(Sweeper.checkPrefix) {
            throw PreflightError(.usage, "--run-id '\(id)' is not usable", hint: "letters, digits, '-', '_' and '.'")
        }
        let pace = try options.pace()
        let management = try wiring.management(
            isNeeded: experiment.usesOpenRouter, "no management key: no sub-key can be made",
            hint: "set OR_ADMIN_KEY to a management key from https://openrouter.ai/settings/management-keys")
        let journal = try wiring.openJournal()
        if let id = options.runId { try await refuse(known: id, journal, wiring) }
        let stop = StopSignal()
        let signals = Signals(stop: stop)

        if options.skipCheck {
            await sayLeftovers(wiring.sweeper(journal))
        } else {
            let report = try await CheckStage(wiring: wiring, experiment: experiment, stop: stop, json: isJSON).run()
            if let status = signals.exitStatus { throw status }
            guard report.hasPassed else {
                if isJSON { terminal.data(report.json.prettyText) }
                throw PreflightError(
                    .refused, "\(report.failures.map(\.name).joined(separator: ", ")) failed, so nothing was started",
                    hint: "mend it, or start all the same with --skip-check")
            }
        }
        let prepared = await cancelling(when: stop) { [experiment] in await prepare(experiment, pace: pace, wiring) }
        if let status = signals.exitStatus { throw status }
        let (plan, lock) = try prepared.get()
        let text = try experiment.tree.yamlText
        let claim = try await claim(journal, wiring)
        let directory = claim.directory
        let telling = RunTelling(
            isJSON: isJSON,
            board: RunBoard(
                isPlain: options.plain, directory: directory, budget: experiment.budget, journal: journal,
                wiring: wiring))
        let field = FieldStage(
            wiring: wiring, experiment: experiment, plan: plan, directory: directory, journal: journal,
            management: management, stop: stop, orphanGrace: options.orphanGrace, claim: claim,
            report: telling.progress())
        let result = try await telling.following {
            try await field.run { field in
                try await field.run(
                    experimentText: text, lock: RunLock.signed(lock, experiment: text, prompt: plan.prompt))
            }
        }
        try await telling.finish(result, signals)
    }
}

// MARK: Preparing

extension RunStage {
    private func sayLeftovers(_ sweeper: Sweeper) async {
        let found = await sweeper.find()
        if !found.removed.isEmpty {
            terminal.say("\(found.removed.count) things of dead runs are left: `preflight sweep` removes them")
        }
    }

    /// Everything that is needed before the first thing is made outside.
    private func prepare(
        _ experiment: Experiment, pace: Pace, _ wiring: Wiring
    ) async -> Result<(RunPlan, lock: JSON), any Error> {
        do {
            var experiment = experiment
            let image = try await prepareImage(&experiment, wiring.docker)
            var plan = try RunPlan.make(
                experiment, imageID: image.id, prompt: experiment.promptText(), pace: pace, wiring)
            if let scorer = experiment.score {
                plan.scorer = try await ScorerPlan.make(
                    scorer, imageID: image.id, limits: experiment.limits, docker: wiring.docker)
            }
            return .success((plan, try await RunLock.make(plan, image: image, wiring)))
        } catch {
            return .failure(error)
        }
    }

    /// The image, built first where the experiment says so, pinned by its id.
    private func prepareImage(_ experiment: inout Experiment, _ docker: Docker) async throws -> ImageInfo {
        do {
            if experiment.image == nil, let build = experiment.build {
                let tag = "preflight-build-\(experiment.name.map(Names.alias(forModel:))?.lowercased() ?? "experiment")"
                terminal.say("building \(build) as \(tag)")
                try await docker.build(directory: build, tag: tag)
                experiment.image = tag
            }
            return try await docker.image(experiment.image ?? "")
        } catch let failure as DockerFailure {
            let message =
                failure.kind == .imageMissing ? "there is no image \(experiment.image ?? "")" : failure.message
            throw PreflightError(.refused, message, hint: failure.hint)
        }
    }

    /// A run is never run over another's record: says what can be done with the one that is there.
    private func refuse(known id: String, _ journal: Journal, _ wiring: Wiring) async throws {
        guard let record = try await journal.run(id) else { return }
        let view = try await RunView.read(record, journal: journal, ledger: wiring.runs.journalPath)
        let (state, hint): (String, String) =
            if view.isAlive {
                ("runs", "`preflight status \(id)` shows it")
            } else if record.finishedAt == nil {
                ("has lost its process", "`preflight resume \(id)` takes it up again")
            } else if view.trials.allSatisfy({ $0.outcome == .completed }) {
                ("has completed", "`preflight status \(id)` shows it")
            } else {
                (
                    "has ended",
                    "`preflight retry \(id)` runs trials again that failed, `preflight status \(id)` shows it"
                )
            }
        throw PreflightError(
            .usage, "there is a run \(id) already, and it \(state)",
            hint: "\(hint); for another run choose another --run-id, or leave it out")
    }

    /// The run's name, for this process alone.
    private func claim(_ journal: Journal, _ wiring: Wiring) async throws -> RunClaim {
        if let id = options.runId { return try RunClaim(wiring.runs.run(id)) }
        let id = Names.runID(at: wiring.world.now())
        // Two runs that begin in the same second.
        if try await journal.run(id) == nil, let claim = try? RunClaim(wiring.runs.run(id)) { return claim }
        return try RunClaim(wiring.runs.run(id + "-" + wiring.world.nonce(4)))
    }
}
