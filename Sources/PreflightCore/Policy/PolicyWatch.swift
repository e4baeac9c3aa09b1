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
    /// A policy that ejects has fired, or the container had ended before anybody watched again: nothing is judged any more.
    package private(set) var isOver = false
    /// Something happened in time that was not watched: every policy is asked once that is over.
    private var isOwed = false
    /// The last tick that has been judged, or passed over.
    private var ticks: Int64 = 0
    /// That of the newest event: ticks lie further apart the longer there was none.
    private var newest: Int64 = 0
    /// By rule.
    private var standings: [Standing]
    private var untold: [FiredPolicy] = []

    private struct Standing: Sendable {
        /// What may make it fire.
        var facts: TrialFacts
        /// It has fired, and holds since: until it does not, it is not asked for anything new.
        var holds = false
    }

    package init(_ rules: [PolicyRule] = []) {
        self.rules = rules
        state = TrialState()
        if rules.contains(where: \.policy.needsHabits) { state.habits = Habits() }
        standings = rules.map { Standing(facts: $0.policy.facts) }
    }

    package init(_ list: PolicyList) { self.init(list.rules) }

    /// Those that have fired and that no `policy_fired` has told of: what a crash came before.
    package var firedUntold: [FiredPolicy] { untold }

    /// Judges the ticks before an event, then folds it and judges again. Returns what has fired.
    package mutating func take(_ event: Event) -> [FiredPolicy] {
        var fired: [FiredPolicy] = []
        switch (event.source, event.type) {
        case (.harness, "trial_resumed"), (.harness, TrialState.watchGap):
            // Nobody watched: what was silent meanwhile was not heard.
            ticks = max(ticks, Self.ticks(before: event.elapsed))
            if event.fields["how"].map({ !Self.livingAnswers.contains($0.string ?? "") }) ?? false { isOver = true }
        case (.harness, "owner_request"), (.harness, RaceMark.eventType):
            // Changes nothing, and may come before anybody watches again.
            state.apply(event)
            return []
        case (.harness, FiredPolicy.eventType):
            advance(to: event.elapsed, into: &fired)
            tell(event)
        default: advance(to: event.elapsed, into: &fired)
        }
        newest = max(newest, Self.ticks(before: event.elapsed))
        let facts = state.apply(event)
        judge(facts, at: event.elapsed, into: &fired)
        return fired
    }

    /// Ways in which a trial is taken up whose container may run on.
    private static let livingAnswers: Set<String> = [ResumeRule.Answer.attach.name, ResumeRule.Answer.begin.name]

    /// Judges the ticks up to then.
    package mutating func advance(to elapsed: Duration) -> [FiredPolicy] {
        var fired: [FiredPolicy] = []
        advance(to: elapsed, into: &fired)
        return fired
    }

    private mutating func advance(to elapsed: Duration, into fired: inout [FiredPolicy]) {
        guard elapsed >= nextTick else { return }
        let last = Self.ticks(before: elapsed)
        while ticks < last, isWatching {
            // Where nothing happens, nothing changes but what time brings about.
            guard let tick = earliestTick, tick <= last else { break }
            ticks = tick
            judge(.time, at: Self.grid * Int(ticks), into: &fired)
        }
        ticks = max(ticks, last)
    }

    /// The first tick from there on that is judged. After an hour without any event each second one is, then each fourth: so
    /// that of a log that somebody edited, or of a trial that is silent for a year, no more are judged than can be.
    private func spaced(_ tick: Int64) -> Int64 {
        let silent = tick - newest
        guard silent > Self.dense else { return tick }
        let many = silent / Self.dense
        let step = Int64(1) << Int64(Int64.bitWidth - 1 - many.leadingZeroBitCount)
        return newest + (silent + step - 1) / step * step
    }

    /// 34 minutes.
    private static let dense = Int64(1) << 13

    private var nextTick: Duration { Self.grid * Int(ticks + 1) }

    /// The next tick at which any policy may say something new; nil where none does by time alone.
    private var earliestTick: Int64? {
        var earliest: Int64?
        if isOwed { earliest = max(ticks + 1, Self.ticks(before: state.unwatchedUntil + Self.grid - .microseconds(1))) }
        let next = spaced(ticks + 1)
        for index in rules.indices {
            var tick = next
            if !standings[index].holds {
                guard standings[index].facts.contains(.time),
                    let time = rules[index].policy.earliest(for: state)
                else { continue }
                // One whose time is known is asked at that time, however long the silence.
                let due = Self.ticks(before: time + Self.grid - .microseconds(1))
                if due > ticks { tick = due }
            }
            if tick == ticks + 1 { return tick }
            earliest = min(earliest ?? tick, tick)
        }
        return earliest
    }

    /// Ticks up to then have been judged: an event that comes before it comes too late for them.
    package var judgedUntil: Duration { Self.grid * Int(ticks) }

    private static func ticks(before elapsed: Duration) -> Int64 {
        elapsed.wholeMicroseconds / grid.wholeMicroseconds
    }

    private var isWatching: Bool { state.phase == .running && !isOver }

    private mutating func judge(_ facts: TrialFacts, at elapsed: Duration, into fired: inout [FiredPolicy]) {
        guard isWatching else { return }
        guard elapsed >= state.unwatchedUntil else {
            isOwed = true
            return
        }
        let facts = isOwed ? .all : facts
        isOwed = false
        for index in standings.indices
        where standings[index].holds || !standings[index].facts.isDisjoint(with: facts) {
            guard let reason = rules[index].policy.verdict(for: state, at: elapsed).reason else {
                standings[index].holds = false
                continue
            }
            guard !standings[index].holds else { continue }
            standings[index].holds = true
            let one = FiredPolicy(
                index: index, rule: rules[index], reason: rules[index].named(reason), at: elapsed,
                spend: state.spend, evidence: state.evidence(at: elapsed))
            fired.append(one)
            untold.append(one)
            if rules[index].action == .eject {
                isOver = true
                return
            }
        }
    }

    /// The policy that is nearest to firing, of those that do not hold already; the one that does most where they are
    /// equally near.
    package func nearest(at elapsed: Duration) -> Nearness? {
        guard isWatching else { return nil }
        var nearest: Nearness?
        for index in rules.indices where !standings[index].holds {
            var one = rules[index].policy.nearness(for: state, at: elapsed)
            one.policy = rules[index].name
            if one.permille > nearest?.permille ?? -1 { nearest = one }
        }
        return nearest
    }

    private mutating func tell(_ event: Event) {
        guard let index = untold.firstIndex(where: { event.fields["policy"]?.string == $0.reason.policy }) else {
            return
        }
        untold.remove(at: index)
    }
}
