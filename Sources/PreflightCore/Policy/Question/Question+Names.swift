extension Question {
    /// A number that a trial has.
    package enum Figure: String, CaseIterable, Sendable {
        case spend, remaining, budget
        case spendShare = "spend_share"
        case costPerMinute = "cost_per_minute"
        case calls
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case cacheShare = "cache_share"
        case toolCalls = "tool_calls"
        case turns, errors, events, snapshots
        case outputFiles = "output_files"
        case outputAge = "output_age"
        case elapsed, idle
        case repeatedShare = "repeated_share"
    }

    /// A text that a trial has.
    package enum Words: String, CaseIterable, Sendable {
        case model
        case lastTool = "last_tool"
        case lastError = "last_error"
    }

    /// A yes or no that a trial has.
    package enum Sign: String, CaseIterable, Sendable {
        /// Calls wait for the provider.
        case waiting
        /// The agent has said that it is done.
        case agentEnded = "agent_ended"
    }

    package enum Function: String, CaseIterable, Sendable { case min, max, contains, reported }

    /// What stands before the name of a field that the agent reported.
    package static let contextPrefix = "context."

    /// Every name that an expression may use, functions and `context.` aside.
    package static let names =
        Figure.allCases.map(\.rawValue) + Words.allCases.map(\.rawValue) + Sign.allCases.map(\.rawValue)
}

extension Question.Figure {
    package var kind: Question.Kind {
        switch self {
        case .spend, .remaining, .budget: .money
        case .elapsed, .idle, .outputAge: .time
        case .spendShare, .cacheShare, .repeatedShare: .share
        case .costPerMinute: .rate
        default: .count
        }
    }

    var facts: TrialFacts {
        switch self {
        case .spend, .remaining, .budget, .spendShare: [.money, .standing]
        case .costPerMinute: [.money, .time]
        // Of an agent that says nothing the gateway tells.
        case .calls, .turns: [.turns, .standing]
        case .promptTokens, .completionTokens, .cacheShare: [.tokens, .standing]
        case .toolCalls: [.tools, .standing]
        case .errors: .errors
        case .events: .events
        case .snapshots: .output
        case .outputFiles: .output
        case .outputAge: [.output, .time]
        case .elapsed: [.time, .standing]
        case .idle: [.life, .time, .standing]
        case .repeatedShare: [.tools, .turns, .standing]
        }
    }

    var needsHabits: Bool { self == .costPerMinute || self == .repeatedShare }

    func value(_ moment: Question.Moment) -> Int64 {
        let (state, elapsed) = (moment.state, moment.elapsed)
        return switch self {
        case .spend: state.spend.picodollars
        case .remaining: (state.remaining ?? .max).picodollars
        case .budget: (state.budget ?? .max).picodollars
        case .spendShare: Int64(state.budget.map { state.spend.permille(of: $0) } ?? 0)
        case .costPerMinute: (state.habits?.spending.lastMinute(at: elapsed) ?? .zero).picodollars
        case .calls: Int64(state.isMetered ? state.calls : state.turns)
        case .promptTokens: Int64(state.usage.promptTokens)
        case .completionTokens: Int64(state.usage.completionTokens)
        case .cacheShare: Int64(state.cachePermille ?? 0)
        case .toolCalls: Int64(state.toolCalls)
        case .turns: Int64(state.turns)
        case .errors: Int64(state.errors)
        case .events: Int64(state.events)
        case .snapshots: Int64(state.snapshots)
        case .outputFiles: Int64(state.outputFiles)
        case .outputAge: state.outputAge(at: elapsed).wholeMicroseconds
        case .elapsed: state.running(at: elapsed).wholeMicroseconds
        case .idle: state.idle(at: elapsed).wholeMicroseconds
        case .repeatedShare: Int64(state.habits?.repeatedPermille ?? 0)
        }
    }
}

extension Question.Words {
    var facts: TrialFacts {
        switch self {
        case .model: .standing
        case .lastTool: [.tools, .standing]
        case .lastError: .errors
        }
    }

    func value(_ moment: Question.Moment) -> String? {
        switch self {
        case .model: moment.state.model
        case .lastTool: moment.state.lastTool
        case .lastError: moment.state.lastError
        }
    }
}

extension Question.Sign {
    var facts: TrialFacts { self == .waiting ? .standing : .events }

    func value(_ moment: Question.Moment) -> Bool {
        switch self {
        case .waiting: moment.state.pause != nil
        case .agentEnded: moment.state.agentEnded
        }
    }
}

extension TrialState {
    /// Since the output directory changed last, or since the container started where it has not.
    func outputAge(at elapsed: Duration) -> Duration {
        guard let containerStarted else { return .zero }
        return max(.zero, elapsed - max(outputChanged ?? containerStarted, containerStarted))
    }
}
