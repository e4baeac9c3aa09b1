/// What a trial measures at its checkpoint of a race. It is written into the trial's log once, and never changes.
package struct RaceMark: Hashable, Sendable {
    /// Which rule of the experiment the race is.
    package var rule: Int
    /// In the measure's unit; nil where it has none: less than any other.
    package var measure: Int64?
    /// The measure as a number for people.
    package var text: String?
    /// Since the trial began.
    package var at: Duration

    package static let eventType = "race_checkpoint"

    package var fields: JSON.Object {
        JSON.record([
            "rule": .int(rule), "measure": text.map(JSON.number) ?? .null,
            "at_s": .number(at.decimalSeconds(places: 6)),
        ]).object ?? JSON.Object()
    }
}

extension Race {
    /// The races among rules, each by its index.
    package static func all(of rules: [PolicyRule]) -> [(rule: Int, race: Race)] {
        rules.enumerated().compactMap { index, rule in
            if case .race(let race) = rule.policy { (index, race) } else { nil }
        }
    }

    /// What the trial measures now, if it has come to its checkpoint and has no mark yet.
    ///
    /// A time's checkpoint is an instant of its own: the state must be that of all events before it, so whoever takes an
    /// event asks first, and whoever reads the log later finds the same.
    ///
    /// - Parameter elapsed: now; the checkpoint may lie before.
    package func mark(as rule: Int, _ state: TrialState, at elapsed: Duration) -> RaceMark? {
        guard case .keep(_, let checkpoint, let measure) = self.rule, state.raceMarks["\(rule)"] == nil else {
            return nil
        }
        switch checkpoint {
        case .running(let bound):
            guard state.phase == .running, let started = state.containerStarted, elapsed >= started + bound else {
                return nil
            }
            return measure.mark(rule, state, at: started + bound)
        case .spent(let permille):
            guard state.phase == .running, let budget = state.budget, state.spend > .zero,
                state.spend >= budget.share(permille: permille)
            else { return nil }
            return measure.mark(rule, state, at: elapsed)
        }
    }

    /// What a trial measures that has completed before its checkpoint.
    package func markOfCompleted(as rule: Int, _ state: TrialState, at elapsed: Duration) -> RaceMark? {
        guard case .keep(_, _, let measure) = self.rule, state.judged?.outcome == .completed,
            state.raceMarks["\(rule)"] == nil
        else { return nil }
        return measure.mark(rule, state, at: elapsed)
    }
}

extension RaceMeasure {
    fileprivate func mark(_ rule: Int, _ state: TrialState, at elapsed: Duration) -> RaceMark {
        let value = value(of: state, at: elapsed)
        return RaceMark(rule: rule, measure: value, text: value.map(describe), at: elapsed)
    }
}
