/// What an experiment can cost, and what its budgets buy.
package struct Forecast: Sendable, Equatable {
    /// The most that all trials together can cost: the sum of their budgets, bounded by the envelope.
    package var most: USD
    package var sumOfBudgets: USD
    package var lines: [Line]

    package struct Line: Sendable, Equatable {
        package var alias: String
        package var model: String
        package var budget: USD
        /// Cost of one typical call; nil where the price is unknown.
        package var typicalCall: USD?
        /// How many typical calls the budget buys; nil where unknown or free.
        package var calls: Int?
    }

    /// A turn of a coding agent in mid-task, most of it read from no cache.
    package static let typicalUsage = Usage(promptTokens: 6000, completionTokens: 400)

    /// - Parameter prices: of OpenRouter's models, and of those of other upstreams.
    package init(trials: [TrialPlan], total: USD?, prices: (ModelSource) -> Pricing?) {
        sumOfBudgets = trials.reduce(.zero) { $0 + $1.budget }
        most = total.map { min($0, trials.reduce(.zero) { $0 + $1.budget }) } ?? sumOfBudgets
        lines = trials.filter { $0.repetition == 1 }.map { trial in
            let cost = prices(trial.source)?.cost(of: Self.typicalUsage)
            return Line(
                alias: trial.alias, model: trial.model, budget: trial.budget, typicalCall: cost,
                calls: cost.flatMap { trial.budget.count(of: $0) })
        }
    }

    package var json: JSON {
        .record([
            "most_usd": .usd(most), "sum_of_budgets_usd": .usd(sumOfBudgets),
            "models": .array(
                lines.map {
                    .record([
                        "alias": .string($0.alias), "model": .string($0.model), "budget_usd": .usd($0.budget),
                        "typical_call_usd": $0.typicalCall.map(JSON.usd), "calls": $0.calls.map(JSON.int),
                    ])
                }),
        ])
    }
}
