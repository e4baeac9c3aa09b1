extension EjectPolicy {
    /// What the policy says of a trial at a time. Policies that look at habits say `stay` of a state without them.
    package func verdict(for state: TrialState, at elapsed: Duration) -> Verdict {
        switch self {
        case .budgetExceeded:
            guard let budget = state.budget else { return .stay }
            if state.spend >= budget { return eject("spent \(state.spend) of \(budget)") }
            // The gateway refuses only what the budget cannot pay any more; a provider also refuses what it could.
            guard state.budgetRefusalsInARow >= (state.isMetered ? 1 : Self.refusalsThatEnd) else { return .stay }
            let refused =
                state.isMetered
                ? "what is left cannot pay its next call"
                : "\(state.budgetRefusalsInARow) calls in a row were refused"
            return eject("spent \(state.spend) of \(budget), and \(refused)")
        case .budgetFraction(let permille, let unless):
            guard let budget = state.budget, state.spend >= budget.share(permille: permille), state.spend > .zero,
                !(unless?.holds(in: state, at: elapsed) ?? false)
            else { return .stay }
            let exception = unless.map { " without \($0.text)" } ?? ""
            return eject("spent \(state.spend), \(Self.percent(permille)) of \(budget),\(exception)".trimmedComma)
        case .idle(let bound):
            let idle = state.idle(at: elapsed)
            return idle >= bound && bound > .zero ? eject("silent for \(idle.shortText)") : .stay
        case .wall(let bound):
            let running = state.running(at: elapsed)
            return running >= bound ? eject("ran for \(running.shortText), limit \(bound.shortText)") : .stay
        case .errors(let bound):
            let last = state.lastError.map { ", the last: \($0.prefix(120))" } ?? ""
            return state.errors >= bound ? eject("\(state.errors) errors\(last)") : .stay
        case .when(let expression):
            return expression.holds(in: state, at: elapsed) ? eject(expression.text) : .stay
        case .loop(let rule):
            guard let found = state.habits.map(rule.find), found.times >= rule.times else { return .stay }
            return eject("\(found.times) times \(found.what)")
        case .stall(let rule):
            guard let habits = state.habits, let newAt = habits.newAt else { return .stay }
            if let bound = rule.spend, state.spend - habits.newSpend >= bound, bound > .zero {
                return eject("spent \(state.spend - habits.newSpend) since \(habits.newWhat)")
            }
            // While its calls wait, nothing new can come.
            if let bound = rule.time, !state.callsWait, elapsed - newAt >= bound {
                return eject("nothing new for \((elapsed - newAt).shortText), since \(habits.newAtWhat)")
            }
            return .stay
        case .errorStorm(let rule):
            guard let times = state.habits?.errorTimes, times.count >= rule.errors,
                elapsed - times[back: rule.errors - 1] <= rule.within
            else { return .stay }
            let last = state.lastError.map { ", the last: \($0.prefix(120))" } ?? ""
            return eject("\(rule.errors) errors within \(rule.within.shortText)\(last)")
        case .noProgressBy(let rule):
            let running = state.running(at: elapsed)
            guard running >= rule.at, !rule.needs.holds(in: state, at: elapsed) else { return .stay }
            return eject("not after \(rule.at.shortText): \(rule.needs.text)")
        case .any(let policies):
            for policy in policies {
                let verdict = policy.verdict(for: state, at: elapsed)
                if verdict != .stay { return verdict }
            }
            return .stay
        case .all(let policies):
            let reasons = policies.compactMap { $0.verdict(for: state, at: elapsed).reason }
            guard !policies.isEmpty, reasons.count == policies.count else { return .stay }
            return .eject(
                .init(
                    policy: reasons.map(\.policy).joined(separator: "+"),
                    message: reasons.map(\.message).joined(separator: "; ")))
        case .not(let policy):
            guard policy.verdict(for: state, at: elapsed) == .stay else { return .stay }
            return eject("\(policy.name) does not hold")
        case .after(let bound, let policy):
            return state.running(at: elapsed) >= bound ? policy.verdict(for: state, at: elapsed) : .stay
        case .command(let command):
            return state.customVerdicts[command.name] ?? .stay
        case .custom(let custom):
            return custom.evaluate(state, elapsed)
        case .race: return .stay
        case .heldTooLong: return state.holdVerdict(at: elapsed)
        }
    }

    private func eject(_ message: String) -> Verdict { .eject(.init(policy: name, message: message)) }
}

extension String {
    fileprivate var trimmedComma: String { hasSuffix(",") ? String(dropLast()) : self }
}
