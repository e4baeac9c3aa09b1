import PreflightCore

/// What is found of a run once it is over, and of the moments at which its harness was killed.
struct FieldFacts: Sendable {
    struct Trial: Sendable {
        var alias: String
        var budget: USD
        var access: StressField.Access
        var outcome: Outcome?
        var cause: String?
        /// Of its receipt.
        var cost = USD.zero
        var unknownUpTo: USD?
        /// By the provider's books, over all of its keys.
        var billed = USD.zero
        /// Behind the gateway, by the ledger.
        var settled: USD?
        var held: USD?
        /// The numbers that the agent has said, and those that it has written.
        var said: [Int] = []
        var written: [Int]?
        /// Whether it drowns its own words, so that its log need not have them.
        var isFlood = false
        /// How many steps it had to do.
        var steps: Int
        var starts = 0
    }

    /// A moment at which nobody lived who could spend.
    struct Kill: Sendable {
        /// Behind the gateway: what the ledger counts as spent, held or under way, read before the bill.
        var committed: USD?
        var billed: USD
        /// Trials whose log does not begin with what it had then; filled in at the end.
        var lostLogs: [String] = []
    }

    var trials: [Trial] = []
    var kills: [Kill] = []
    /// Of the run's receipt; nil where there is none.
    var cost: USD?
    /// What `preflight verify` finds wrong.
    var findings: [String] = []
    /// Names of what is left.
    var left: [String] = []
}

extension FieldFacts.Trial {
    /// Whether there is a trace of it; the others need be in no ledger.
    var hasBegun: Bool { outcome == .completed || starts > 0 || cost > .zero || billed > .zero }

    /// How many numbers the log has to have at least: it ended with its container, and an agent says each number before
    /// it writes it. What an engine or a guard took with a container is in no log.
    var heard: Int {
        switch outcome {
        case nil, .lost, .dockerFailed: 0
        default: written?.count ?? 0
        }
    }
}

extension FieldFacts {
    var verdicts: [StressVerdict] {
        [
            .of(.overspend, overspent), .of(.money, wrongSums), .of(.events, lostEvents), .of(.record, findings),
            .of(.leftovers, left), .of(.repeated, doubled),
        ]
    }

    private var overspent: [String] {
        trials.filter { $0.billed > $0.budget }.map { "\($0.alias): billed \($0.billed) of \($0.budget)" }
    }

    private var wrongSums: [String] {
        var wrong: [String] = []
        for trial in trials {
            let most = trial.cost + (trial.unknownUpTo ?? .zero)
            if trial.billed < trial.cost || trial.billed > most {
                let upTo = trial.unknownUpTo == nil ? "" : ", up to \(most.exactText)"
                wrong.append("\(trial.alias): billed \(trial.billed.exactText), receipt \(trial.cost.exactText)\(upTo)")
            }
            if trial.access == .gateway, trial.settled == nil, trial.hasBegun {
                wrong.append("\(trial.alias): the ledger does not know it")
            }
            if let settled = trial.settled, settled != trial.cost, trial.unknownUpTo == nil {
                wrong.append("\(trial.alias): ledger \(settled.exactText), receipt \(trial.cost.exactText)")
            }
            if let held = trial.held, held > .zero, trial.unknownUpTo == nil {
                wrong.append("\(trial.alias): the ledger holds \(held.exactText), and the receipt is final")
            }
        }
        if let cost, cost != trials.reduce(.zero, { $0 + $1.cost }) { wrong.append("the run's receipt is another sum") }
        for (index, kill) in kills.enumerated() {
            guard let committed = kill.committed, kill.billed > committed else { continue }
            wrong.append(
                "kill \(index + 1): billed \(kill.billed.exactText), and the ledger had \(committed.exactText)")
        }
        return wrong
    }

    private var lostEvents: [String] {
        var lost = kills.enumerated().flatMap { index, kill in
            kill.lostLogs.map { "kill \(index + 1): \($0): a log does not begin with what it was" }
        }
        for trial in trials where !trial.isFlood {
            let wanted = trial.outcome == .completed ? trial.steps : max(trial.said.count, trial.heard)
            if trial.said != Array(0..<wanted) {
                lost.append("\(trial.alias): of \(wanted) numbers the log has \(Self.gaps(trial.said))")
            }
        }
        return lost
    }

    private var doubled: [String] {
        trials.flatMap { trial in
            var faults: [String] = []
            if trial.starts > 1 { faults.append("\(trial.alias): started \(trial.starts) times") }
            let written = trial.written ?? []
            if trial.outcome == .completed, written.count < trial.steps {
                faults.append("\(trial.alias): of \(trial.steps) steps its output has \(Self.gaps(written))")
            } else if written != Array(0..<(trial.outcome == .completed ? trial.steps : written.count)) {
                faults.append("\(trial.alias): work was done twice: \(Self.gaps(written))")
            }
            return faults
        }
    }

    /// `0-4, 3-9`: the runs of consecutive numbers.
    static func gaps(_ numbers: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, number == last.upperBound + 1 {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        let texts = runs.prefix(8).map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        return texts.isEmpty ? "none" : texts.joined(separator: ", ")
    }
}

extension USD {
    /// Dollars with all digits: a sum that is wrong by a picodollar is to show it.
    var exactText: String { "$\(decimalText)" }
}
