package import PreflightCore
import Store

/// Everything that a report tells of a run: its trials and their attempts, their calls, curves and verdicts, and what
/// it was made with. One pass over each log, in memory that does not grow with it.
package struct RunReport: Sendable {
    package var id: String
    package var directory: String
    /// The experiment's name.
    package var title: String?
    package var isAlive: Bool
    /// How long a harness that holds its lock has not been heard of; nil while all is well.
    package var silentFor: Duration?
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    /// Its owner ended it before its time.
    package var wasStopped = false
    /// Why it ended before its time, if the same error came too often.
    package var breaker: String?
    /// What could not be given back.
    package var left: [String] = []
    package var trials: [Trial]
    package var provenance: Provenance
    /// The task, cut to `promptLimit` bytes.
    package var prompt: String?
    /// The experiment as it was resolved; values of `env` are stars.
    package var experiment: String?

    package static let promptLimit = 8 << 10
    private static let experimentLimit = 32 << 10

    /// A trial with all its attempts.
    package struct Trial: Sendable {
        /// Of the newest attempt, with all before it.
        package var summary: TrialSummary
        /// Oldest first; at least one.
        package var attempts: [AttemptReport]

        package init(summary: TrialSummary, attempts: [AttemptReport]) {
            self.summary = summary
            self.attempts = attempts
        }

        /// The one that counts.
        package var newest: AttemptReport { attempts.last ?? AttemptReport(summary: summary) }
        package var calls: CallTally { attempts.reduce(CallTally()) { $0 + $1.calls } }
    }

    package init(id: String, directory: String = "", trials: [Trial], provenance: Provenance = Provenance()) {
        self.id = id
        self.directory = directory
        self.trials = trials
        self.provenance = provenance
        isAlive = false
    }

    /// Reads all logs of a run.
    ///
    /// - Parameter view: as `RunLookup` finds it, so that trials whose harness died are told as such.
    package static func read(_ view: RunView) async -> RunReport {
        let directory = RunDirectory(path: view.directory, id: view.id)
        let receipt = (try? Files.read(directory.summaryPath)).flatMap { try? JSON.parse($0) }
        var report = RunReport(
            id: view.id, directory: view.directory, trials: await trials(view.trials, in: directory),
            provenance: Provenance.read(directory.lockPath))
        // A run that has its receipt is over, though its process lives on for a moment.
        report.isAlive = view.isAlive && !(view.isFinished && receipt != nil)
        report.silentFor = view.silentFor
        report.startedAt = view.createdAt ?? receipt?["started_at"]?.string.flatMap(Timestamp.init(iso8601:))
        // A receipt of before trials were run again says nothing of a run that goes on.
        if let receipt, view.isFinished {
            report.finishedAt = receipt["finished_at"]?.string.flatMap(Timestamp.init(iso8601:))
            report.wasStopped = receipt["stopped"]?.bool ?? false
            report.breaker = receipt["breaker"]?["reason"]?.string
            report.left = receipt["left"]?.array?.compactMap(\.string) ?? []
        }
        report.prompt = text(directory.promptPath, promptLimit)
        report.experiment = text(directory.experimentPath, experimentLimit)
        return report
    }

    private static func trials(_ summaries: [TrialSummary], in directory: RunDirectory) async -> [Trial] {
        let plans = summaries.map { summary in
            summary.earlier.enumerated().map { before, earlier in
                (summary: earlier, place: directory.trial(summary.alias, attempt: before + 1))
            } + [(summary: summary, place: directory.trial(summary.attempt))]
        }
        return await withTaskGroup(of: (Int, Int, AttemptReport).self) { group in
            for (trial, attempts) in plans.enumerated() {
                for (attempt, plan) in attempts.enumerated() {
                    group.addTask { (trial, attempt, AttemptReport.read(plan.summary, in: plan.place)) }
                }
            }
            var found: [Int: [(Int, AttemptReport)]] = [:]
            for await (trial, attempt, report) in group { found[trial, default: []].append((attempt, report)) }
            return summaries.enumerated().map { index, summary in
                Trial(
                    summary: summary,
                    attempts: (found[index] ?? []).sorted { $0.0 < $1.0 }.map(\.1))
            }
        }
    }

    private static func text(_ path: String, _ limit: Int) -> String? {
        guard let bytes = try? Files.read(path) else { return nil }
        let text = String(decoding: bytes.prefix(limit), as: UTF8.self)
        return bytes.count > limit ? text + "\n…" : text
    }
}
