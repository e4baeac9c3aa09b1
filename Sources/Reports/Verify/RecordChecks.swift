import PreflightCore
import Store

/// What the evidence of a run says. Pure: everything was read before.
struct RecordChecks {
    /// All attempts.
    let trials: [TrialEvidence]
    let isAlive: Bool

    /// What became of each trial in the end.
    var newest: [TrialEvidence] { trials.filter { !$0.isEarlier } }

    /// Trials whose harness died before they ended.
    var lost: [TrialEvidence] { isAlive ? [] : newest.filter { !$0.hasEnded } }

    /// Every line follows from the one before it, and none is missing at the end.
    func events() -> Finding {
        var faults: [String] = trials.flatMap(\.failures)
        var notes: [String] = []
        for trial in trials {
            let name = "\(trial.directory.place)/events.jsonl"
            guard let log = trial.log else {
                // One that never began has none.
                if trial.failures.isEmpty, trial.kept.log != nil || trial.receipt?.log != nil {
                    faults.append("\(name) is missing")
                }
                continue
            }
            if let fault = log.fault {
                faults.append("\(name) \(fault.text)")
            } else if log.reading.tornBytes > 0, !isAlive {
                notes.append("\(name): \(log.reading.tornBytes) bytes at its end are of a line that a crash tore")
            }
        }
        let lines = trials.reduce(0) { $0 + ($1.log?.reading.mark.lines ?? 0) }
        let logs = trials.filter { $0.log != nil }.count
        return Finding(
            "events", faults.isEmpty ? "\(lines) lines in \(logs) logs" : "damaged", faults: faults, notes: notes,
            hint: "what stands before the first bad line is as it was written; the rest may not be")
    }

    /// The fold of each log is what summary and journal say.
    func state() -> Finding {
        var faults: [String] = []
        var notes: [String] = []
        for trial in trials {
            // Of a damaged log everything may follow.
            guard let log = trial.log, log.fault == nil else { continue }
            func compare(_ kept: TrialSummary, _ place: String) {
                faults += log.summary.differences(from: kept, isExact: log.isExact).map {
                    "\(trial.name): in \(place) \($0)"
                }
            }
            if let receipt = trial.receipt {
                compare(receipt, "its summary.json")
            } else if log.state.outcome != nil, !isAlive {
                faults.append("\(trial.name): it ended, and has no summary.json")
            }
            guard trial.kept.outcome != nil else { continue }
            if trial.kept.polledSpend > log.summary.polledSpend {
                notes.append("\(trial.name): a sweep found its sub-key's spend to be \(trial.kept.polledSpend)")
            } else {
                compare(trial.kept, "the journal")
            }
        }
        let ended = newest.filter(\.hasEnded).count
        return Finding(
            "state", faults.isEmpty ? "logs, summaries and journal agree on \(ended) ended trials" : "they disagree",
            faults: faults, notes: notes)
    }
}

extension RecordChecks {
    /// The run's receipt is the sum of its trials'.
    ///
    /// - Parameters:
    ///   - receipt: the run's `summary.json`; nil where there is none.
    ///   - isFinished: whether the journal says that the run came to its end.
    func receipt(_ receipt: JSON?, isFinished: Bool) -> Finding {
        guard let receipt else {
            if isAlive || !isFinished {
                return Finding("receipt", .pass, isAlive ? "none yet" : "none: the run did not come to its end")
            }
            let hasBegun = trials.contains { $0.log != nil }
            return hasBegun
                ? Finding("receipt", .fail, "summary.json is missing, or cannot be read")
                : Finding("receipt", .pass, "none: the run did not start")
        }
        var faults: [String] = []
        let told = (receipt["trials"]?.array ?? []).compactMap(TrialSummary.init(json:))
        let isOld = told.map(\.attempt) != newest.map(\.directory.attempt)
        if isOld, !isFinished {
            return Finding("receipt", .pass, "of before trials were run again; a new one follows at the end")
        }
        if isOld {
            faults.append("it tells of \(told.count) trials, the run had \(newest.count)")
        }
        for (summary, trial) in zip(told, newest) {
            if let own = trial.receipt, own.swept(like: summary) != summary {
                faults.append("\(summary.alias): it differs from the trial's own summary.json")
            }
        }
        for trial in trials where trial.isEarlier {
            let told = told.first { $0.alias == trial.kept.alias }?.earlier ?? []
            let number = trial.directory.attempt.number
            let summary = told.indices.contains(number - 1) ? told[number - 1] : nil
            if var own = trial.receipt {
                own.earlier = []
                if summary.map({ own.swept(like: $0) }) != summary {
                    faults.append("\(trial.name): it differs from the attempt's own summary.json")
                }
            }
        }
        func sum(_ key: String, _ part: (TrialSummary) -> USD) {
            let sum = told.reduce(USD.zero) { $0 + part($1) }
            if receipt[key]?.usd() != sum {
                faults.append("\(key) is \(receipt[key]?.numberText ?? "missing"), the trials' sum \(sum.decimalText)")
            }
        }
        sum("cost_usd", \.totalCost)
        sum("unknown_up_to_usd", \.totalUnknown)
        let cost = receipt["cost_usd"]?.usd() ?? .zero
        return Finding(
            "receipt", faults.isEmpty ? "\(cost), the sum of \(told.count) trials" : "it is not the trials'",
            faults: faults)
    }

    /// What was made outside is given back.
    func resources(_ left: [Resource]) -> Finding {
        guard !left.isEmpty else { return Finding("resources", .pass, "all given back") }
        if isAlive { return Finding("resources", .pass, "\(left.count) in use") }
        let names = left.map { "\($0.kind.rawValue) \($0.name)" }
        // A harness that died gave nothing back: that is no fault of its record.
        return Finding(
            "resources", "\(left.count) not given back", faults: lost.isEmpty ? names : [],
            notes: lost.isEmpty ? [] : names, hint: "preflight sweep")
    }
}

extension TrialSummary {
    /// As it is once a sweep has found what its sub-key had spent, and `other` knows of that.
    fileprivate func swept(like other: TrialSummary) -> TrialSummary {
        var swept = self
        _ = swept.note(spent: other.polledSpend, by: attempt)
        return swept
    }
}
