/// The stretch of time that a limit holds for. Windows begin at midnight UTC; weeks begin on Monday.
package enum BudgetWindow: String, CaseIterable, Sendable {
    case total, daily, weekly, monthly

    /// Kept, where the compiler's own would be made anew for every scope of every decision.
    package static let allCases: [BudgetWindow] = [.total, .daily, .weekly, .monthly]

    /// When the window that `time` lies in began; nil for `total`, which has no beginning.
    package func start(of time: Timestamp) -> Timestamp? {
        let day = time.day
        return switch self {
        case .total: nil
        case .daily: Timestamp(day: day)
        // Day 0, 1970-01-01, was a Thursday.
        case .weekly: Timestamp(day: day - (day + 3).modulo(7))
        case .monthly: Timestamp(day: day - Int64(time.dayOfMonth - 1))
        }
    }

    /// When the window that `time` lies in ends; nil for `total`.
    package func end(of time: Timestamp) -> Timestamp? {
        guard let start = start(of: time) else { return nil }
        return switch self {
        case .total: nil
        case .daily: Timestamp(day: start.day + 1)
        case .weekly: Timestamp(day: start.day + 7)
        // The 32nd day after a month's first lies in the next month, whatever its length.
        case .monthly: BudgetWindow.monthly.start(of: Timestamp(day: start.day + 31))
        }
    }
}

/// One value for each window.
package struct PerWindow<Value: Sendable>: Sendable {
    package var total: Value
    package var daily: Value
    package var weekly: Value
    package var monthly: Value

    package init(total: Value, daily: Value, weekly: Value, monthly: Value) {
        self.total = total
        self.daily = daily
        self.weekly = weekly
        self.monthly = monthly
    }

    package init(all value: Value) { self.init(total: value, daily: value, weekly: value, monthly: value) }

    package subscript(window: BudgetWindow) -> Value {
        get {
            switch window {
            case .total: total
            case .daily: daily
            case .weekly: weekly
            case .monthly: monthly
            }
        }
        set {
            switch window {
            case .total: total = newValue
            case .daily: daily = newValue
            case .weekly: weekly = newValue
            case .monthly: monthly = newValue
            }
        }
    }
}

extension PerWindow: Equatable where Value: Equatable {}

extension Timestamp {
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    init(day: Int64) {
        let (product, overflow) = day.multipliedReportingOverflow(by: Self.microsecondsPerDay)
        self.init(microseconds: overflow ? (day > 0 ? .max : .min) : product)
    }

    /// Whole days since 1970-01-01.
    var day: Int64 {
        let quotient = microseconds / Self.microsecondsPerDay
        return microseconds % Self.microsecondsPerDay < 0 ? quotient - 1 : quotient
    }
}

extension Int64 {
    fileprivate func modulo(_ divisor: Int64) -> Int64 {
        let rest = self % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
