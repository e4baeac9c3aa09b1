import PreflightCore
import Store

/// Races are judged over the whole field: what they would have stopped is known once all its logs are read.
extension RunReplay {
    /// Stops those whom a race would have stopped before anything else did.
    ///
    /// - Parameters:
    ///   - newest: of each trial its newest attempt, by its place in `trials`.
    ///   - isOwn: what was measured live is taken as it was.
    mutating func race(
        _ policies: PolicyList, _ newest: [(place: Int, plan: TrialPlan, directory: TrialDirectory)], isOwn: Bool
    ) {
        for (rule, race) in Race.all(of: policies.rules) {
            // Whoever only counts who is done, or takes what was measured, need not know what agents said.
            let isOfHarness = isOwn || race.measure == nil
            let logs = newest.map { trial in
                var events: [Event] = []
                _ = try? EventLogReader(trial.directory).read { event in
                    if !isOfHarness || event.source == .harness || event.elapsed == .zero { events.append(event) }
                }
                return RaceReplay.Log(trial: trial.plan, events: events)
            }
            for verdict in RaceReplay.verdicts(of: race, logs, recordedAs: isOwn ? rule : nil) {
                guard let trial = newest.first(where: { $0.plan.alias == verdict.out.trial }) else { continue }
                trials[trial.place].take(verdict, of: policies.rules[rule], at: rule, in: trial.directory)
            }
        }
    }
}

extension TrialReplay {
    fileprivate mutating func take(
        _ verdict: RaceReplay.Verdict, of rule: PolicyRule, at index: Int, in directory: TrialDirectory
    ) {
        var at = max(.zero, verdict.elapsed)
        if let stop, stop.policy.at <= at { return }
        var state = TrialState()
        _ = try? EventLogReader(directory).read { event in
            if event.elapsed <= at { state.apply(event) }
            // What is milder than a stop waits for the container.
            guard rule.action != .eject, state.containerStarted == nil, event.source == .harness,
                event.type == "container_started"
            else { return }
            at = event.elapsed
            state.apply(event)
        }
        // One that did not run then, or was being stopped, is ended by something else.
        guard state.phase == .running else { return }
        // What its log tells came after the verdict was seen is told of.
        if rule.action == .eject, recorded == nil { fired.removeAll { $0.policy.at > at } }
        let policy = FiredPolicy(
            index: index, rule: rule, reason: rule.named(verdict.out.reason), at: at, spend: state.spend,
            evidence: verdict.out.evidence)
        fired.append(Fired(policy: policy, running: state.running(at: at)))
    }
}
