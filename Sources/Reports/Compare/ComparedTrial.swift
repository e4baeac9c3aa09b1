package import PreflightCore

/// What a comparison sees of a trial: its newest attempt.
package struct ComparedTrial: Hashable, Sendable {
    package var run: String
    package var alias: String
    package var source: ModelSource
    /// From 1; trials of the same repetition belong together.
    package var repetition: Int
    package var fate: Fate
    package var budget: USD
    package var cost: USD
    package var runtime: Duration
    /// Its budget could not pay its next call, so that it would have cost more than that.
    package var isUsedUp: Bool
    /// Both ways.
    package var tokens: Int
    /// Nil where nothing was scored, or scoring failed.
    package var score: Double?
    /// What scored it.
    package var scorer: String?

    /// - Parameter rules: of the run's experiment.
    package init(_ summary: TrialSummary, run: String, repetition: Int, rules: [PolicyRule] = []) {
        self.run = run
        alias = summary.alias
        source = summary.source
        self.repetition = repetition
        fate = Fate(summary, rules: rules)
        budget = summary.budget
        cost = summary.cost
        runtime = summary.runtime
        isUsedUp = summary.outcome == .budgetExhausted
        tokens = summary.usage.promptTokens + summary.usage.completionTokens
        score = summary.score?.value
        scorer = summary.score?.scorer
    }

    package var isSeen: Bool { fate != .missing }

    /// How far it went in dollars: what a trial could not spend any more of its budget is no room that it had.
    var reachedDollars: Double { (isUsedUp ? max(cost, budget) : cost).dollars }

    /// The same on the way to completing: what completed has completed within its cap, whatever its last call came to.
    var cappedDollars: Double { fate == .completed ? min(cost, budget).dollars : reachedDollars }

    /// Where it ended on an axis.
    func endured(_ amount: Double) -> Endurance.Trial {
        switch fate {
        case .completed: .init(amount, .completed)
        case .failed: .init(amount, .failed)
        case .cutOff, .missing: .init(amount, .cutOff)
        }
    }
}

extension USD {
    /// For statistics. No sum of money is made of it.
    var dollars: Double { Double(picodollars) / Double(USD.picodollarsPerDollar) }

    /// The nearest amount, for people.
    init(dollars: Double) {
        let picodollars = (dollars * Double(USD.picodollarsPerDollar)).rounded()
        self.init(picodollars: Int64(exactly: picodollars) ?? (dollars < 0 ? -.max : .max))
    }
}

extension Duration {
    var seconds: Double { Double(wholeMicroseconds) / 1_000_000 }
}
