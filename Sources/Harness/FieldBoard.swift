import Dispatch
import PreflightCore
import Synchronization

/// How every trial of a field stands: planned, running under its recorder, or ended.
final class FieldBoard: Sendable {
    private enum Standing: Sendable {
        case planned(TrialPlan)
        case running(TrialRecorder)
        case ended(TrialSummary)
    }

    private let order: [String]
    private let standings: Mutex<[String: Standing]>

    init(_ plans: [TrialPlan]) {
        order = plans.map(\.alias)
        standings = Mutex(Dictionary(plans.map { ($0.alias, Standing.planned($0)) }) { $1 })
    }

    func begin(_ recorder: TrialRecorder) {
        standings.withLock { $0[recorder.plan.alias] = .running(recorder) }
    }

    func finish(_ summary: TrialSummary) {
        standings.withLock { $0[summary.alias] = .ended(summary) }
    }

    /// A trial that could not even begin its record.
    func finish(_ plan: TrialPlan, failure: String) {
        var summary = TrialSummary(plan: plan)
        summary.phase = .finished
        summary.outcome = .harnessFailed
        summary.reason = failure
        finish(summary)
    }

    /// Waits until the disk has what running trials have recorded so far.
    func synchronize() async {
        let running = standings.withLock { standings in
            standings.values.compactMap { if case .running(let recorder) = $0 { recorder } else { nil } }
        }
        guard !running.isEmpty else { return }
        // Waiting for the disk must not take the threads that everything else runs on.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                DispatchQueue.concurrentPerform(iterations: running.count) { running[$0].synchronize() }
                continuation.resume()
            }
        }
    }

    /// In the order planned.
    var summaries: [TrialSummary] {
        let standings = standings.withLock { $0 }
        return order.compactMap { alias in
            switch standings[alias] {
            case .planned(let plan)?: TrialSummary(plan: plan)
            case .running(let recorder)?: recorder.summary
            case .ended(let summary)?: summary
            case nil: nil
            }
        }
    }
}
