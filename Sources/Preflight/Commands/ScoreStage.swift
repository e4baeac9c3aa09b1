import Containers
import Foundation
import Harness
import PreflightCore
import Reports
import Store

/// Scores trials of a run that has ended, and leaves what came of it beside their records.
struct ScoreStage {
    let name: String
    let trials: [String]
    /// A program that scores; nil for what an experiment says.
    let program: String?
    let experimentFile: String?
    let place: PlaceOptions

    private var terminal: Terminal { .shared }

    private struct Scored: Sendable {
        var summary: TrialSummary
        /// Nil where there was nothing to score.
        var score: TrialScore?
        var took: Duration?
        var problem: String?
    }

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(name, in: wiring.runs, journal: journal)
        let directory = RunDirectory(path: view.directory, id: view.id)
        let wanted =
            try trials.isEmpty
            ? view.trials.map(\.alias) : trials.map { try TrialLookup.resolve($0, in: view) }
        if view.isAlive {
            throw PreflightError(
                .refused, "\(view.id) is running", hint: "its own `score:` scores each trial when it ends")
        }
        guard view.finishedAt != nil else {
            throw PreflightError(
                .refused, "\(view.id) has not ended: its process died",
                hint: "`preflight resume \(view.id)` takes it up to its end")
        }
        let experiment = try experiment(of: directory, wiring)
        let plan = try await plan(experiment, directory, wiring)
        // Nobody takes the run up meanwhile, and a sweep leaves the scorers' containers alone.
        let lock = try HarnessLock(path: directory.harnessLockPath)
        defer { withExtendedLifetime(lock) {} }
        let stop = StopSignal()
        let signals = Signals(stop: stop)
        let scoring = Scoring(
            plan: plan, runID: view.id, lockPath: directory.harnessLockPath, docker: wiring.docker, journal: journal,
            world: wiring.world)
        let chosen = view.trials.filter { wanted.contains($0.alias) }
        let scored = await scoreAll(chosen, scoring, directory, atOnce: min(8, max(1, experiment.concurrency)), stop)
        let newest = view.withNewestScores()
        if stop.urgency == .none {
            await ReportWriter.write(after: view.id, in: wiring.runs, journal: journal)
        }
        tell(scored, newest, plan)
        if let status = signals.exitStatus { throw status }
        if scored.contains(where: { $0.score?.value == nil }) { throw ExitStatus.no }
    }

    // MARK: What scores

    /// The run's own, with the scorer of whom the flags name.
    private func experiment(of directory: RunDirectory, _ wiring: Wiring) throws -> Experiment {
        let here = FileManager.default.currentDirectoryPath
        let loader = ExperimentLoader(environment: wiring.settings.environment, workingDirectory: here)
        var experiment = try loader.read(directory.experimentPath, isRecord: true)
        if let program {
            guard let scorer = Scorer(program: Files.absolute(program, relativeTo: here)), !program.hasSuffix("/")
            else { throw PreflightError(.usage, "--score '\(program)' names no program") }
            experiment.score = scorer
        } else if let experimentFile {
            let other = try loader.read(experimentFile)
            guard let scorer = other.score else {
                throw PreflightError(.usage, "\(experimentFile) has no score:")
            }
            experiment.score = scorer
        }
        return experiment
    }

    private func plan(_ experiment: Experiment, _ directory: RunDirectory, _ wiring: Wiring) async throws -> ScorerPlan
    {
        guard let scorer = experiment.score else {
            throw PreflightError(
                .usage, "the experiment of \(directory.id) has no score:", hint: "name a program with --score FILE")
        }
        let lock = try? JSON.parse(try Files.read(directory.lockPath))
        var imageID = lock?["image"]?["id"]?.string ?? ""
        if scorer.image == nil, (try? await wiring.docker.image(imageID)) == nil {
            guard let name = experiment.image, let present = try? await wiring.docker.image(name) else {
                throw PreflightError(
                    .refused, "the image of \(directory.id) is gone",
                    hint: "build or pull it, or name another by score: {image: NAME, …} and --experiment")
            }
            imageID = present.id
        }
        return try await ScorerPlan.make(
            scorer, imageID: imageID, limits: experiment.limits, docker: wiring.docker)
    }

    // MARK: Scoring

    private func scoreAll(
        _ trials: [TrialSummary], _ scoring: Scoring, _ directory: RunDirectory, atOnce: Int, _ stop: StopSignal
    ) async -> [Scored] {
        await withTaskGroup(of: (Int, Scored).self) { group in
            var next = 0
            func startNext() {
                guard next < trials.count, stop.urgency == .none else { return }
                let (index, trial) = (next, trials[next])
                next += 1
                group.addTask { (index, await score(trial, scoring, directory, stop)) }
            }
            for _ in 0..<atOnce { startNext() }
            var found: [(Int, Scored)] = []
            for await one in group {
                found.append(one)
                say(one.1)
                startNext()
            }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func score(
        _ trial: TrialSummary, _ scoring: Scoring, _ directory: RunDirectory, _ stop: StopSignal
    ) async -> Scored {
        let place = directory.trial(trial.attempt)
        if let reason = unscorable(trial, place) { return Scored(summary: trial, problem: "not scored: \(reason)") }
        let subject = Scoring.Subject(
            alias: trial.alias, model: trial.model, outcome: trial.outcome, outputPath: place.outputPath,
            promptPath: Files.exists(directory.promptPath) ? directory.promptPath : nil)
        let (score, took) = await scoring.score(subject, stop: stop, endingAt: .graceful) { [terminal] in
            terminal.say("warning: \(trial.alias): \($0)")
        }
        // One that was broken off says nothing of the trial.
        guard stop.urgency == .none else { return Scored(summary: trial, problem: score.error ?? "stopped") }
        do { try place.keep(later: score) } catch {
            return Scored(summary: trial, problem: "its score cannot be kept: \(error)")
        }
        return Scored(summary: trial, score: score, took: took, problem: score.error)
    }

    private func unscorable(_ trial: TrialSummary, _ place: TrialDirectory) -> String? {
        switch trial.outcome {
        case nil: return "it has not ended"
        case .lost: return "it is lost: nobody saw its end"
        default: break
        }
        if trial.exitCode == nil, trial.runtime == .zero { return "its container never ran" }
        if trial.cause == "not_stopped" { return "its container may still run" }
        if !Files.isDirectory(place.outputPath) { return "it has no output directory" }
        return nil
    }

    // MARK: Telling

    private func say(_ scored: Scored) {
        guard !place.json else { return }
        let alias = scored.summary.alias
        if let problem = scored.problem {
            terminal.say("  \(alias): \(PlainText.oneLine(problem))")
        } else if let score = scored.score {
            terminal.say("  \(alias): score \(score.text)" + (scored.took.map { ", \($0.shortText)" } ?? ""))
        }
    }

    private func tell(_ scored: [Scored], _ view: RunView, _ plan: ScorerPlan) {
        guard place.json else {
            let done = scored.filter { $0.score?.value != nil }.count
            if let board = LeaderboardTable.text(view.trials, width: terminal.tableWidth) { terminal.data(board) }
            return terminal.data("\(done) of \(scored.count) trials of \(view.id) scored")
        }
        terminal.data(
            JSON.record([
                "run": .string(view.id), "scorer": .string(plan.digest),
                "trials": .array(
                    scored.map { scored in
                        .record([
                            "alias": .string(scored.summary.alias), "model": .string(scored.summary.model),
                            "attempt": .int(scored.summary.attempt.number), "score": scored.score?.json,
                            "problem": scored.problem.map(JSON.string),
                            "took_s": scored.took.map { .number($0.decimalSeconds(places: 3)) },
                        ])
                    }),
                "leaderboard": .array(Leaderboard(view.trials).rows.map(\.json)),
            ]).prettyText)
    }
}
