/// How the models of a field stand by their scores: each over all its trials.
///
/// Scores and what is made of them are floating point; money stays whole until it divides a score.
package struct Leaderboard: Sendable, Hashable {
    package struct Row: Sendable, Hashable {
        package var source: ModelSource
        /// 1 for the best; the same for those that are equal; nil where nothing was scored.
        package var rank: Int?
        /// Trials that have ended.
        package var trials: Int
        /// Lowest first.
        package var scores: [Double]
        /// What the scored trials cost, newest attempts alone.
        package var cost: USD
        /// Of the scored ones, those that were stopped before their own end: by a budget, a policy or their owner.
        package var stopped: Int
        /// Of those, the ones whose budget was used up.
        package var overBudget: Int
        /// Of the scored trials.
        package var aliases: [String]
    }

    /// The best first; those without a score last.
    package var rows: [Row]
    /// More than one: the scores were not made alike.
    package var scorers: Set<String>

    package init(_ trials: [TrialSummary]) {
        let ended = trials.filter { $0.outcome != nil }
        var bySource: [ModelSource: [TrialSummary]] = [:]
        for trial in ended { bySource[trial.source, default: []].append(trial) }
        var rows = bySource.map { Row($0, $1) }.sorted { ($0.mean ?? -.infinity) > ($1.mean ?? -.infinity) }
        var leader: Double?
        var rank = 1
        for index in rows.indices {
            guard let mean = rows[index].mean else { continue }
            if let last = leader, !Self.areEqual(last, mean) {
                rank = index + 1
                leader = mean
            }
            leader = leader ?? mean
            rows[index].rank = rank
        }
        self.rows = rows.sorted { $0.order < $1.order }
        scorers = Set(ended.compactMap { $0.score?.value == nil ? nil : $0.score?.scorer })
    }

    /// Whether anything was scored.
    package var isEmpty: Bool { rows.allSatisfy(\.scores.isEmpty) }

    /// Sums of the same numbers in another order differ in their last bits: that makes no winner.
    static func areEqual(_ a: Double, _ b: Double) -> Bool {
        abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    }
}

extension Leaderboard.Row {
    init(_ source: ModelSource, _ trials: [TrialSummary]) {
        let scored = trials.filter { $0.score?.value != nil }
        self.init(
            source: source, rank: nil, trials: trials.count,
            scores: scored.compactMap { $0.score?.value }.sorted(),
            cost: scored.reduce(.zero) { $0 + $1.cost },
            stopped: scored.filter { $0.outcome?.isStop ?? false }.count,
            overBudget: scored.filter { $0.outcome == .budgetExhausted }.count, aliases: scored.map(\.alias))
    }

    /// Among equals the cheapest stands first.
    fileprivate var order: (Int, USD, ModelSource) { (rank ?? .max, meanCost ?? .zero, source) }

    /// Divided before it is added up, so that large scores stay finite.
    package var mean: Double? {
        scores.isEmpty ? nil : scores.reduce(0) { $0 + $1 / Double(scores.count) }
    }

    /// The standard deviation of a sample; nil below two scores.
    package var spread: Double? {
        guard let mean, scores.count > 1 else { return nil }
        let spread = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / Double(scores.count - 1) }.squareRoot()
        return spread.isFinite ? spread : nil
    }

    /// Of a scored trial.
    package var meanCost: USD? {
        scores.isEmpty ? nil : USD(picodollars: cost.picodollars / Int64(scores.count))
    }

    /// All scores over all that they cost; nil where that is nothing.
    package var perDollar: Double? {
        guard let mean, cost > .zero else { return nil }
        let value = mean * Double(scores.count) / (Double(cost.picodollars) / Double(USD.picodollarsPerDollar))
        return value.isFinite ? value : nil
    }

    package var json: JSON {
        .record([
            "rank": rank.map(JSON.int), "model": .string(source.model), "upstream": source.upstream.map(JSON.string),
            "trials": .int(trials), "scored": .int(scores.count), "stopped": .int(stopped),
            "over_budget": .int(overBudget), "mean_score": mean.map(JSON.real), "spread": spread.map(JSON.real),
            "lowest": scores.first.map(JSON.real), "highest": scores.last.map(JSON.real),
            "cost_usd": .usd(cost), "mean_cost_usd": meanCost.map(JSON.usd),
            "score_per_usd": perDollar.map(JSON.real), "scored_trials": .strings(aliases),
        ])
    }
}

extension Outcome {
    /// Somebody stopped it: it did not end by itself, nor by a fault.
    package var isStop: Bool {
        switch self {
        case .budgetExhausted, .ejected, .cancelled: true
        default: false
        }
    }
}
