package import PreflightCore
import Store

/// What policies would have done to a run's trials.
package struct RunReplay: Sendable {
    package var run: String
    package var trials: [TrialReplay]

    /// Earlier attempts at a trial stand before the newest one.
    ///
    /// - Parameters:
    ///   - isOwn: the policies are those that the run was judged by, so that its logs have to agree.
    ///   - isBrief: keeps what each policy fired first in a trial, and no more.
    package init(_ view: RunView, _ policies: PolicyList, isOwn: Bool = false, isBrief: Bool = false) {
        run = view.id
        let directory = RunDirectory(path: view.directory, id: view.id)
        trials = []
        var newest: [(place: Int, plan: TrialPlan, directory: TrialDirectory)] = []
        var rounds: [ModelSource: Int] = [:]
        for trial in view.trials {
            rounds[trial.source, default: 0] += 1
            for (index, summary) in (trial.earlier + [trial]).enumerated() {
                let place = directory.trial(trial.alias, attempt: index + 1)
                let hasLog = Files.exists(place.eventsPath)
                // One that never began has none.
                guard hasLog || summary.log != nil else { continue }
                var replay = TrialReplay(place, policies, isBrief: isBrief, summary: summary)
                if !isOwn { replay.recorded = nil }
                if hasLog, index == trial.earlier.count {
                    var plan = TrialPlan(trial)
                    // A log of a version before does not tell it: repetitions come in rounds.
                    plan.repetition = replay.repetition ?? rounds[trial.source] ?? 1
                    newest.append((trials.count, plan, place))
                }
                trials.append(replay)
            }
        }
        // Whoever raced against an earlier attempt at another trial met what is not judged again.
        if view.trials.contains(where: { $0.attempt.number > 1 }) {
            for index in trials.indices { trials[index].knowsRivals = false }
        }
        race(policies, newest, isOwn: isOwn)
    }

    package var saved: USD { trials.reduce(.zero) { $0 + $1.saved } }
    package var spend: USD { trials.reduce(.zero) { $0 + $1.spend } }

    package var json: JSON {
        .record([
            "run": .string(run), "cost_usd": .usd(spend), "saved_usd": .usd(saved),
            "stopped": .int(trials.count { $0.stop != nil }), "lost": .int(trials.count(where: \.isLost)),
            "trials": .array(trials.map(\.json)),
        ])
    }

    /// A table with a row a trial, and what it comes to.
    package func text(width: Int = 120) -> String {
        var table = TextTable(
            header: ["trial", "was", "cost", "ran", "stops at", "saves", "loses it", "why"],
            alignments: [.left, .left, .right, .right, .right, .right, .left, .left], width: width)
        table.rows = trials.map { trial in
            [
                PlainText.cut(trial.name, to: 24), trial.outcome?.rawValue ?? "unfinished", "\(trial.spend)",
                trial.runtime.shortText, trial.stop.map { $0.running.shortText } ?? "-",
                trial.stop == nil ? "-" : "\(trial.saved)", trial.isLost ? "yes" : "-",
                PlainText.oneLine(trial.why),
            ]
        }
        let lost = trials.filter(\.isLost).map(\.name)
        let end =
            "\(trials.count { $0.stop != nil }) of \(trials.count) stopped, \(saved) of \(spend) saved, "
            + (lost.isEmpty
                ? "none lost that completed" : "\(lost.count) lost that completed: \(lost.joined(separator: ", "))")
        return (["Replay of \(run)"] + table.lines() + ["", end]).joined(separator: "\n") + "\n"
    }
}

extension TrialReplay {
    fileprivate var why: String {
        if let fault { return "its log is not what was written: \(fault)" }
        var words = stop.map { "\($0.policy.reason.policy): \($0.policy.reason.message)" } ?? "stays"
        let mild = Dictionary(grouping: fired.filter { $0.policy.rule.action != .eject }) {
            "\($0.policy.rule.action.rawValue) by \($0.policy.reason.policy)"
        }
        for (what, times) in mild.sorted(by: { $0.key < $1.key }) { words += "; \(times.count) x \(what)" }
        return isAsRecorded == false ? "NOT AS ITS LOG HAS IT: \(words)" : words
    }
}
