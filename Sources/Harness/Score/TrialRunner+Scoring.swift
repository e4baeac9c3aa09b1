import PreflightCore
import Store

/// Scores a trial once its agent is dead and its account settled. That it cannot be scored changes nothing of how it
/// ended.
extension TrialRunner {
    func scoreOutput(after end: End) async {
        // A process that died may have scored it already.
        guard let scorer = runPlan.scorer, recorder.trialState.score == nil else { return }
        if let reason = unscorable(end) { return skipScore(scorer, reason) }
        let scoring = Scoring(
            plan: scorer, runID: runID, lockPath: harnessLockPath, docker: docker, journal: journal, world: world)
        let subject = Scoring.Subject(
            alias: plan.alias, model: plan.model, outcome: end.outcome, repetition: plan.repetition,
            outputPath: directory.outputPath, promptPath: promptPath)
        let (score, took) = await scoring.score(subject, stop: stop) { [report, plan] in
            report(.warning("\(plan.alias): \($0)"))
        }
        recorder.record(score.eventType, score.fields(took: took))
        report(.scored(plan, score))
    }

    /// Whoever reads a log of a run that is scored finds in it why this one was not.
    func noteUnscored() {
        guard let scorer = runPlan.scorer, recorder.trialState.score == nil else { return }
        skipScore(scorer, Self.neverRan)
    }

    private func skipScore(_ scorer: ScorerPlan, _ reason: String) {
        let score = TrialScore(value: nil, error: "not scored: \(reason)", scorer: scorer.digest, at: world.now())
        recorder.record(score.eventType, score.fields(took: nil))
    }

    private static let neverRan = "its container never ran"

    /// Why there is nothing to score; nil where there is. Whatever a trial has left counts, however it ended.
    private func unscorable(_ end: End) -> String? {
        if recorder.trialState.containerStarted == nil { return Self.neverRan }
        if end.outcome == .lost { return "it is lost: nobody saw its end" }
        if end.cause == Self.notStopped { return "its container may still run" }
        if !Files.isDirectory(directory.outputPath) { return "it has no output directory" }
        if stop.urgency == .quick { return "its owner was in a hurry; `preflight score \(runID)` scores it" }
        return nil
    }

    /// The cause of a trial whose container could not be stopped.
    static let notStopped = "not_stopped"
}
