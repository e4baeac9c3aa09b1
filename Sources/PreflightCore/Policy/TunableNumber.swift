/// A number of a policy, to try others in its place.
package enum TunableNumber: Hashable, Sendable {
    case money(USD)
    case time(Duration)
    case share(Int)
    /// With the range that it may have.
    case count(Int, ClosedRange<Int>)
    /// In an expression, as it was written.
    case literal(String)

    package var text: String {
        switch self {
        case .money(let amount): amount.description
        case .time(let time): time.shortText
        case .share(let permille): EjectPolicy.percent(permille)
        case .count(let count, _): String(count)
        case .literal(let text): text
        }
    }

    /// The same number times so many thousandths, within its range and as round as people write it; nil where there is
    /// none.
    func scaled(permille: Int) -> TunableNumber? {
        func scaled(_ value: Int64) -> Int64 { Question.Node.scaled(value, by: Int64(permille), over: 1000) }
        switch self {
        case .money(let amount):
            let amount = USD(picodollars: Self.rounded(scaled(amount.picodollars)))
            return amount > .zero ? .money(amount) : nil
        case .time(let time):
            let micros = Self.rounded(scaled(time.wholeMicroseconds))
            return micros >= 1000 ? .time(.microseconds(micros)) : nil
        case .share(let share):
            let share = Int(scaled(Int64(share)))
            return (1...1000).contains(share) ? .share(share) : nil
        case .count(let count, let range):
            let count = Int(scaled(Int64(count)))
            return range.contains(count) ? .count(count, range) : nil
        case .literal(let text): return Self.scaled(literal: text, scaled).map { .literal($0) }
        }
    }

    /// To two digits.
    private static func rounded(_ value: Int64) -> Int64 {
        var unit: Int64 = 1
        while value / unit >= 100 { unit *= 10 }
        return value / unit * unit
    }

    private static func scaled(literal text: String, _ scaled: (Int64) -> Int64) -> String? {
        // A number that has become zero is none to tune by.
        func scaledValue(_ kind: Question.Kind) -> Int64? {
            kind.literal(text).map(scaled).flatMap { $0 > 0 ? $0 : nil }
        }
        if text.hasPrefix("$") {
            let isRate = text.hasSuffix("/min")
            guard let value = scaledValue(.rate) else { return nil }
            return "$\(USD(picodollars: rounded(value)).decimalText)\(isRate ? "/min" : "")"
        }
        if text.hasSuffix("%") { return scaledValue(.share).map { EjectPolicy.percent(Int($0)) } }
        if let count = Int64(text) { return scaled(count) > 0 ? String(scaled(count)) : nil }
        if Question.Kind.share.literal(text) != nil {
            guard let thousandths = scaledValue(.share) else { return nil }
            let fraction = String(thousandths % 1000)
            return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
        }
        guard let time = scaledValue(.time) else { return nil }
        return Duration.microseconds(rounded(time)).secondsText
    }
}

extension Question {
    /// Where its numbers stand, those that are zero aside.
    private var numberRanges: [Range<Int>] {
        let words = (try? QuestionLexer.words(text)) ?? []
        return words.compactMap { word in
            switch word.token {
            case .plain(let number): Kind.share.literal(number) == 0 ? nil : word.range
            case .quantity(let quantity, let kind): kind.literal(quantity) == 0 ? nil : word.range
            default: nil
            }
        }
    }

    /// The same expression with its numbers changed.
    func mapNumbers(_ change: (TunableNumber) -> TunableNumber) -> Question {
        let bytes = Array(text.utf8)
        var changed: [UInt8] = []
        var end = 0
        for range in numberRanges {
            changed += bytes[end..<range.lowerBound]
            guard case .literal(let text) = change(.literal(String(decoding: bytes[range], as: UTF8.self))) else {
                return self
            }
            changed += text.utf8
            end = range.upperBound
        }
        changed += bytes[end...]
        return (try? Question(parsing: String(decoding: changed, as: UTF8.self))) ?? self
    }
}

extension EjectPolicy {
    /// The numbers that it can be tuned by, in their order.
    package var numbers: [TunableNumber] {
        var numbers: [TunableNumber] = []
        _ = mapNumbers {
            numbers.append($0)
            return $0
        }
        return numbers
    }

    /// The same policy with one of its numbers scaled; nil where that number would be none.
    package func scaling(number index: Int, permille: Int) -> EjectPolicy? {
        var place = -1
        var isPossible = false
        let changed = mapNumbers { number in
            place += 1
            guard place == index, let scaled = number.scaled(permille: permille) else { return number }
            isPossible = true
            return scaled
        }
        return isPossible ? changed : nil
    }

    private func mapNumbers(_ change: (TunableNumber) -> TunableNumber) -> EjectPolicy {
        func money(_ amount: USD) -> USD { if case .money(let new) = change(.money(amount)) { new } else { amount } }
        func time(_ time: Duration) -> Duration { if case .time(let new) = change(.time(time)) { new } else { time } }
        func share(_ share: Int) -> Int { if case .share(let new) = change(.share(share)) { new } else { share } }
        func count(_ count: Int, _ range: ClosedRange<Int>) -> Int {
            if case .count(let new, _) = change(.count(count, range)) { new } else { count }
        }
        switch self {
        case .budgetFraction(let permille, let unless):
            return .budgetFraction(permille: share(permille), unless: unless?.mapNumbers(change))
        case .idle(let bound): return .idle(time(bound))
        case .wall(let bound): return .wall(time(bound))
        case .errors(let bound): return .errors(count(bound, 1...1_000_000))
        case .when(let question): return .when(question.mapNumbers(change))
        case .loop(var rule):
            rule.times = count(rule.times, LoopRule.range)
            return .loop(rule)
        case .stall(let rule): return .stall(StallRule(spend: rule.spend.map(money), time: rule.time.map(time)))
        case .errorStorm(let rule):
            return .errorStorm(StormRule(errors: count(rule.errors, StormRule.range), within: time(rule.within)))
        case .noProgressBy(let rule):
            return .noProgressBy(DeadlineRule(at: time(rule.at), needs: rule.needs.mapNumbers(change)))
        case .any(let policies): return .any(policies.map { $0.mapNumbers(change) })
        case .all(let policies): return .all(policies.map { $0.mapNumbers(change) })
        case .not(let policy): return .not(policy.mapNumbers(change))
        case .after(let bound, let policy): return .after(time(bound), policy.mapNumbers(change))
        case .budgetExceeded, .command, .custom, .race, .heldTooLong: return self
        }
    }
}
