package import PreflightCore
import Store

/// What a finished field leaves to say.
package struct RunResult: Sendable {
    package var id: String
    package var directory: String
    package var trials: [TrialSummary]
    package var startedAt: Timestamp
    package var finishedAt: Timestamp
    package var wasStopped: Bool
    /// When it was taken up again, and by whom; when trials were run again, and which.
    package var history = RunHistory()
    /// Why it was ended before its time, if the same error came too often.
    package var breaker: Breaker.Trip?
    /// What could not be given back, each by its kind and name: a sweep tries again.
    package var left: [String] = []

    /// Of all attempts.
    package var cost: USD { trials.reduce(.zero) { $0 + $1.totalCost } }

    /// All trials completed, everything is given back, and no breaker ended it.
    package var isWell: Bool { breaker == nil && left.isEmpty && trials.allSatisfy { $0.outcome == .completed } }

    package var json: JSON {
        .record([
            "run": .string(id), "directory": .string(directory), "started_at": .string(startedAt.iso8601),
            "finished_at": .string(finishedAt.iso8601), "stopped": .bool(wasStopped), "cost_usd": .usd(cost),
            "unknown_up_to_usd": .usd(trials.reduce(.zero) { $0 + $1.totalUnknown }),
            "resumed": history.resumed.isEmpty ? nil : .array(history.resumed),
            "retried": history.retried.isEmpty ? nil : .array(history.retried),
            "breaker": breaker?.json, "left": left.isEmpty ? nil : .strings(left),
            "trials": .array(trials.map(\.json)),
        ])
    }
}

extension RunResult {
    package init(
        id: String, directory: String, trials: [TrialSummary], startedAt: Timestamp, finishedAt: Timestamp,
        wasStopped: Bool
    ) {
        self.init(
            id: id, directory: directory, trials: trials, startedAt: startedAt, finishedAt: finishedAt,
            wasStopped: wasStopped, history: RunHistory())
    }
}
