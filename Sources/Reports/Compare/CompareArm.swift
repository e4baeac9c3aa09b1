package import PreflightCore

/// One side of a comparison: a model over all runs, or a run over all models.
package struct CompareArm: Sendable {
    package var name: String
    package var trials: [ComparedTrial]
    /// What each repetition contributes to the metric.
    package var values: [CompareUnit: Double] = [:]
    package var estimate: Double?
    /// Nil where nothing is claimed.
    package var interval: Interval?
    /// The best and the worst place that is not ruled out; nil without an estimate.
    package var ranks: ClosedRange<Int>?
    package var meanScore: Double?
    package var scoreInterval: Interval?
    package var scorePerDollar: Double?
    package var scorePerDollarInterval: Interval?

    package init(name: String, trials: [ComparedTrial]) {
        self.name = name
        self.trials = trials
    }

    package var seen: [ComparedTrial] { trials.filter(\.isSeen) }
    package var missing: Int { trials.count - seen.count }
    package var completed: Int { trials.count { $0.fate == .completed } }
    package var failed: Int { trials.count { $0.fate == .failed } }
    package var cutOff: Int { seen.count - completed - failed }
    package var scored: [ComparedTrial] { seen.filter { $0.score != nil } }

    package func cutOff(_ cause: Fate.CutOff) -> Int { trials.count { $0.fate == .cutOff(cause) } }

    /// What the trials that were seen have cost together, exact.
    package var spent: USD { seen.reduce(.zero) { $0 + $1.cost } }
    /// Rounded up to a whole picodollar.
    package var meanCost: USD? { seen.isEmpty ? nil : Self.share(of: spent, among: seen.count) }
    /// All that was spent, for each trial that completed.
    package var costPerCompleted: USD? { completed == 0 ? nil : Self.share(of: spent, among: completed) }

    private static func share(of amount: USD, among count: Int) -> USD {
        let (whole, rest) = amount.picodollars.quotientAndRemainder(dividingBy: Int64(count))
        return USD(picodollars: whole + (rest > 0 ? 1 : 0))
    }

    /// How far its trials went in dollars, where none completes beyond its cap.
    package var spending: Endurance { CompareMetric.completed.endurance(of: seen) }
    /// The same as it was paid.
    package var costs: Endurance { CompareMetric.cost.endurance(of: seen) }
}

/// What is paired: trials of two arms with the same unit met the same conditions.
package struct CompareUnit: Hashable, Sendable {
    /// Nil where runs are the arms.
    package var run: String?
    /// Nil where models are the arms.
    package var source: ModelSource?
    package var repetition: Int
    /// Counts from 0 where an arm has several trials of a repetition.
    package var copy: Int
}

/// Two arms held against each other, over the units that both have.
package struct CompareDifference: Sendable {
    package var first: Int
    package var second: Int
    /// First less second, unit by unit.
    package var values: [Double]
    /// Of completing: within which spend, since one of them was not seen to go further; nil for all the way.
    package var within: Double?
    /// Made larger for the number of comparisons.
    package var p = 1.0
    package var estimate: Double? { values.mean }

    package func isToldApart(_ confidence: Double) -> Bool { p <= 1 - confidence + 1e-12 }
}
