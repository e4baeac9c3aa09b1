package import PreflightCore

/// All that the board shows, at one moment.
package struct BoardView: Sendable {
    package var run: RunView
    package var now: Timestamp
    package var money: BoardMoney
    /// A minute's spend; nil while too little is known.
    package var burn: USD?
    /// When the run ended; nil while it has not, or where nobody knows.
    package var endedAt: Timestamp?
    /// What people should know, oldest first.
    package var notes: [String] = []
    /// What `q` does, in a word or two; nil where there are no keys.
    package var quit: String?

    package init(run: RunView, now: Timestamp, money: BoardMoney, burn: USD? = nil, endedAt: Timestamp? = nil) {
        self.run = run
        self.now = now
        self.money = money
        self.burn = burn
        self.endedAt = endedAt
    }

    package var elapsed: Duration? { run.createdAt.map { max(.zero, (endedAt ?? now) - $0) } }

    /// Under way first, then those that wait for their turn, then those that have ended; each in the order planned.
    package var rows: [TrialSummary] {
        let trials = run.trials
        func rank(_ trial: TrialSummary) -> Int { trial.outcome != nil ? 2 : trial.phase == .pending ? 1 : 0 }
        return (0...2).flatMap { wanted in trials.filter { rank($0) == wanted } }
    }
}

/// What a run's spend is held against.
package struct BoardMoney: Hashable, Sendable {
    package var spent: USD
    package var cap: USD
    /// `budgets` for the sum of the trials' budgets, `total`, or the envelope that the run shares.
    package var name: String

    package init(spent: USD, cap: USD, name: String) {
        self.spent = spent
        self.cap = cap
        self.name = name
    }

    /// Of a run without a total.
    package init(budgetsOf run: RunView) {
        self.init(spent: run.cost, cap: run.trials.reduce(.zero) { $0 + $1.budget }, name: "budgets")
    }

    /// Parts per thousand, 1000 at most.
    package var permille: Int {
        guard cap > .zero else { return spent > .zero ? 1000 : 0 }
        return min(1000, Int((Double(spent.picodollars) / Double(cap.picodollars) * 1000).rounded(.down)))
    }
}
