/// Decides which trials of an ended run are run again.
package struct RetryRule: Sendable {
    /// Why a trial failed, as its owner names it.
    package enum Cause: Hashable, Sendable {
        /// Whatever the agent has no part in.
        case infrastructure
        case outcome(Outcome)

        package static let infrastructureOutcomes: [Outcome] = [
            .imageFailed, .dockerFailed, .providerFailed, .provisioningFailed, .harnessFailed, .lost,
        ]

        /// What completed has not failed.
        package static let names = ["infrastructure"] + Outcome.allCases.filter { $0 != .completed }.map(\.rawValue)

        package init(name: String) throws(PreflightError) {
            if name == "infrastructure" {
                self = .infrastructure
            } else if let outcome = Outcome(rawValue: name), outcome != .completed {
                self = .outcome(outcome)
            } else {
                let why = name == Outcome.completed.rawValue ? "a trial that completed is never run again" : nil
                throw PreflightError(
                    .usage, "--cause \(name): \(why ?? "there is no such cause")",
                    hint: NearestName.hint(name, among: Self.names) ?? Self.names.joined(separator: ", "))
            }
        }

        package var name: String {
            switch self {
            case .infrastructure: "infrastructure"
            case .outcome(let outcome): outcome.rawValue
            }
        }

        /// What a breaker has stopped, the infrastructure has failed.
        func covers(_ outcome: Outcome, cause: String?) -> Bool {
            switch self {
            case .infrastructure:
                Self.infrastructureOutcomes.contains(outcome)
                    || outcome == .cancelled && cause == EndRule.fieldEnded
            case .outcome(let own): own == outcome
            }
        }
    }

    package var causes: [Cause]
    /// Aliases; all trials where it is empty.
    package var wanted: [String]

    package init(causes: [Cause], wanted: [String] = []) {
        self.causes = causes
        self.wanted = wanted
    }

    /// Those to run again, in the run's order.
    ///
    /// - Throws: `usage` where a trial that was named did not fail for any of the causes.
    package func chosen(from trials: [TrialSummary]) throws(PreflightError) -> [TrialSummary] {
        for trial in trials where wanted.contains(trial.alias) && !covers(trial) {
            let outcome = trial.outcome ?? .lost
            throw PreflightError(
                .usage,
                "\(trial.alias) ended as \(outcome.rawValue), not for \(causes.map(\.name).joined(separator: " or "))",
                hint: outcome == .completed
                    ? "a trial that completed is never run again"
                    : "`--cause \(outcome.rawValue)` runs it again all the same")
        }
        return trials.filter { covers($0) && (wanted.isEmpty || wanted.contains($0.alias)) }
    }

    private func covers(_ trial: TrialSummary) -> Bool {
        trial.outcome.map { outcome in causes.contains { $0.covers(outcome, cause: trial.cause) } } ?? false
    }
}

/// What running trials again may cost.
package struct RetryBudget: Hashable, Sendable {
    /// The budgets of the trials that are run again, each of them whole.
    package var wanted: USD
    /// What is left of `budget.total` by what all attempts have spent, or may have; nil without a total.
    package var room: USD?

    package init(again: [TrialPlan], trials: [TrialSummary], total: USD?) {
        wanted = again.reduce(.zero) { $0 + $1.budget }
        room = total.map { max(.zero, $0 - trials.reduce(.zero) { $0 + $1.totalCost + $1.totalUnknown }) }
    }

    /// The most that is spent.
    package var most: USD { room.map { min($0, wanted) } ?? wanted }
}
