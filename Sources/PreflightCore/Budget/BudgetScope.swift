/// One node of the tree of budgets: an envelope, a run, a trial, a tenant, a virtual key.
package struct BudgetScope: Sendable, Equatable {
    package var name: String
    package var limits: BudgetLimits
    /// No call is accepted any more.
    package var isClosed = false

    /// Settled spend in the window that `day` lies in; `total` is of all time.
    package private(set) var spent = PerWindow<USD>(all: .zero)
    /// The worst cases of calls under way.
    package private(set) var reserved = USD.zero
    /// Of calls whose outcome is unknown: counts as spent until it is known.
    package private(set) var held = USD.zero
    package private(set) var tokens = 0
    package private(set) var reservedTokens = 0
    package private(set) var calls = 0
    package private(set) var openCalls = 0
    package private(set) var firstCallAt: Timestamp?
    /// The latest day seen. A clock that goes back opens no window again.
    package private(set) var day = Int64.min

    package init(name: String, limits: BudgetLimits = BudgetLimits()) {
        self.name = name
        self.limits = limits
    }

    /// For a store that reads a scope back.
    package init(
        name: String, limits: BudgetLimits, isClosed: Bool, spent: PerWindow<USD>, reserved: USD, held: USD,
        tokens: Int, reservedTokens: Int, calls: Int, openCalls: Int, firstCallAt: Timestamp?, day: Int64
    ) {
        self.name = name
        self.limits = limits
        self.isClosed = isClosed
        self.spent = spent
        // A sum below nothing would be room that nobody gave: a damaged file's counts as nothing.
        self.reserved = Swift.max(.zero, reserved)
        self.held = Swift.max(.zero, held)
        self.tokens = Swift.max(0, tokens)
        self.reservedTokens = Swift.max(0, reservedTokens)
        self.calls = Self.count(calls)
        self.openCalls = Self.count(openCalls)
        self.firstCallAt = firstCallAt
        self.day = day
    }

    /// With room above it to count on, and to add another.
    private static func count(_ stored: Int) -> Int { Swift.max(0, Swift.min(stored, .max / 4)) }

    /// What is left in a window for calls that begin now; nil where the window has no limit. Negative after an overrun.
    package func headroom(_ window: BudgetWindow) -> USD? {
        potential(window).map { $0 - reserved }
    }

    /// What would be left if all calls under way cost nothing.
    package func potential(_ window: BudgetWindow) -> USD? {
        limits.cap(window).map { $0 - spent[window] - held }
    }

    /// The least that any window leaves; nil without a limit.
    package var headroom: USD? {
        var least: USD?
        for window in BudgetWindow.allCases {
            guard let left = headroom(window) else { continue }
            least = least.map { Swift.min($0, left) } ?? left
        }
        return least
    }

    /// Settled and held spend of all time.
    package var committed: USD { spent.total + held }

    package var softCapReached: Bool { capReached(permille: limits.softCapPermille) }
    package var hardCapReached: Bool { isClosed || capReached(permille: limits.hardCapPermille) }

    private func capReached(permille: Int) -> Bool {
        BudgetWindow.allCases.contains { window in
            guard let limit = limits.money[window] else { return false }
            return spent[window] + held >= limit.share(permille: permille)
        }
    }

    /// Moves to the windows that `now` lies in. What is reserved or held stays: a new window creates no money.
    mutating func roll(to now: Timestamp) {
        let today = now.day
        guard today > day else { return }
        let before = Timestamp(day: day)
        if day != .min {
            spent.daily = .zero
            if BudgetWindow.weekly.start(of: now) != BudgetWindow.weekly.start(of: before) { spent.weekly = .zero }
            if BudgetWindow.monthly.start(of: now) != BudgetWindow.monthly.start(of: before) { spent.monthly = .zero }
        }
        day = today
    }

    mutating func open(_ amount: USD, tokens: Int, at now: Timestamp) {
        if firstCallAt == nil { firstCallAt = now }
        reserved += amount
        reservedTokens = reservedTokens.saturatingAdd(tokens)
        openCalls += 1
    }

    mutating func resize(by amount: USD, tokens: Int) {
        if amount.isNegative { reserved.takeBack(.zero - amount) } else { reserved += amount }
        if tokens < 0 {
            reservedTokens.takeBack(-tokens)
        } else {
            reservedTokens = reservedTokens.saturatingAdd(tokens)
        }
    }

    mutating func close(_ amount: USD, tokens: Int) {
        openCalls = Swift.max(0, openCalls - 1)
        reserved.takeBack(amount)
        reservedTokens.takeBack(tokens)
        guard openCalls == 0 else { return }
        // Nothing can be taken out of a sum at the end of its range; with the last call it is over.
        if reserved == .max { reserved = .zero }
        if reservedTokens == .max { reservedTokens = 0 }
    }

    mutating func charge(_ cost: USD, tokens count: Int) {
        for window in BudgetWindow.allCases { spent[window] += cost }
        tokens = tokens.saturatingAdd(count)
        calls += 1
    }

    package mutating func hold(_ amount: USD, tokens count: Int) {
        held += amount
        tokens = tokens.saturatingAdd(count)
        calls += 1
    }

    mutating func unhold(_ amount: USD, tokens count: Int) {
        held.takeBack(amount)
        // Not below nothing: a reset may have forgotten them already, and must not make room by it.
        tokens = Swift.max(0, tokens.saturatingAdd(-count))
        calls = Swift.max(0, calls - 1)
    }

    /// Forgets what was spent, but not what is under way or unknown.
    package mutating func reset() {
        spent = PerWindow(all: .zero)
        tokens = 0
        calls = 0
        firstCallAt = nil
        // Begun anew with the next call: a clock that was once ahead must not hold the windows still until then.
        day = .min
    }
}

extension USD {
    /// Takes a part out of a sum. One at the end of the range stays there, since what went beyond it is not known, and
    /// none falls below nothing: neither is to make room.
    fileprivate mutating func takeBack(_ part: USD) {
        if self < .max { self = Swift.max(.zero, self - part) }
    }
}

extension Int {
    /// The same for tokens.
    fileprivate mutating func takeBack(_ part: Int) {
        if self < .max { self = Swift.max(0, saturatingAdd(-part)) }
    }

    func saturatingMultiply(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self > 0) == (other > 0) ? .max : .min) : product
    }

    func saturatingAdd(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}
