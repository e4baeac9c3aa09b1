import PreflightCore

/// The tables of a comparison, as words: every format for people shows the same.
extension Comparison {
    struct Table {
        var title: String
        var header: [String]
        var alignments: [TextTable.Alignment]
        var rows: [[String]]
    }

    private var percent: String {
        "\(Decimals.text(settings.confidence * 100, places: settings.confidence * 100 == (settings.confidence * 100).rounded() ? 0 : 1))%"
    }
    private var kind: String { settings.grouping == .model ? "model" : "run" }

    /// `by completed: 3 models in run-1`.
    var headline: String {
        let arms = Figures.counted(arms.count, kind)
        let place = settings.grouping == .run ? "" : " in \(runs.joined(separator: ", "))"
        return "by \(settings.metric.rawValue): \(arms)\(place)"
    }

    /// What every output says of a ranking of what was not run alike; nil of one that was.
    package var stamp: String? {
        likeness.isAlike ? nil : "NOT RUN ALIKE, ranked all the same: \(likeness.subjects) differ"
    }

    var tables: [Table] { [ranking, against, spending] }

    private var ranking: Table {
        let metric = settings.metric
        let tellsScore = hasScores && metric != .score
        var header = ["rank", kind, "n", "completed", "share \(percent)", metric.noun, percent]
        if tellsScore { header += ["score", percent] }
        header += ["paid", hasScores ? "score/$" : "paid/completed", "cut off", "missing"]
        let rows = arms.map { arm in
            var row = [
                arm.ranks.map(Self.ranks) ?? "-", arm.name, String(arm.seen.count), Self.completed(arm),
                share(arm), estimate(arm), claimed(arm.interval, arm.values.count, metric.text),
            ]
            if tellsScore {
                row += [
                    arm.meanScore.map(CompareMetric.score.text) ?? "-",
                    claimed(arm.scoreInterval, arm.scored.count, CompareMetric.score.text),
                ]
            }
            row += [
                arm.meanCost.map { "\($0)" } ?? "-",
                hasScores
                    ? arm.scorePerDollar.map(Self.perDollar) ?? "-" : arm.costPerCompleted.map { "\($0)" } ?? "-",
                Self.cutOff(arm), arm.missing > 0 ? String(arm.missing) : "-",
            ]
            return row
        }
        return Table(
            title: "Ranking", header: header,
            alignments: [.left, .left] + Array(repeating: .right, count: header.count - 4) + [.left, .right],
            rows: rows)
    }

    private var against: Table {
        let metric = settings.metric
        let rows: [[String]] = arms.indices.compactMap { index in
            guard let difference = difference(of: index) else { return nil }
            let isAlike = difference.values.allSatisfy { $0 == difference.values.first }
            return [
                arms[index].name, String(difference.values.count),
                difference.within.map { "\(USD(dollars: $0))" } ?? (metric == .completed ? "its cap" : "-"),
                difference.estimate.map { metric.difference($0) } ?? "-",
                interval(of: difference).map { metric.difference($0) }
                    ?? (isAlike && difference.values.count >= Bootstrap.fewest ? "no spread" : "too few"),
                difference.values.isEmpty ? "-" : Self.p(difference.p),
                difference.values.isEmpty
                    ? "no pairs" : difference.isToldApart(settings.confidence) ? "told apart" : "not told apart",
            ]
        }
        return Table(
            title: "Differences from \(arms[baseline].name)",
            header: [kind, "pairs", "within", metric == .completed ? "points" : metric.noun, percent, "p", ""],
            alignments: [.left, .right, .right, .right, .right, .right, .left], rows: rows)
    }

    /// Shares of the largest cap that the completion by spend is told at.
    private static let marks = [100, 250, 500, 1000]

    private var spending: Table {
        let amounts = Self.marks.map { cap.share(permille: $0) }
        return Table(
            title: "Completed within",
            header: [kind] + amounts.map { "\($0)" } + ["half completed by", "mean to the end"],
            alignments: [.left] + Array(repeating: .right, count: amounts.count + 2),
            rows: arms.map { arm in
                let spending = arm.spending
                return [arm.name]
                    + amounts.map {
                        arm.seen.isEmpty ? "-" : share(of: spending, within: $0.dollars)
                    } + [
                        spending.medianToComplete.map { "\(USD(dollars: $0))" } ?? "not reached",
                        arm.seen.isEmpty ? "-" : "\(USD(dollars: arm.costs.mean(to: costReach)))",
                    ]
            })
    }

