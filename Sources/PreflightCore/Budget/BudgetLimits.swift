/// What a scope may spend, and how reservations against it are made.
package struct BudgetLimits: Sendable, Equatable {
    /// Money, for all time and for each calendar window; nil is no limit.
    package var money = PerWindow<USD?>(all: nil)
    /// Prompt and completion tokens of all calls together.
    package var tokens: Int?
    /// Calls, which agents know as steps.
    package var calls: Int?
    /// How long after its first call the scope may be used.
    package var time: Duration?
    package var hold: Hold = .strict
    /// The share of a money limit, in parts per thousand, from which the owner is warned.
    package var softCapPermille = 800
    /// The share of a money limit, in parts per thousand, at which calls are refused.
    package var hardCapPermille = 1000

    package init() {}

    package init(total: USD?, hold: Hold = .strict) {
        money.total = total
        self.hold = hold
    }

    /// How much of a call's worst case is taken out of the budget before it is sent.
    package enum Hold: String, Sendable, CaseIterable {
        /// All of it: the budget cannot be overspent, whatever the provider or this process does.
        case strict
        /// What such calls have mostly cost; more is taken while the answer grows, and the answer ends where no more
        /// can be had. Uses a small budget more fully, and many callers run beside each other.
        case adaptive
    }

    /// The money that may be spent in a window, the hard cap applied.
    package func cap(_ window: BudgetWindow) -> USD? {
        guard let limit = money[window] else { return nil }
        return hardCapPermille == 1000 ? limit : limit.share(permille: hardCapPermille)
    }

    package var hasMoneyLimit: Bool { BudgetWindow.allCases.contains { money[$0] != nil } }
    package var isUnlimited: Bool { !hasMoneyLimit && tokens == nil && calls == nil && time == nil }
}
