package import PreflightCore

/// What other numbers in a policy's place would have saved and lost in past runs: the trade-off of its bound.
package struct PolicyTuning: Sendable {
    /// One number, and what the policy would have done with it.
    package struct Row: Sendable {
        package var number: TunableNumber
        package var isOwn: Bool
        package var stopped: [String] = []
        package var saved = USD.zero
        /// Trials that completed and would have been stopped.
        package var lost: [String] = []
    }

    package var rows: [Row]
    package var trials = 0
    /// Those whose logs cannot be read, or are not what was written: they count for nothing.
    package var faulty: [String] = []
    package var spend = USD.zero
    package var policy: EjectPolicy

    /// Factors of the number, in thousandths.
    static let factors = [
        100, 150, 200, 300, 400, 500, 650, 800, 1000, 1250, 1500, 2000, 3000, 4000, 6000, 8000, 12_000,
    ]

    private var policies: [EjectPolicy] = []

    /// - Parameter index: which of the policy's numbers; nil where it has but one.
    /// - Throws: `usage` where that is not clear.
    package init(_ policy: EjectPolicy, number index: Int?) throws(PreflightError) {
        self.policy = policy
        let numbers = policy.numbers
        let listed = numbers.enumerated().map { "\($0 + 1): \($1.text)" }.joined(separator: ", ")
        guard !numbers.isEmpty else {
            throw PreflightError(.usage, "\(policy.name) has no number to tune")
        }
        guard let index = index ?? (numbers.count == 1 ? 1 : nil) else {
            throw PreflightError(
                .usage, "\(policy.name) has \(numbers.count) numbers", hint: "choose one by --number: \(listed)")
        }
        guard numbers.indices.contains(index - 1) else {
            throw PreflightError(.usage, "\(policy.name) has no number \(index)", hint: "there are \(listed)")
        }
        rows = []
        for factor in Self.factors {
            // What cannot be written with another number stays as it is, and is no row beside its own.
            guard let scaled = factor == 1000 ? policy : policy.scaling(number: index - 1, permille: factor),
                factor == 1000 || scaled != policy, !policies.contains(scaled)
            else { continue }
            let own = scaled.numbers
            guard own.count == numbers.count else { continue }
            policies.append(scaled)
            rows.append(Row(number: own[index - 1], isOwn: factor == 1000))
        }
    }

    /// Adds the trials of a run. Each log is read once, for all numbers.
    package mutating func take(_ view: RunView) {
        // Nothing ends here, so that each number is judged to the end.
        let rules = PolicyList(policies.map { PolicyRule($0, .notify) })
        for trial in RunReplay(view, rules, isBrief: true).trials {
            guard trial.fault == nil else {
                faulty.append(trial.name)
                continue
            }
            trials += 1
            spend += trial.spend
            for index in rows.indices {
                guard let first = trial.fired.first(where: { $0.policy.index == index }) else { continue }
                rows[index].stopped.append(trial.name)
                rows[index].saved += max(.zero, trial.spend - first.policy.spend)
                if trial.outcome == .completed { rows[index].lost.append(trial.name) }
            }
        }
    }

    package var json: JSON {
        .record([
            "policy": policy.tree, "faulty": faulty.isEmpty ? nil : .strings(faulty), "trials": .int(trials),
            "cost_usd": .usd(spend),
            "numbers": .array(
                rows.map {
                    .record([
                        "number": .string($0.number.text), "own": .bool($0.isOwn), "stopped": .strings($0.stopped),
                        "saved_usd": .usd($0.saved), "lost": .strings($0.lost),
                    ])
                }),
        ])
    }

    /// A row a number: a bar of what is saved, a mark for each trial that is lost.
    package func text(width: Int = 100) -> String {
        var table = TextTable(
            header: ["", policy.name, "stops", "saves", "", "loses"],
            alignments: [.left, .right, .right, .right, .left, .left], width: width)
        table.rows = rows.map { row in
            [
                row.isOwn ? ">" : "", row.number.text, String(row.stopped.count), "\(row.saved)",
                Self.bar(row.saved.permille(of: spend)),
                row.lost.isEmpty
                    ? "-"
                    : PlainText.oneLine(
                        String(repeating: "x", count: min(20, row.lost.count)) + " " + row.lost.joined(separator: ", ")),
            ]
        }
        let end =
            "of \(trials) trials that cost \(spend); loses: trials that completed"
            + (faulty.isEmpty ? "" : "; left out, their logs are damaged: \(faulty.joined(separator: ", "))")
        return (table.lines() + ["", end]).joined(separator: "\n") + "\n"
    }

    /// Twenty blocks are all that was spent.
    static func bar(_ permille: Int) -> String {
        let eighths = (permille * 160 + 500) / 1000
        let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
        let bar = String(repeating: "█", count: eighths / 8) + rest
        return bar + String(repeating: "·", count: max(0, 20 - bar.count))
    }
}