    /// How far all arms were seen in dollars.
    var costReach: Double { arms.map { $0.costs.reach }.min() ?? .infinity }

    /// What the numbers mean, a line each.
    var legend: [String] {
        let metric = settings.metric
        let needed =
            pairsNeeded.map { "for which it takes \($0) pairs at least" }
            ?? "which no number of pairs can reach: compare fewer, or with less confidence"
        var lines = [
            "\(metric.noun): \(metric.meaning)"
                + (reach.map { ", counted up to \(metric.text($0)), as far as all were seen" } ?? ""),
            "rank: places that are not ruled out; n: trials that were seen to run; "
                + "completed: of n, and up to how many if all that were cut off had",
            "share: Wilson's interval of it, from nobody cut off completing to all of them",
            "paid: mean of what was paid for a trial, exact; "
                + (hasScores
                    ? "score/$: mean score over mean paid, both of the scored trials"
                    : "paid/completed: all that was paid, for each trial that completed"),
            "cut off: stopped by money (m), time (t), a race (r), the owner (o) or still under way (u): neither completed "
                + "nor failed; missing: machine, provider or Preflight failed, counted nowhere else",
            "\(percent): bootstrap over \(settings.grouping == .model ? "repetitions" : "models and repetitions"), expanded "
                + "percentiles, \(settings.bootstrap.resamples) resamples, seed \(settings.bootstrap.seed); none below "
                + "\(Bootstrap.fewest)",
            "p: sign flips over pairs, corrected for \(Figures.counted(comparisons, "comparison")) (Holm); told apart at "
                + "\(percent), \(needed)",
            "completed within: by what was spent (Aalen and Johansen), ≥ beyond where the last was cut off; mean to the end: until completed or "
                + "failed" + (costReach.isFinite ? ", up to \(USD(dollars: costReach))" : ""),
        ]
        if hasScores, arms.contains(where: { $0.scored.count < $0.seen.count }) {
            let unscored = arms.map { $0.seen.count - $0.scored.count }.reduce(0, +)
            lines.append("without a score, and left out of all scores: \(Figures.counted(unscored, "trial"))")
        }
        return lines + likeness.notes.map { "to be known: \($0)" }
    }

    private func estimate(_ arm: CompareArm) -> String {
        guard let estimate = arm.estimate else { return "-" }
        return settings.metric == .completed
            ? share(of: arm.spending, within: cap.dollars) : settings.metric.text(estimate)
    }

    /// At least that much, where nobody was seen to go so far.
    private func share(of spending: Endurance, within amount: Double) -> String {
        (amount > spending.reach ? "≥" : "") + CompareMetric.completed.text(spending.completed(within: amount))
    }

    private func share(_ arm: CompareArm) -> String {
        guard let interval = share(of: arm) else { return "-" }
        return "\(Decimals.text(interval.low * 100, places: 0))–\(Decimals.text(interval.high * 100, places: 0))%"
    }

    func share(of arm: CompareArm) -> Interval? {
        arm.seen.isEmpty
            ? nil
            : .wilson(
                from: arm.completed, to: arm.completed + arm.cutOff, of: arm.seen.count,
                confidence: settings.confidence)
    }

    private func claimed(_ interval: Interval?, _ count: Int, _ words: (Double) -> String) -> String {
        guard let interval else { return count < Bootstrap.fewest ? "too few" : "no spread" }
        return "\(words(interval.low)) … \(words(interval.high))"
    }

    private static func ranks(_ ranks: ClosedRange<Int>) -> String {
        ranks.count == 1 ? String(ranks.lowerBound) : "\(ranks.lowerBound)–\(ranks.upperBound)"
    }

    private static func completed(_ arm: CompareArm) -> String {
        let most = arm.completed + arm.cutOff
        return "\(arm.completed)\(arm.cutOff > 0 ? "–\(most)" : "") of \(arm.seen.count)"
    }

    /// `3m 1t`.
    private static func cutOff(_ arm: CompareArm) -> String {
        let parts = Fate.CutOff.allCases.compactMap { cause in
            let count = arm.cutOff(cause)
            return count > 0 ? "\(count)\(cause.rawValue.prefix(1))" : nil
        }
        return parts.isEmpty ? "-" : parts.joined(separator: " ")
    }

    private static func perDollar(_ value: Double) -> String {
        Decimals.text(value, places: abs(value) >= 100 ? 0 : abs(value) >= 1 ? 1 : 3)
    }

    private static func p(_ value: Double) -> String {
        value < 0.001 ? "<0.001" : Decimals.text(value, places: 3)
    }
}
