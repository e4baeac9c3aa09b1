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
        guard let management = wiring.doors.management else {
            throw PreflightError(
                .refused, "no management key: no sub-key can be made",
                hint: "set OR_ADMIN_KEY to a management key from https://openrouter.ai/settings/management-keys")
        }
        let journal = try wiring.openJournal()
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
        let workshop = Workshop(docker: wiring.docker, management: management, journal: journal, world: wiring.world)
        let directory = wiring.runs.run(try await runID(journal, wiring))
        let text = try experiment.tree.yamlText
        let announcer = Announcer(terminal)
        let report = progress(announcer)
        let lease = RunLease(run: directory.id, journal: journal, world: wiring.world)
        let beginGuard = try GuardCommand.starter(wiring, orphanGrace: options.orphanGrace)
        @Sendable func field(_ plan: RunPlan, shared: (any TrialEnvelope)? = nil) -> FieldRun {
            FieldRun(
                directory: directory, plan: plan, workshop: workshop, stop: stop, lease: lease, shared: shared,
                beginGuard: beginGuard, report: report)
        }
        let result: RunResult
        if experiment.access == .gateway {
            let gateway = GatewayAccess(runID: directory.id, experiment: experiment, wiring: wiring, lease: lease)
            result = try await gateway.withAccess { access in
                var plan = plan
                plan.access = access
                return try await field(plan).run(experimentText: text, lock: lock)
            }
        } else if let name = experiment.budget.envelope {
            let envelope = SharedEnvelope(
                name: name, total: experiment.budget.total, runID: directory.id, wiring: wiring)
            result = try await envelope.withEnvelope { shared in
                try await field(plan, shared: shared).run(experimentText: text, lock: lock)
            }
        } else {
            result = try await field(plan).run(experimentText: text, lock: lock)
        }
        await announcer.finish()
        try finish(result, signals)
    }

    private func finish(_ result: RunResult, _ signals: Signals) throws {
        if isJSON {
            terminal.data(result.json.prettyText)
        } else {
            terminal.data("")
            terminal.data(ClosingTable.text(result.trials, width: terminal.tableWidth))
            terminal.data("\(result.directory)")
        }
        if let status = signals.exitStatus { throw status }
        if result.trials.contains(where: { $0.outcome == .harnessFailed }) { throw ExitStatus.failed }
        if !result.trials.allSatisfy({ $0.outcome == .completed }) { throw ExitStatus.no }
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
            let plan = try plan(experiment, imageID: image.id, pace: pace, wiring)
            return .success((plan, await lock(plan, image: image, wiring)))
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

    private func plan(_ experiment: Experiment, imageID: String, pace: Pace, _ wiring: Wiring) throws -> RunPlan {
        var experiment = experiment
        let own = PreflightTool.current.policies.map(\.ejectPolicy)
        if !own.isEmpty { experiment.eject = .any([experiment.eject] + own) }
        var plan = RunPlan(
            experiment: experiment, trials: experiment.trials(), imageID: imageID,
            prompt: try experiment.promptText(), baseURL: wiring.settings.baseURL,
            passesBaseURL: !wiring.settings.isStandardBaseURL)
        plan.pace = pace
        plan.bounds.log = experiment.limits.log
        plan.bounds.raw = min(plan.bounds.raw, experiment.limits.log)
        return plan
    }

    private func runID(_ journal: Journal, _ wiring: Wiring) async throws -> String {
        if let id = options.runId { return id }
        let id = Names.runID(at: wiring.world.now())
        // Two runs that begin in the same second.
        let isTaken = try await journal.runs().contains { $0.id == id }
        return isTaken ? id + "-" + wiring.world.nonce(4) : id
    }

    /// What the run was made with, so that it can be understood and repeated.
    private func lock(_ plan: RunPlan, image: ImageInfo, _ wiring: Wiring) async -> JSON {
        let catalogue = try? await wiring.doors.anonymous.models()
        let engine = try? await wiring.docker.engine()
        return .record([
            "preflight": .string(PreflightTool.version),
            "docker": engine.map { .string($0.version) },
            "image": .record([
                "name": plan.experiment.image.map(JSON.string), "id": .string(image.id),
                "digests": .strings(image.repoDigests), "architecture": .string(image.architecture),
            ]),
            "base_url": .string(plan.baseURL),
            "prices_at": catalogue.map { _ in .string(wiring.world.now().iso8601) },
            "models": .array(
                Set(plan.trials.map(\.model)).sorted().map { id in
                    let model = catalogue?[id]
                    return .record([
                        "id": .string(id), "canonical_slug": model?.canonicalSlug.map(JSON.string),
                        "pricing": model?.pricing.json,
                    ])
                }),
        ])
    }
}

// MARK: Telling

extension RunStage {
    /// One line per change, on standard error.
    private func progress(_ terminal: Announcer) -> @Sendable (FieldEvent) -> Void {
        let background = Background.current
        return { progress in
            switch progress {
            case .runStarted(let id, let directory, let trials):
                background?.begin(run: id, directory: directory)
                terminal.say("\(id): \(trials) trial\(trials == 1 ? "" : "s"), record in \(directory)")
            case .trialStarted(let plan): terminal.say("  \(plan.alias): \(plan.model), \(plan.budget)")
            case .containerStarted(let plan):
                terminal.say("  \(plan.alias): running")
                background?.tellReady()
            case .stopping(let plan, let why): terminal.say("  \(plan.alias): stopping, \(PlainText.oneLine(why))")
            case .settling(let plan): terminal.say("  \(plan.alias): ended, settling its account")
            case .finished(let summary):
                terminal.say(
                    "  \(summary.alias): \(summary.outcome?.rawValue ?? "?"), \(summary.cost)"
                        + (summary.reason.map { ", \(PlainText.oneLine($0))" } ?? ""))
            case .asked(let request): terminal.say("  \(PlainText.oneLine(request.text))")
            case .warning(let text): terminal.say("warning: \(PlainText.oneLine(text))")
            }
        }
    }
}
