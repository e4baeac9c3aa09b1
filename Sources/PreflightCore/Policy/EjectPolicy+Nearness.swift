extension EjectPolicy {
    /// How near the policy is to firing, with what is measured against which bound.
    package func nearness(for state: TrialState, at elapsed: Duration) -> Nearness {
        let (permille, words) = near(state, elapsed)
        return Nearness(policy: name, permille: permille, words: words)
    }

    private func near(_ state: TrialState, _ elapsed: Duration) -> (Int, String) {
        func near(_ value: Int, _ bound: Int, _ words: String) -> (Int, String) {
            (Nearness.permille(Int64(value), of: Int64(bound)), words)
        }
        func near(_ value: USD, _ bound: USD, _ words: String) -> (Int, String) {
            (Nearness.permille(value.picodollars, of: bound.picodollars), words)
        }
        func near(_ value: Duration, _ bound: Duration, _ words: String) -> (Int, String) {
            (Nearness.permille(value, of: bound), words)
        }
        switch self {
        case .budgetExceeded:
            guard let budget = state.budget else { return (0, "no budget yet") }
            if verdict(for: state, at: elapsed) != .stay { return (1000, "spent \(state.spend) of \(budget)") }
            return near(state.spend, budget, "spent \(state.spend) of \(budget)")
        case .budgetFraction(let permille, let unless):
            guard let budget = state.budget else { return (0, "no budget yet") }
            if let unless, unless.holds(in: state, at: elapsed) { return (0, unless.text) }
            let bound = budget.share(permille: permille)
            return near(state.spend, bound, "spent \(state.spend) of \(bound)")
        case .idle(let bound):
            let idle = state.idle(at: elapsed)
            return near(idle, bound, "idle \(idle.shortText) of \(bound.shortText)")
        case .wall(let bound):
            let running = state.running(at: elapsed)
            return near(running, bound, "ran \(running.shortText) of \(bound.shortText)")
        case .errors(let bound): return near(state.errors, bound, "\(state.errors) errors of \(bound)")
        case .when(let expression): return expression.nearness(in: state, at: elapsed)
        case .loop(let rule):
            let times: Int = state.habits.map(rule.find)?.times ?? 0
            return near(times, rule.times, "\(times) times the same of \(rule.times)")
        case .stall(let rule): return stalled(rule, state, elapsed)
        case .errorStorm(let rule):
            let times = state.habits?.errorTimes
            var count = 0
            while let times, count < min(times.count, rule.errors), elapsed - times[back: count] <= rule.within {
                count += 1
            }
            return near(count, rule.errors, "\(count) errors of \(rule.errors) within \(rule.within.shortText)")
        case .noProgressBy(let rule):
            let running = state.running(at: elapsed)
            if rule.needs.holds(in: state, at: elapsed) { return (0, rule.needs.text) }
            return near(running, rule.at, "\(running.shortText) of \(rule.at.shortText) without \(rule.needs.text)")
        case .any(let policies): return policies.map { $0.near(state, elapsed) }.max { $0.0 < $1.0 } ?? (0, "")
        case .all(let policies): return policies.map { $0.near(state, elapsed) }.min { $0.0 < $1.0 } ?? (0, "")
        case .not(let policy):
            let holds = policy.verdict(for: state, at: elapsed) != .stay
            return (holds ? 0 : 1000, "\(policy.name) \(holds ? "holds" : "does not hold")")
        case .after(let bound, let policy):
            let running = state.running(at: elapsed)
            let inner = policy.near(state, elapsed)
            let waiting = near(
                running, bound, "\(running.shortText) of \(bound.shortText) before it counts: \(inner.1)")
            return waiting.0 < inner.0 ? waiting : inner
        case .race: return (0, "over the field")
        case .heldTooLong:
            guard let hold = state.hold, let bound = hold.limit else { return (0, "not held") }
            let time = max(.zero, elapsed - hold.since)
            return near(time, bound, "held \(time.shortText) of \(bound.shortText)")
        case .command, .custom:
            let reason = verdict(for: state, at: elapsed).reason
            return (reason == nil ? 0 : 1000, reason?.message ?? "has nothing to say")
        }
    }

    private func stalled(_ rule: StallRule, _ state: TrialState, _ elapsed: Duration) -> (Int, String) {
        guard let habits = state.habits, let newAt = habits.newAt else { return (0, "nothing has begun") }
        var found: [(Int, String)] = []
        if let bound = rule.spend {
            let spent = state.spend - habits.newSpend
            found.append(
                (
                    Nearness.permille(spent.picodollars, of: bound.picodollars),
                    "spent \(spent) of \(bound) since \(habits.newWhat)"
                ))
        }
        if let bound = rule.time {
            let time = state.callsWait ? Duration.zero : max(.zero, elapsed - newAt)
            found.append(
                (
                    Nearness.permille(time, of: bound),
                    "\(time.shortText) of \(bound.shortText) since \(habits.newAtWhat)"
                ))
        }
        return found.max { $0.0 < $1.0 } ?? (0, "")
    }
}
