/// What of a trial an event may have changed, and what a policy looks at: so that only those policies are asked that may
/// answer otherwise.
package struct TrialFacts: OptionSet, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The number of events, and with it the time of the last sign of life.
    package static let events: TrialFacts = [Self(rawValue: 1 << 0), .life]
    package static let life = Self(rawValue: 1 << 1)
    /// Spend, the budget, and refusals for money.
    package static let money = Self(rawValue: 1 << 2)
    package static let tokens = Self(rawValue: 1 << 3)
    package static let tools = Self(rawValue: 1 << 4)
    package static let turns = Self(rawValue: 1 << 5)
    package static let errors = Self(rawValue: 1 << 6)
    /// Snapshots, and files in the output directory.
    package static let output = Self(rawValue: 1 << 7)
    package static let context = Self(rawValue: 1 << 8)
    /// Answers of command policies.
    package static let answers = Self(rawValue: 1 << 9)
    /// Nothing but time has passed.
    package static let time = Self(rawValue: 1 << 10)
    /// Phases, pauses, and whatever else is rare.
    package static let standing = Self(rawValue: 1 << 11)

    package static let all = Self(rawValue: .max)
    /// All that an event can change: the passing of time is judged at ticks.
    package static let anything = all.subtracting(.time)
}
