package import PreflightCore

/// What arms are ranked by.
package enum CompareMetric: String, Hashable, Sendable, CaseIterable {
    case score, completed, cost, time, tokens

    package var isMoreBetter: Bool { self == .score || self == .completed }

    /// Its column.
    package var noun: String {
        switch self {
        case .score: "score"
        case .completed: "completes"
        case .cost: "cost to end"
        case .time: "time to end"
        case .tokens: "tokens to end"
        }
    }

    /// What its number means, in a line.
    package var meaning: String {
        switch self {
        case .score: "the mean score of what each trial left, also where it was cut off"
        case .completed:
            "the share that completes within its cap, where cut off is neither completed nor failed; ≥ where those left "
                + "were cut off before the cap"
        case .cost: "what a trial costs until it completes or fails; cut off is at least that much"
        case .time: "how long a trial runs until it completes or fails; cut off is at least that long"
        case .tokens: "how many tokens a trial takes until it completes or fails; cut off is at least that many"
        }
    }

    func text(_ value: Double) -> String {
        switch self {
        case .score: Decimals.text(value, places: 3)
        case .completed: "\(Decimals.text(value * 100, places: 0))%"
        case .cost: "\(USD(dollars: value))"
        case .time:
            // A record that somebody edited may say anything.
            (value < 0 ? "-" : "")
                + (Int64(exactly: (abs(value) * 1_000_000).rounded()).map { Duration.microseconds($0).shortText } ?? "?")
        case .tokens: Int(exactly: value.rounded()).map { Figures.count($0) } ?? "?"
        }
    }

    /// With its sign; shares differ by points.
    func difference(_ value: Double) -> String {
        let text = self == .completed ? Decimals.text(value * 100, places: 0) : text(value)
        return text.hasPrefix("-") || value < 0 ? text : "+" + text
    }

    /// `0.500–0.812`; of differences with signs.
    func text(_ interval: Interval) -> String { "\(text(interval.low)) … \(text(interval.high))" }
    func difference(_ interval: Interval) -> String { "\(difference(interval.low)) … \(difference(interval.high))" }

    /// What each of an arm's trials that were seen contributes; nil where a trial has nothing to say.
    ///
    /// - Parameter reach: how far on this axis all arms were seen.
    func values(of trials: [ComparedTrial], to reach: Double) -> [Double?] {
        switch self {
        case .score: return trials.map(\.score)
        case .completed: return endurance(of: trials).completions(within: reach)
        case .cost, .time, .tokens: return endurance(of: trials).amounts(to: reach)
        }
    }

    func endurance(of trials: [ComparedTrial]) -> Endurance {
        Endurance(
            trials.map { trial in
                switch self {
                case .time: trial.endured(trial.runtime.seconds)
                case .tokens: trial.endured(Double(trial.tokens))
                case .cost: trial.endured(trial.reachedDollars)
                case .completed, .score: trial.endured(trial.cappedDollars)
                }
            })
    }
}

/// Numbers that are no money, as text.
package enum Decimals {
    /// Rounded to so many places, 0…9.
    package static func text(_ value: Double, places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = (value * scale).rounded()
        guard let whole = Int(exactly: scaled), abs(whole) < 1 << 53 else { return "\(value)" }
        let digits = String(whole.magnitude)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        let sign = whole < 0 ? "-" : ""
        return places == 0 ? sign + padded : "\(sign)\(padded.dropLast(places)).\(padded.suffix(places))"
    }

    /// With at most nine places; what is no finite number is null.
    package static func json(_ value: Double) -> JSON {
        guard value.isFinite else { return .null }
        let rounded = (value * 1e9).rounded() / 1e9
        return .number(rounded.isFinite ? "\(rounded == 0 ? 0 : rounded)" : "\(value)")
    }
}
