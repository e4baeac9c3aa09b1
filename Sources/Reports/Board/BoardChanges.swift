package import PreflightCore

/// What has changed between two looks at a run, for where no board can be drawn: a line, or a JSON object, each.
package struct BoardChanges: Sendable {
    private var last: RunView?

    package init() {}

    /// Lines that tell what is new; at the first look how the run stands, and what is under way.
    package mutating func lines(_ view: BoardView) -> [String] {
        defer { last = view.run }
        let time = view.elapsed.map { "+\($0.wholeText) " } ?? ""
        let words = last.map { changes(from: $0, to: view.run) } ?? beginning(view)
        return words.map { PlainText.oneLine(time + $0) }
    }

    private func beginning(_ view: BoardView) -> [String] {
        let run = view.run
        let underWay = run.trials.filter { $0.outcome == nil && $0.phase != .pending }
        let ended = run.trials.filter { $0.outcome != nil }.count
        let head =
            "\(run.id): \(run.trials.count) trials, \(underWay.count) under way, \(ended) ended, "
            + "\(view.money.spent) of \(view.money.cap) spent"
        return [head] + underWay.map { "\($0.alias): \(Self.standing($0))" } + alarms(nil, run)
    }

    private func changes(from old: RunView, to new: RunView) -> [String] {
        let before = Dictionary(old.trials.map { ($0.alias, $0) }) { $1 }
        return new.trials.flatMap { trial in
            before[trial.alias].map { Self.changes(from: $0, to: trial) } ?? [Self.standing(trial)]
        } + alarms(old, new)
    }

    private func alarms(_ old: RunView?, _ new: RunView) -> [String] {
        var words: [String] = []
        if let silence = new.silentFor, old?.silentFor == nil {
            words.append("its process has not been heard of for \(silence.wholeText)")
        }
        if old?.silentFor != nil, new.silentFor == nil, new.isAlive { words.append("its process is heard of again") }
        if !new.isAlive, !new.isFinished, old?.isAlive ?? true { words.append("nobody watches it any more") }
        return words
    }

    private static func standing(_ trial: TrialSummary) -> String {
        guard let outcome = trial.outcome else { return StatusFrame.status(trial) }
        return "\(outcome.rawValue), \(trial.totalCost)" + (StatusFrame.why(trial).map { ", \($0)" } ?? "")
    }

    private static func changes(from old: TrialSummary, to new: TrialSummary) -> [String] {
        var words: [String] = []
        if new.attempt != old.attempt { words.append("attempt \(new.attempt.number)") }
        if new.budget != old.budget { words.append("budget \(new.budget)") }
        if new.snapshots > old.snapshots {
            words.append(
                new.snapshots - old.snapshots == 1
                    ? "snapshot \(new.snapshots)" : "snapshots \(old.snapshots + 1) to \(new.snapshots)")
        }
        if tenth(new) > tenth(old), new.outcome == nil { words.append("\(new.cost) of \(new.budget)") }
        if new.pause != old.pause, new.outcome == nil {
            words.append(new.pause.map { "waits: \($0)" } ?? "waits no more")
        }
        if StatusFrame.status(new) != StatusFrame.status(old) || new.outcome != old.outcome {
            words.append(standing(new))
        }
        return words.map { "\(new.alias): \($0)" }
    }

    /// Of its budget that is spent.
    private static func tenth(_ trial: TrialSummary) -> Int {
        BoardMoney(spent: trial.cost, cap: trial.budget, name: "").permille / 100
    }
}

extension BoardChanges {
    /// The same for programs: an object for the run at first and whenever it stands otherwise, and one for each trial
    /// of which anything is new but the time.
    package mutating func objects(_ view: BoardView) -> [JSON] {
        let old = last
        last = view.run
        let before = Dictionary((old?.trials ?? []).map { ($0.alias, $0) }) { $1 }
        let trials = view.run.trials.filter { trial in
            before[trial.alias].map { Self.still($0) != Self.still(trial) } ?? true
        }
        var objects: [JSON] = []
        if old.map({ Self.run($0) != Self.run(view.run) }) ?? true { objects.append(runObject(view)) }
        return objects
            + trials.map { trial in
                var object = JSON.Object([
                    .init(key: "at", value: .string(view.now.iso8601)), .init(key: "type", value: "trial"),
                ])
                for member in Self.still(trial).json.object?.members ?? [] where member.key != "runtime_s" {
                    object.append(member.key, member.value)
                }
                object.append("runtime_s", .number(trial.runtime.decimalSeconds(places: 3)))
                return .object(object)
            }
    }

    private func runObject(_ view: BoardView) -> JSON {
        .record([
            "at": .string(view.now.iso8601), "type": "run", "run": .string(view.run.id),
            "directory": .string(view.run.directory), "alive": .bool(view.run.isAlive),
            "ended": .bool(view.run.isFinished),
            "silent_s": view.run.silentFor.map { .number($0.decimalSeconds(places: 0)) },
            "trials": .int(view.run.trials.count),
            "unfinished": .int(view.run.trials.filter { $0.outcome == nil }.count),
            "spent_usd": .usd(view.money.spent), "cap_usd": .usd(view.money.cap),
        ])
    }

    private static func run(_ view: RunView) -> [Bool] { [view.isAlive, view.isFinished, view.silentFor == nil] }

    /// Without what moves with the clock, and what only the fold needs.
    private static func still(_ trial: TrialSummary) -> TrialSummary {
        var trial = trial
        trial.runtime = .zero
        trial.checkpoint = nil
        trial.log = nil
        trial.lastActivity = nil
        return trial
    }
}
