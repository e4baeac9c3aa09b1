import PreflightCore
import Store

/// A run's scopes in the ledger, as far as `verify` asks.
struct LedgerEvidence: Sendable {
    /// By their names.
    var scopes: [String: BudgetScope] = [:]
    /// By the names of their scopes.
    var calls: [String: [LedgerReader.Call]] = [:]
    /// What a power cut may have taken and nobody holds yet, by the names of scopes.
    var lost: [String: USD] = [:]

    init() {}

    init(_ reader: LedgerReader, run: String) async throws {
        for entry in try await reader.scopes() where entry.scope.name == run || entry.parent == run {
            scopes[entry.scope.name] = entry.scope
        }
        guard !scopes.isEmpty else { return }
        for cover in try await reader.lostCovers() where scopes[cover.scopeName] != nil {
            lost[cover.scopeName, default: .zero] += cover.amount
        }
        var last = CallID(row: 0)
        // In pages: other runs' calls may be millions.
        while true {
            let page = try await reader.calls(of: run, after: last, limit: 10_000)
            for call in page { calls[call.scopeName, default: []].append(call) }
            guard let end = page.last else { return }
            last = end.id
        }
    }
}

extension RecordChecks {
    static func calls(_ count: Int) -> String { count == 1 ? "1 call" : "\(count) calls" }

    /// Every call of the ledger is in its trial's log with the same cost, every call of a log in the ledger, and the
    /// sums are those of the calls.
    func ledger(_ ledger: LedgerEvidence, run: String) -> Finding {
        guard trials.contains(where: \.isMetered) || ledger.scopes[run] != nil else {
            return Finding("ledger", .pass, "not used: calls went to OpenRouter directly")
        }
        var faults: [String] = []
        var notes: [String] = []
        for trial in trials where trial.isMetered {
            let name = "\(run)/\(trial.name)"
            guard let scope = ledger.scopes[name] else {
                if trial.log?.calls.calls.isEmpty == false {
                    faults.append("\(trial.name): the ledger has no scope \(name)")
                }
                continue
            }
            var comparison = CallComparison(
                trial, scope, ledger.calls[name] ?? [], lost: ledger.lost[name], isAlive: isAlive)
            comparison.run()
            faults += comparison.faults
            notes += comparison.notes
        }
        let below = ledger.scopes.values.filter { $0.name != run }
        if let whole = ledger.scopes[run], !isAlive {
            // Of a shared envelope and direct access, each trial's budget is a call of the run itself.
            let own = ledger.calls[run] ?? []
            let sum =
                below.reduce(USD.zero) { $0 + $1.spent.total }
                + own.reduce(.zero) { $0 + ($1.state == .settled ? $1.cost ?? .zero : .zero) }
            if whole.spent.total != sum {
                faults.append(
                    "the run's scope says \(whole.spent.total.decimalText) USD, its trials' \(sum.decimalText)")
            }
        }
        let spent = ledger.scopes[run]?.spent.total ?? .zero
        let count = ledger.calls.values.reduce(0) { $0 + $1.count }
        return Finding(
            "ledger", faults.isEmpty ? "\(Self.calls(count)), \(spent)" : "it and the logs disagree", faults: faults,
            notes: notes, hint: notes.isEmpty || !faults.isEmpty ? nil : "`preflight budget held` shows unknown costs")
    }
}

/// One trial's calls in the ledger against those of its log.
private struct CallComparison {
    let trial: TrialEvidence
    let scope: BudgetScope
    let calls: [LedgerReader.Call]
    /// Not held yet; nil where there was no power cut.
    let lost: USD?
    let isAlive: Bool
    var faults: [String] = []
    var notes: [String] = []
    /// Settled after the log's end.
    private var late = USD.zero
    private var held: [LedgerReader.Call] = []
    private var untold = 0

    init(
        _ trial: TrialEvidence, _ scope: BudgetScope, _ calls: [LedgerReader.Call], lost: USD?, isAlive: Bool
    ) {
        self.lost = lost
        self.trial = trial
        self.scope = scope
        self.calls = calls
        self.isAlive = isAlive
    }

