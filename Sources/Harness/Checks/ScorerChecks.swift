import Containers
import PreflightCore
import Store

/// Whether the trials' output can be scored, asked before there is any.
struct ScorerChecks: Sendable {
    let scorer: Scorer
    let experiment: Experiment
    let docker: Docker
    let journal: Journal?
    let runs: RunsDirectory
    let world: World
    let stop: StopSignal

    static let name = "score"

    /// Runs the scorer once on an output directory with nothing in it. That it gives no score there is worth knowing, and
    /// no failure: what agents leave may suit it better.
    func ask() async -> CheckResult {
        do { try ScorerPlan.check(scorer) } catch {
            return CheckResult(Self.name, .fail, error.message, hint: error.hint)
        }
        guard let image = scorer.image ?? experiment.image else {
            return CheckResult(Self.name, .skip, "its image is built only when the run begins")
        }
        let plan: ScorerPlan
        do {
            let imageID = try await docker.image(image).id
            plan = try await ScorerPlan.make(scorer, imageID: imageID, limits: experiment.limits, docker: docker)
        } catch let failure as DockerFailure {
            guard failure.kind == .imageMissing else {
                return CheckResult(Self.name, .skip, "the engine cannot be asked: \(failure.message)")
            }
            return CheckResult(
                Self.name, .fail, "there is no image \(image)", hint: "build or pull it, or correct score.image")
        } catch {
            let problem = error as? PreflightError
            return CheckResult(Self.name, .fail, problem?.message ?? "\(error)", hint: problem?.hint)
        }
        do { return try await tryOut(plan) } catch {
            return CheckResult(Self.name, .warn, "it could not be tried: \(error)")
        }
    }

    private func tryOut(_ plan: ScorerPlan) async throws -> CheckResult {
        let checkID = Sweeper.checkPrefix + world.nonce(10)
        let lockPath = Sweeper.lockPath(run: checkID, in: runs)
        try Files.createDirectory(runs.path)
        // Tells a sweep in another terminal that this check lives.
        let lock = try HarnessLock(path: lockPath)
        let empty = "\(runs.path)/.\(checkID)"
        defer {
            withExtendedLifetime(lock) {}
            Files.removeEmptyDirectory(empty)
            Files.remove(lockPath)
        }
        try Files.createDirectory(empty)
        let scoring = Scoring(
            plan: plan, runID: checkID, lockPath: lockPath, docker: docker, journal: journal, world: world)
        let subject = Scoring.Subject(
            alias: "check", model: experiment.models.first?.id ?? "", outcome: .completed, outputPath: empty)
        let (score, took) = await scoring.score(subject, stop: stop, endingAt: .graceful)
        let time = took.map { " in \($0.shortText)" } ?? ""
        guard let error = score.error else {
            return CheckResult(Self.name, .pass, "an empty output directory gets \(score.text)\(time)")
        }
        return CheckResult(
            Self.name, .warn, "an empty output directory gets no score\(time): \(error)",
            hint: "trials that leave nothing would have no score either: let it print 0 for them")
    }
}
