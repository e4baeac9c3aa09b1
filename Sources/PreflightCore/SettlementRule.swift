/// Decides whether a finished trial's spend is known: a provider's figure is late, by seconds or by minutes.
package struct SettlementRule: Sendable {
    package enum Answer: Sendable, Equatable {
        /// The figure can be taken as final.
        case settled(String)
        case readAgain
        /// The time is up and something may still turn up on the bill.
        case unknown(String)
    }

    package var state: TrialState
    /// Whether the agent ended by itself and well: then no call of it is under way, unreported.
    package var endedWell: Bool
    /// Whether the newest reading gave a figure.
    package var canRead: Bool
    /// Readings since the figure last grew, that one included.
    package var quietReads: Int
    /// Whether the figure has stood still for the whole time that a trial waits.
    package var isTimeUp: Bool

    package init(state: TrialState, endedWell: Bool, canRead: Bool, quietReads: Int, isTimeUp: Bool) {
        self.state = state
        self.endedWell = endedWell
        self.canRead = canRead
        self.quietReads = quietReads
        self.isTimeUp = isTimeUp
    }

    package var answer: Answer {
        if state.containerStarted == nil, canRead { return .settled("no container of it ever ran") }
        let agrees = state.hasReportedCost && state.polledSpend >= state.reportedSpend
        if endedWell, canRead, agrees, quietReads >= 2 {
            return .settled("the sub-key's usage agrees with what the agent reported")
        }
        guard isTimeUp else { return .readAgain }
        guard canRead else { return .unknown("the sub-key's usage could not be read") }
        if state.reportedSpend > state.polledSpend {
            return .unknown("the sub-key shows \(state.polledSpend), the agent reported \(state.reportedSpend)")
        }
        // Zero is believed only of an agent that speaks and has told of no answer.
        if state.polledSpend == .zero, !state.hasReportedCost, state.spokenEvents == 0 || state.turns > 0 {
            return .unknown("the sub-key shows no spend yet, and the agent reported none of its costs")
        }
        return .settled("the sub-key's usage stands still")
    }
}
