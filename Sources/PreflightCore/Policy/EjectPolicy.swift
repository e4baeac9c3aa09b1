/// A composable rule for when a trial must stop: a pure function from its state to a verdict.
package indirect enum EjectPolicy: Hashable, Sendable {
    /// Spend has reached the trial's budget, or what is left pays for no call: several refusals in a row.
    case budgetExceeded
    /// Spend has reached a share of the budget (parts per thousand), unless a condition holds.
    case budgetFraction(permille: Int, unless: Question?)
    /// Nothing was heard of the trial for this long.
    case idle(Duration)
    /// The container has run for this long.
    case wall(Duration)
    /// The agent reported at least this many errors.
    case errors(Int)
    /// An expression holds.
    case when(Question)
    case loop(LoopRule)
    case stall(StallRule)
    case errorStorm(StormRule)
    case noProgressBy(DeadlineRule)
    case any([EjectPolicy])
    case all([EjectPolicy])
    case not(EjectPolicy)
    /// The inner policy counts only once the container has run for this long.
    case after(Duration, EjectPolicy)
    /// A program that is asked every few seconds: its answers come in as events.
    case command(CommandPolicy)
    /// A Swift value.
    case custom(CustomPolicy)
    /// Over the field: `RaceBook` judges it, from facts of all trials.
    case race(Race)
    /// A hold has lasted longer than it may. Every trial has it.
    case heldTooLong

    /// An agent may ask for less after a refusal; one that was refused so often in a row gets no further.
    package static let refusalsThatEnd = 5

    /// The policy's key in an experiment file.
    package var name: String {
        switch self {
        case .budgetExceeded: "budget_exceeded"
        case .budgetFraction: "budget_fraction"
        case .idle: "idle"
        case .wall: "wall"
        case .errors: "errors"
        case .when: "when"
        case .loop: "loop"
        case .stall: "stall"
        case .errorStorm: "error_storm"
        case .noProgressBy: "no_progress_by"
        case .any: "any"
        case .all: "all"
        case .not(let policy): "not \(policy.name)"
        case .after(_, let policy): policy.name
        case .command(let command): command.name
        case .custom(let custom): custom.name
        case .race: "race"
        case .heldTooLong: "held_too_long"
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
