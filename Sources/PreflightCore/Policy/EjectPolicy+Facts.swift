extension EjectPolicy {
    /// What may make it fire: while nothing of that changes, it says what it said.
    var facts: TrialFacts {
        switch self {
        case .budgetExceeded: [.money, .standing]
        case .budgetFraction(_, let unless): [.money, .standing, unless?.facts ?? []]
        case .idle, .wall: .time
        case .errors: .errors
        case .when(let expression): expression.facts
        case .loop: [.tools, .turns, .standing]
        case .stall(let rule): rule.time == nil ? [.money, .standing] : [.money, .standing, .time]
        case .errorStorm: .errors
        case .noProgressBy(let rule): [.time, rule.needs.facts]
        case .any(let policies), .all(let policies): policies.reduce([]) { $0.union($1.facts) }
        // What makes another one stop to hold is more than what makes it fire.
        case .not, .custom: .all
        case .after(_, let policy): [.time, policy.facts]
        case .command: .answers
        case .race: []
        case .heldTooLong: .time
        }
    }

    /// Whether it looks at what only `Habits` know.
    var needsHabits: Bool {
        switch self {
        case .loop, .stall, .errorStorm: true
        case .when(let expression): expression.needsHabits
        case .budgetFraction(_, let unless): unless?.needsHabits ?? false
        case .noProgressBy(let rule): rule.needs.needsHabits
        case .race(let race): race.measure?.needsHabits ?? false
        case .any(let policies), .all(let policies): policies.contains(where: \.needsHabits)
        case .not(let policy), .after(_, let policy): policy.needsHabits
        default: false
        }
    }

    /// A time before which it does not begin to hold if nothing happens until then; nil where nothing but events can
    /// bring it about.
    func earliest(for state: TrialState) -> Duration? {
        switch self {
        case .idle(let bound):
            guard let start = state.containerStarted, !state.callsWait else { return nil }
            return max(state.lastActivity ?? start, start) + bound
        case .wall(let bound): return state.containerStarted.map { $0 + bound }
        case .heldTooLong: return state.hold.flatMap { hold in hold.limit.map { hold.since + $0 } }
        case .stall(let rule):
            guard let bound = rule.time, !state.callsWait else { return nil }
            return state.habits?.newAt.map { $0 + bound }
        case .noProgressBy(let rule): return state.containerStarted.map { $0 + rule.at }
        case .any(let policies): return policies.compactMap { $0.earliest(for: state) }.min()
        case .after(let bound, let policy):
            guard let start = state.containerStarted else { return nil }
            // Once its time has come, what the inner one says counts, which it may say since long.
            return max(start + bound, policy.earliest(for: state) ?? .zero)
        default: return facts.contains(.time) ? .zero : nil
        }
    }
}
