/// A composable rule for when a trial must stop: a pure function from its state to a verdict.
package indirect enum EjectPolicy: Hashable, Sendable {
    /// Spend has reached the trial's budget, or what is left pays for no call: several refusals in a row.
    case budgetExceeded
    /// Spend has reached a share of the budget (parts per thousand), unless a condition holds.
    case budgetFraction(permille: Int, unless: Condition?)
    /// Nothing was heard of the trial for this long.
    case idle(Duration)
    /// The container has run for this long.
    case wall(Duration)
    /// The agent reported at least this many errors.
    case errors(Int)
    case any([EjectPolicy])
    case all([EjectPolicy])
    case not(EjectPolicy)
    /// The inner policy counts only once the container has run for this long.
    case after(Duration, EjectPolicy)
    /// A program that is asked every few seconds: its answers come in as events.
    case command(CommandPolicy)
    /// A Swift value.
    case custom(CustomPolicy)

    /// An agent may ask for less after a refusal; one that was refused so often in a row gets no further.
    package static let refusalsThatEnd = 5

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
        }
    }

    /// The policy's key in an experiment file.
    package var name: String {
        switch self {
        case .budgetExceeded: "budget_exceeded"
        case .budgetFraction: "budget_fraction"
        case .idle: "idle"
        case .wall: "wall"
        case .errors: "errors"
        case .any: "any"
        case .all: "all"
        case .not(let policy): "not \(policy.name)"
        case .after(_, let policy): policy.name
        case .command(let command): command.name
        case .custom(let custom): custom.name
        }
    }

    /// The command policies anywhere inside, for the harness to ask.
    package var commands: [CommandPolicy] {
        switch self {
        case .command(let command): [command]
        case .any(let policies), .all(let policies): policies.flatMap(\.commands)
        case .not(let policy), .after(_, let policy): policy.commands
        default: []
        }
    }

    /// The same policy with its command policies changed.
    package func mappingCommands(_ change: (CommandPolicy) -> CommandPolicy) -> EjectPolicy {
        switch self {
        case .command(let command): .command(change(command))
        case .any(let policies): .any(policies.map { $0.mappingCommands(change) })
        case .all(let policies): .all(policies.map { $0.mappingCommands(change) })
        case .not(let policy): .not(policy.mappingCommands(change))
        case .after(let bound, let policy): .after(bound, policy.mappingCommands(change))
        default: self
        }
    }

    private func eject(_ message: String) -> Verdict { .eject(.init(policy: name, message: message)) }

    static func percent(_ permille: Int) -> String {
        permille % 10 == 0 ? "\(permille / 10)%" : "\(permille / 10).\(permille % 10)%"
    }
}

/// A program that judges a trial: it gets the state as JSON on stdin, and answers `{"eject": true, "reason": "…"}`.
package struct CommandPolicy: Hashable, Sendable {
    package var name: String
    package var command: [String]
    package var every: Duration

    package init(name: String, command: [String], every: Duration = .seconds(10)) {
        self.name = name
        self.command = command
        self.every = every
    }
}

/// A policy written in Swift, told apart by its name.
package struct CustomPolicy: Hashable, Sendable {
    package var name: String
    package var evaluate: @Sendable (TrialState, _ elapsed: Duration) -> Verdict

    package init(name: String, evaluate: @escaping @Sendable (TrialState, Duration) -> Verdict) {
        self.name = name
        self.evaluate = evaluate
    }

    package static func == (a: CustomPolicy, b: CustomPolicy) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension String {
    fileprivate var trimmedComma: String { hasSuffix(",") ? String(dropLast()) : self }
}
