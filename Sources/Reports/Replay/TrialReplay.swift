package import PreflightCore
package import Store

/// What policies would have done to a trial, told from its log: the same judgement, of the same events.
package struct TrialReplay: Sendable {
    /// Of the attempt.
    package var name: String
    package var outcome: Outcome?
    package var reason: String?
    package var spend: USD
    package var runtime: Duration
    /// In their order. Nothing fires after one that ejects.
    package var fired: [Fired] = []
    /// What the log says has fired; nil of a log that does not tell, such as one of a version before.
    package var recorded: [Recorded]?
    /// Which rules are races, of which the log's own verdicts go by other trials' news; and whether these are known.
    var races: Set<Int> = []
    var knowsRivals = true
    /// Why its log cannot be read, or is not what was written.
    package var fault: String?
    /// As its log tells it; nil of a log of a version before.
    var repetition: Int?

    package struct Fired: Sendable {
        package var policy: FiredPolicy
        /// How long its container had run.
        package var running: Duration
    }

    /// A verdict, as far as a log tells of it.
    package struct Recorded: Hashable, Sendable {
        /// Its place among the run's rules.
        package var rule: Int?
        package var policy: String
        package var action: String
        package var message: String
        package var at: Duration?
    }

    /// The verdict that ends it.
    package var stop: Fired? { fired.first { $0.policy.rule.action == .eject } }
    /// What it spent after that.
    package var saved: USD { stop.map { max(.zero, spend - $0.policy.spend) } ?? .zero }
    /// It would not have come to its good end.
    package var isLost: Bool { stop != nil && outcome == .completed }

    /// Whether the log's own verdicts are these, at the same times; nil where it tells of none. Those of races are the
    /// same if they are of the same words: they are carried out a moment after the field's news came.
    package var isAsRecorded: Bool? {
        guard let recorded else { return nil }
        let told = fired.map { Recorded($0.policy) }
        func own(_ verdicts: [Recorded]) -> [Recorded] {
            // A log of a version before does not tell which rule it was.
            verdicts.filter { !isRace($0) }.map(\.withoutRule)
        }
        func ofRaces(_ verdicts: [Recorded]) -> Set<[String]> { Set(verdicts.filter(isRace).map(\.words)) }
        return own(told) == own(recorded) && (!knowsRivals || ofRaces(told) == ofRaces(recorded))
    }

    private func isRace(_ verdict: Recorded) -> Bool { verdict.rule.map(races.contains) ?? false }
}

extension TrialReplay {
    /// Reads the log once, from its beginning.
    ///
    /// - Parameters:
    ///   - isBrief: keeps what each policy fired first, and no more.
    ///   - summary: of the attempt, which knows how far the log goes.
    package init(
        _ directory: TrialDirectory, _ policies: PolicyList, isBrief: Bool = false, summary: TrialSummary? = nil
    ) {
        name = directory.attempt.name
        spend = .zero
        runtime = .zero
        var watch = PolicyWatch(policies)
        var fired: [Fired] = []
        var recorded: [Recorded] = []
        var tells = false
        var repetition: Int?
        var seen: Set<Int> = []
        var last = Duration.zero
        do {
            let found = try EventLogReader(directory).read(against: summary) { event in
                for one in watch.take(event) where seen.insert(one.index).inserted || !isBrief {
                    fired.append(Fired(policy: one, running: watch.state.running(at: one.at)))
                }
                last = event.elapsed
                guard event.source == .harness else { return }
                switch event.type {
                case FiredPolicy.eventType where !isBrief: recorded.append(Recorded(event))
                case "trial_started":
                    tells = !isBrief && event.fields["policies"] != nil
                    repetition = event.fields["repetition"]?.int
                default: break
                }
            }
            fault = found?.text
        } catch { fault = Files.exists(directory.eventsPath) ? "\(error)" : "it is missing" }
        self.fired = fired
        self.repetition = repetition
        races = Set(Race.all(of: policies.rules).map(\.rule))
        self.recorded = tells ? recorded : nil
        outcome = watch.state.outcome
        reason = watch.state.reason
        spend = watch.state.spend
        runtime = watch.state.running(at: last)
    }

    package var json: JSON {
        .record([
            "trial": .string(name), "outcome": outcome.map { .string($0.rawValue) },
            "reason": reason.map(JSON.string), "cost_usd": .usd(spend),
            "runtime_s": .number(runtime.decimalSeconds(places: 3)),
            "fired": .array(
                fired.map {
                    var object = $0.policy.fields
                    object.append("spent_usd", .usd($0.policy.spend))
                    object.append("running_s", .number($0.running.decimalSeconds(places: 3)))
                    return .object(object)
                }),
            "stopped": .bool(stop != nil), "saved_usd": .usd(saved), "lost": .bool(isLost),
            "as_recorded": isAsRecorded.map(JSON.bool), "fault": fault.map(JSON.string),
        ])
    }
}

extension TrialReplay.Recorded {
    fileprivate init(_ fired: FiredPolicy) {
        self.init(
            rule: fired.index, policy: fired.reason.policy, action: fired.rule.action.rawValue,
            message: fired.reason.message, at: fired.at)
    }

    fileprivate var withoutRule: Self {
        var copy = self
        copy.rule = nil
        return copy
    }

    /// Without its time.
    fileprivate var words: [String] { [policy, action, message] }

    init(_ event: Event) {
        self.init(
            rule: event.fields["rule"]?.int, policy: event.fields["policy"]?.string ?? "",
            action: event.fields["action"]?.string ?? "",
            message: event.fields["message"]?.string ?? "",
            at: event.fields["at_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)))
    }
}
