import PreflightCore
import Store

/// What became of trials whose harness died: folded from their logs, from the newest summaries on, with what they spent
/// as far as anybody knows.
struct LostTrials {
    let directory: RunDirectory
    let ledgerPath: String

    /// Trials that have ended stay as they are. One whose log tells of its end has ended, all others are lost.
    func summaries(_ kept: [TrialSummary]) async -> [TrialSummary] {
        let folds = await folds(kept)
        var accounts: [String: LedgerReader.Account]?
        if folds.contains(where: { $0.isMetered && $0.summary.outcome == nil }) {
            accounts = try? await LedgerReader(path: ledgerPath).accounts(below: directory.id)
        }
        return folds.map { fold in
            guard fold.summary.outcome == nil else { return fold.summary }
            return fold.lost(account: accounts.map { $0["\(directory.id)/\(fold.summary.attempt.name)"] ?? .init() })
        }
    }

    /// Side by side: a run may have died with hundreds of trials under way, and each log is read by itself.
    private func folds(_ kept: [TrialSummary]) async -> [Fold] {
        let width = min(kept.count, Processors.count)
        guard width > 0 else { return [] }
        return await withTaskGroup(of: [(Int, Fold)].self) { group in
            for part in 0..<width {
                group.addTask {
                    stride(from: part, to: kept.count, by: width).map { index in
                        (index, kept[index].outcome == nil ? fold(kept[index]) : Fold(summary: kept[index]))
                    }
                }
            }
            var found: [(Int, Fold)] = []
            for await part in group { found += part }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// A summary at the end of its log.
    struct Fold: Sendable {
        var summary: TrialSummary
        /// Its calls went through the gateway, which died with the harness.
        var isMetered = false
        var isSettled = false
    }

    private func fold(_ kept: TrialSummary) -> Fold {
        let trial = directory.trial(kept.attempt)
        var state = TrialState(continuing: kept)
        var startedAt = kept.startedAt
        let reading = try? EventLogReader(trial).read(from: kept.checkpoint?.mark) { event in
            if startedAt == nil { startedAt = event.timestamp + (.zero - event.elapsed) }
            state.apply(event)
        }
        guard let reading else { return Fold(summary: kept) }
        return Fold(
            summary: TrialSummary(
                plan: TrialPlan(kept), state: state, at: reading.mark.elapsed, startedAt: startedAt,
                lastStderr: kept.lastStderr,
                log: reading.mark),
            isMetered: state.isMetered, isSettled: state.settledSpend != nil)
    }
}

extension LostTrials.Fold {
    /// - Parameter account: of its scope in the ledger; nil where that cannot be read.
    func lost(account: LedgerReader.Account?) -> TrialSummary {
        var trial = summary
        trial.outcome = .lost
        trial.isRunning = false
        trial.doing = nil
        trial.doingSince = nil
        trial.lastActivity = nil
        var words = "its harness died after \(trial.runtime.shortText)"
        let budgetLeft = max(USD.zero, trial.budget - trial.cost)
        if trial.phase == .pending || trial.phase == .provisioning {
            // Its key, if there is one, was in nobody's hands.
            trial.unknownUpTo = nil
            words =
                trial.log == nil ? "its harness died before it began" : "its harness died before its container began"
        } else if isSettled {
            words += "; \(trial.cost) spent"
        } else if isMetered, let account {
            // Nobody can spend through a gateway that is gone: what it had under way is the most there is.
            trial.cost = max(account.settled, trial.polledSpend)
            let most = max(account.most, trial.cost)
            trial.unknownUpTo = most > trial.cost ? most - trial.cost : nil
            words += "; \(trial.cost) spent"
            if most > trial.cost {
                let calls = account.uncertainCalls == 1 ? "1 call" : "\(account.uncertainCalls) calls"
                words += ", up to \(most) with \(calls) of unknown cost"
            }
        } else {
            trial.unknownUpTo = budgetLeft
            words += "; up to \(budgetLeft) more may be spent"
        }
        trial.reason = words
        return trial
    }
}
