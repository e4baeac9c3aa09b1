package import PreflightCore
import Store

/// Who runs trials of an ended run again, which, and in spite of what.
package struct Retrial: Sendable {
    /// `user@host, process 123`.
    package var who: String
    package var at: Timestamp
    /// Aliases.
    package var trials: [String]
    /// What has changed since the run began, and was accepted.
    package var drift: [String]

    package init(who: String, at: Timestamp, trials: [String], drift: [String] = []) {
        self.who = who
        self.at = at
        self.trials = trials
        self.drift = drift
    }

    package var json: JSON {
        .record([
            "at": .string(at.iso8601), "by": .string(who), "trials": .strings(trials),
            "drift": drift.isEmpty ? nil : .strings(drift),
        ])
    }
}

extension FieldRun {
    /// Runs trials of an ended run again, each as its next attempt, and ends the run anew.
    ///
    /// Once the journal knows that the run goes on, whoever resumes it does the same as what follows here.
    ///
    /// - Parameter startedAt: of the run.
    /// - Throws: `refused` where somebody watches the run, or has changed it since it was looked at.
    package func retry(_ retrial: Retrial, startedAt: Timestamp) async throws -> RunResult {
        try await takingOver {
            let known = try await workshop.journal.trials(run: directory.id).map(\.summary)
            let starts = try starts(known, retrial)
            try await closeOrders()
            let history = try RunHistory.append(retried: retrial.json, to: directory)
            let again = starts.filter { $0.kept == nil }.map(\.plan)
            try await workshop.journal.reopen(
                again.map { TrialSummary(plan: $0) }, run: directory.id, at: workshop.world.now())
            for trial in again {
                try directory.moveAside(TrialAttempt(alias: trial.alias, number: trial.attempt.number - 1))
            }
            let search = try await RemainsSearch(
                run: directory.id, workshop: workshop, resumption: Resumption(who: retrial.who, at: retrial.at))
            return try await goOn(starts, search, history, startedAt: startedAt)
        }
    }

    private func starts(_ known: [TrialSummary], _ retrial: Retrial) throws -> [TrialStart] {
        try plan.trials.map { trial in
            guard let kept = known.first(where: { $0.alias == trial.alias }), kept.outcome != nil,
                kept.earlier.count == trial.earlier.count
            else {
                throw PreflightError(.refused, "\(directory.id) is not any more as it was a moment ago: look again")
            }
            guard retrial.trials.contains(trial.alias) else {
                var start = TrialStart(trial)
                start.kept = kept
                return start
            }
            var plan = trial
            plan.earlier = []
            return TrialStart(kept.runAgain(as: plan))
        }
    }
}
