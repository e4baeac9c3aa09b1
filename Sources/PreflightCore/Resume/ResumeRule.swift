/// Decides how a trial goes on whose harness has died, from its log and from what is left of it.
package struct ResumeRule: Sendable {
    /// What the engine, and the journal where the engine knows nothing, say of the trial's container.
    package enum Container: String, Sendable, CaseIterable {
        /// None was asked for, or the engine has not begun what was asked of it.
        case never
        case running
        case exited
        /// Somebody else has removed it.
        case gone
    }

    package enum Answer: Sendable, Equatable {
        /// It has ended and its receipt stands.
        case keep
        /// Nothing of it ever ran: it begins, in the same log.
        case begin
        /// Its container runs: it is watched again, from where its output was left.
        case attach
        /// It was to be stopped, and its container runs still.
        case carryOut(EndRule.Stop)
        /// Its container has ended unseen: the rest of its output is read, and its end judged.
        case collect(EndRule.Stop?)
        /// How it ended is known; its account is not settled, or its key not deleted.
        case settle(Outcome, String)

        /// The word in the log.
        package var name: String {
            switch self {
            case .keep: "keep"
            case .begin: "begin"
            case .attach: "attach"
            case .carryOut: "carry_out"
            case .collect: "collect"
            case .settle(.lost, _): "lost"
            case .settle: "settle"
            }
        }
    }

    /// The fold of its whole log.
    package var state: TrialState
    package var container: Container
    /// Its container was ended because its time was over.
    package var overdue: Verdict.Reason?

    package init(state: TrialState, container: Container, overdue: Verdict.Reason? = nil) {
        self.state = state
        self.container = container
        self.overdue = overdue
    }

    package var answer: Answer {
        if state.outcome != nil { return .keep }
        if let judged = state.judged { return .settle(judged.outcome, judged.reason) }
        switch container {
        case .running: return state.decided.map(Answer.carryOut) ?? .attach
        case .exited: return .collect(state.decided)
        case .never, .gone:
            // One that was to be stopped is stopped, whoever has removed it.
            if let stop = state.decided ?? overdue.map(EndRule.Stop.ejected) {
                let end = EndRule(stop: stop, exitCode: state.exitCode ?? -1, state: state).end
                return .settle(end.outcome, end.reason)
            }
            if container == .never, state.containerStarted == nil { return .begin }
            return .settle(.lost, "its container was gone when the run was resumed: nobody saw how it ended")
        }
    }
}
