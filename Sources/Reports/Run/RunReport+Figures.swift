package import PreflightCore

/// Sums over a run.
extension RunReport {
    /// Dollars, by what stands behind them.
    package struct Money: Sendable, Equatable {
        /// What the newest attempts cost.
        package var ofRecord = USD.zero
        /// What attempts before them cost.
        package var ofRetries = USD.zero
        /// What calls of unknown cost have reserved.
        package var held = USD.zero
        /// The most that may still turn up on the bill, held calls included.
        package var unknown = USD.zero
        /// The budgets of all trials.
        package var budgets = USD.zero

        package var spent: USD { ofRecord + ofRetries }
    }

    package var money: Money {
        trials.reduce(into: Money()) { money, trial in
            money.ofRecord += trial.summary.cost
            money.ofRetries += trial.summary.totalCost - trial.summary.cost
            money.held += trial.calls.heldCost
            money.unknown += trial.summary.totalUnknown
            money.budgets += trial.summary.budget
        }
    }

    package var calls: CallTally { trials.reduce(CallTally()) { $0 + $1.calls } }
    package var usage: Usage { trials.reduce(Usage()) { $0 + $1.summary.totalUsage } }

    /// From its beginning to its end, or to the last event of a run that lives or has lost its harness.
    package var elapsed: Duration? {
        guard let startedAt else { return nil }
        if let finishedAt { return finishedAt - startedAt }
        return trials.compactMap { trial in trial.summary.startedAt.map { $0 + trial.newest.curve.end - startedAt } }
            .max()
    }

    /// How many trials ended how; in the order of `Outcome`, those that have not ended last.
    package var outcomes: [(outcome: Outcome?, count: Int)] {
        (Outcome.allCases.map(Optional.some) + [nil]).compactMap { outcome in
            let count = trials.filter { $0.summary.outcome == outcome }.count
            return count > 0 ? (outcome, count) : nil
        }
    }

    /// Why trials ended that did not complete, the commonest first.
    package struct Stop: Sendable, Equatable {
        package var outcome: Outcome
        /// The policy, or the stable word for the cause; empty where the outcome says all.
        package var cause: String
        package var trials: [String]
    }

    package var stops: [Stop] {
        var stops: [Stop] = []
        for trial in trials {
            guard let outcome = trial.summary.outcome, outcome != .completed else { continue }
            let cause = Self.cause(of: trial.summary, outcome)
            if let index = stops.firstIndex(where: { $0.outcome == outcome && $0.cause == cause }) {
                stops[index].trials.append(trial.summary.alias)
            } else {
                stops.append(Stop(outcome: outcome, cause: cause, trials: [trial.summary.alias]))
            }
        }
        return stops.enumerated().sorted { ($1.element.trials.count, $0.offset) < ($0.element.trials.count, $1.offset) }
            .map(\.element)
    }

    private static func cause(of summary: TrialSummary, _ outcome: Outcome) -> String {
        if let cause = summary.cause { return cause }
        guard outcome == .ejected, let reason = summary.reason else { return "" }
        return PlainText.oneLine(String(reason.prefix { $0 != ":" }))
    }

    /// Who answered calls to which model, over all attempts.
    package var served: [(serving: AttemptReport.Serving, calls: Int)] {
        var served: [AttemptReport.Serving: Int] = [:]
        for attempt in trials.flatMap(\.attempts) { served.merge(attempt.served) { $0 + $1 } }
        return served.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Sums of calls by the model that was asked for.
    package var models: [(source: ModelSource, calls: CallTally)] {
        var models: [ModelSource: CallTally] = [:]
        for attempt in trials.flatMap(\.attempts) { models.merge(attempt.models) { $0 + $1 } }
        return models.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The curves of the newest attempts, dearest first in colour.
    package var spendChart: SpendChart {
        let colours = trials.indices.sorted {
            (trials[$1].summary.cost, $0) < (trials[$0].summary.cost, $1)
        }
        return SpendChart(
            trials.enumerated().map { index, trial in
                SpendChart.Line(
                    name: trial.summary.alias, curve: trial.newest.curve, cap: trial.summary.budget,
                    colour: colours.firstIndex(of: index) ?? index)
            })
    }
}