    mutating func run() {
        guard let log = trial.log, log.fault == nil else { return }
        for call in calls { compare(call, with: log.calls.calls[call.id.row], log) }
        let known = Set(calls.map(\.id.row))
        if let lost {
            notes.append(
                "\(trial.name): a power cut may have taken calls of up to \(lost), held once the ledger is opened")
        }
        for number in log.calls.calls.keys.sorted() where !known.contains(number) {
            if lost != nil, !calls.contains(where: { $0.id.row > number }) {
                notes.append("\(trial.name): call \(number) was lost in the power cut")
                continue
            }
            // What stands for the calls that a power cut took comes after them, and next of what the ledger has.
            if let next = calls.filter({ $0.id.row > number }).min(by: { $0.id.row < $1.id.row }), next.isOfPowerCut {
                notes.append(
                    "\(trial.name): call \(number) was lost in a power cut, and is part of call \(next.id.row)")
                continue
            }
            faults.append("\(trial.name): call \(number) of the log is not in the ledger")
        }
        if untold > 0 {
            notes.append(
                "\(trial.name): its harness died before it could write down how \(RecordChecks.calls(untold)) ended")
        }
        if !held.isEmpty {
            let sum = held.reduce(USD.zero) { $0 + $1.amount }
            let numbers = held.prefix(5).map { "\($0.id.row)" }.joined(separator: ", ")
            notes.append(
                "\(trial.name): \(RecordChecks.calls(held.count)) of unknown cost, up to \(sum): \(numbers)"
                    + (held.count > 5 ? ", …" : ""))
        }
        guard !isAlive else { return }
        compareSums(log)
    }

    private mutating func compare(
        _ call: LedgerReader.Call, with told: CallBook.Call?, _ log: TrialEvidence.Log
    ) {
        let name = "\(trial.name): call \(call.id.row)"
        switch call.state {
        case .settled:
            let cost = call.cost ?? .zero
            if let told = told?.cost {
                if told != cost {
                    faults.append("\(name) cost \(told.decimalText) USD by the log, \(cost.decimalText) by the ledger")
                }
            } else if isAlive {
                // Its event is on the way.
            } else if isAfterEnd(call, log) {
                late += cost
                // Settled by hand, or found out, once nobody wrote the log any more.
                if told?.wasHeld == true {
                    notes.append("\(name), held in the log, was settled at \(cost) later")
                } else {
                    untold += 1
                }
            } else {
                faults.append("\(name) cost \(cost.decimalText) USD by the ledger, and the log does not say so")
            }
        case .held:
            // The log may be on the disk before the ledger's last milliseconds are.
            if told?.cost != nil, trial.hasEnded {
                faults.append("\(name) has a cost in the log, and is held in the ledger")
            }
            held.append(call)
        case .open:
            guard !isAlive else { return }
            if trial.hasEnded { faults.append("\(name) is under way in the ledger, though the trial has ended") }
            held.append(call)
        case .released:
            if let cost = told?.cost, cost > .zero {
                faults.append("\(name) cost \(cost.decimalText) USD by the log, and was given back in the ledger")
            }
        }
    }

    /// Whether the log can know of it. What happened in its last moments may not have reached it.
    private func isAfterEnd(_ call: LedgerReader.Call, _ log: TrialEvidence.Log) -> Bool {
        guard let end = log.calls.lastAt, let resolved = call.resolvedAt else { return false }
        let isLost = log.state.outcome == nil
        return resolved > (isLost ? end + .seconds(-10) : end)
    }

    private mutating func compareSums(_ log: TrialEvidence.Log) {
        let sum = calls.reduce(USD.zero) { $0 + ($1.state == .settled ? $1.cost ?? .zero : .zero) }
        if sum != scope.spent.total {
            faults.append(
                "\(trial.name): its scope says \(scope.spent.total.decimalText) USD, its calls \(sum.decimalText)")
        }
        guard let summary = trial.receipt ?? (trial.kept.outcome == nil ? nil : trial.kept) else { return }
        let told = sum - late
        let agrees = summary.unknownUpTo == nil ? summary.cost == told : summary.cost >= told
        if !agrees {
            faults.append(
                "\(trial.name): its receipt says \(summary.cost.decimalText) USD, the ledger \(told.decimalText)")
        }
    }
}
