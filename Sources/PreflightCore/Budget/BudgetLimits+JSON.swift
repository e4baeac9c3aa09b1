extension BudgetLimits {
    /// The names of the keys that limits are written with, in a file, a request and the ledger.
    package static let keys = [
        "limit", "daily", "weekly", "monthly", "tokens", "calls", "time", "hold", "soft_cap", "hard_cap",
    ]

    /// Only what differs from no limits at all.
    package var json: JSON {
        let plain = BudgetLimits()
        func cap(_ permille: Int, _ usual: Int) -> JSON? {
            permille == usual ? nil : .number(USD(picodollars: Int64(permille) * 1_000_000_000).decimalText)
        }
        return .record([
            "limit": money.total.map(JSON.usd), "daily": money.daily.map(JSON.usd),
            "weekly": money.weekly.map(JSON.usd), "monthly": money.monthly.map(JSON.usd),
            "tokens": tokens.map(JSON.int), "calls": calls.map(JSON.int),
            "time": time.map { .number($0.decimalSeconds(places: 6)) },
            "hold": hold == plain.hold ? nil : .string(hold.rawValue),
            "soft_cap": cap(softCapPermille, plain.softCapPermille),
            "hard_cap": cap(hardCapPermille, plain.hardCapPermille),
        ])
    }

    /// Reads limits over `base`: keys that are absent keep it, null takes a limit away.
    ///
    /// - Throws: `PreflightError` with code `usage` that names the key.
    package init(json: JSON, over base: BudgetLimits = BudgetLimits()) throws(PreflightError) {
        self = base
        guard let object = json.object else { throw PreflightError(.usage, "limits are an object") }
        for member in object.members {
            switch member.key {
            case "limit": money.total = try Self.money(member)
            case "daily": money.daily = try Self.money(member)
            case "weekly": money.weekly = try Self.money(member)
            case "monthly": money.monthly = try Self.money(member)
            case "tokens": tokens = try Self.count(member)
            case "calls": calls = try Self.count(member)
            case "time": time = try Self.duration(member)
            case "hold":
                guard let hold = member.value.string.flatMap(Hold.init(rawValue:)) else {
                    throw Self.wrong(member, "is strict or adaptive")
                }
                self.hold = hold
            case "soft_cap": softCapPermille = try Self.permille(member)
            case "hard_cap": hardCapPermille = try Self.permille(member)
            default: continue
            }
        }
        guard softCapPermille <= 1000, hardCapPermille <= 1000 else {
            throw PreflightError(.usage, "a cap is a share of the limit, 0 to 1")
        }
    }

    private static func wrong(_ member: JSON.Object.Member, _ rule: String) -> PreflightError {
        PreflightError(.usage, "\(member.key) \(rule), not \(member.value.text)", place: member.key)
    }

    private static func money(_ member: JSON.Object.Member) throws(PreflightError) -> USD? {
        if member.value.isNull { return nil }
        guard let amount = member.value.usd(rounding: .down), !amount.isNegative else {
            throw wrong(member, "is an amount in dollars")
        }
        return amount
    }

    private static func count(_ member: JSON.Object.Member) throws(PreflightError) -> Int? {
        if member.value.isNull { return nil }
        guard let count = member.value.int, count >= 0 else { throw wrong(member, "is a whole number") }
        return count
    }

    private static func duration(_ member: JSON.Object.Member) throws(PreflightError) -> Duration? {
        switch member.value {
        case .null: return nil
        case .number(let text), .string(let text):
            guard let time = Quantity.duration(text) else { throw wrong(member, "is a time such as 30m") }
            return time
        default: throw wrong(member, "is a time such as 30m")
        }
    }

    private static func permille(_ member: JSON.Object.Member) throws(PreflightError) -> Int {
        if let text = member.value.string, text.hasSuffix("%"),
            let share = DecimalText.scaled(text.dropLast().utf8, by: 1, roundingUp: false), (0...1000).contains(share)
        {
            return Int(share)
        }
        guard let share = member.value.numberText.flatMap({ DecimalText.scaled($0.utf8, by: 3, roundingUp: false) }),
            (0...1000).contains(share)
        else { throw wrong(member, "is a share of the limit, 0 to 1") }
        return Int(share)
    }
}
