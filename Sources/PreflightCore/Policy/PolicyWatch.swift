/// Judges a trial by its policies: at every event, and between events at the ticks of a fixed grid.
///
/// It is a value that knows the trial by its events alone, and time by theirs and by what `advance` is told. So a log that
/// is handed to it later gives the verdicts that were given live: the same, at the same times.
package struct PolicyWatch: Sendable {
    /// Between two ticks, which are counted from the trial's beginning.
    package static let grid = Duration.milliseconds(250)

    package let rules: [PolicyRule]
    /// The fold of all events that were taken.
    package private(set) var state: TrialState
    /// A policy that ejects has fired: nothing is judged any more.
    package private(set) var isOver = false
    /// The last tick that has been judged, or passed over.
    private var ticks: Int64 = 0
    /// By rule: it has fired, and holds since.
    private var holds: [Bool]
    private var untold: [FiredPolicy] = []

    package init(_ rules: [PolicyRule] = [], state: TrialState = TrialState()) {
        self.rules = rules
        self.state = state
        holds = Array(repeating: false, count: rules.count)
    }

    package init(_ list: PolicyList) { self.init(list.rules) }

    /// Those that have fired and that no `policy_fired` has told of: what a crash came before.
    package var firedUntold: [FiredPolicy] { untold }

    /// Judges the ticks before an event, then folds it and judges again. Returns what has fired.
    package mutating func take(_ event: Event) -> [FiredPolicy] {
        var fired: [FiredPolicy] = []
        switch (event.source, event.type) {
        case (.harness, "trial_resumed"):
            // Nobody watched: what was silent meanwhile was not heard.
            ticks = max(ticks, Self.ticks(before: event.elapsed))
        case (.harness, "owner_request"):
            // Changes nothing, and may come before anybody watches again.
            state.apply(event)
            return []
        case (.harness, FiredPolicy.eventType):
            advance(to: event.elapsed, into: &fired)
            tell(event)
        default: advance(to: event.elapsed, into: &fired)
        }
        state.apply(event)
        judge(at: event.elapsed, into: &fired)
        return fired
    }

    /// Judges the ticks up to then.
    package mutating func advance(to elapsed: Duration) -> [FiredPolicy] {
        var fired: [FiredPolicy] = []
        advance(to: elapsed, into: &fired)
        return fired
    }

    private mutating func advance(to elapsed: Duration, into fired: inout [FiredPolicy]) {
        let last = Self.ticks(before: elapsed)
        while ticks < last, isWatching {
            ticks += 1
            judge(at: Self.grid * Int(ticks), into: &fired)
        }
        ticks = max(ticks, last)
    }

    /// Ticks up to then have been judged: an event that comes before it comes too late for them.
    package var judgedUntil: Duration { Self.grid * Int(ticks) }

    private static func ticks(before elapsed: Duration) -> Int64 {
        elapsed.wholeMicroseconds / grid.wholeMicroseconds
    }

    private var isWatching: Bool { state.phase == .running && !isOver }

    private mutating func judge(at elapsed: Duration, into fired: inout [FiredPolicy]) {
        guard isWatching else { return }
        for index in rules.indices {
            guard let reason = rules[index].policy.verdict(for: state, at: elapsed).reason else {
                holds[index] = false
                continue
            }
            guard !holds[index] else { continue }
            holds[index] = true
            let one = FiredPolicy(
                index: index, rule: rules[index], reason: rules[index].named(reason), at: elapsed,
                evidence: state.evidence(at: elapsed))
            fired.append(one)
            untold.append(one)
            if rules[index].action == .eject {
                isOver = true
                return
            }
        }
    }

    private mutating func tell(_ event: Event) {
        guard let index = untold.firstIndex(where: { event.fields["policy"]?.string == $0.reason.policy }) else {
            return
        }
        untold.remove(at: index)
    }
}

extension TrialState {
    /// The figures that a verdict rests on.
    func evidence(at elapsed: Duration) -> JSON {
        .record([
            "spent_usd": .usd(spend), "budget_usd": budget.map(JSON.usd), "calls": isMetered ? .int(calls) : nil,
            "turns": .int(turns), "tool_calls": .int(toolCalls), "errors": .int(errors),
            "snapshots": .int(snapshots), "running_s": .number(running(at: elapsed).decimalSeconds(places: 3)),
            "idle_s": .number(idle(at: elapsed).decimalSeconds(places: 3)),
        ])
    }
}
