package import PreflightCore
import Synchronization

/// What policies and the owner do to a trial short of ending it. Each is a fact first; what follows from it is done by
/// whoever is told of the fact, so that a process that takes the trial over does the same.
extension TrialRecorder {
    static let actionTypes: Set<String> = ["policy_fired", "trial_held", "trial_released", "steered"]

    /// Lets the trial's calls wait. False where they do already, or the container does not run.
    package func hold(reason: String, _ fields: KeyValuePairs<String, JSON?>) -> Bool {
        add("trial_held", [.init(key: "reason", value: .string(reason))] + Self.members(fields)) {
            $0.hold == nil && $0.phase == .running
        }
    }

    /// Lets them go on. False where they do not wait.
    package func release(_ fields: KeyValuePairs<String, JSON?>) -> Bool {
        let elapsed = elapsed
        return add("trial_released", Self.members(fields)) {
            $0.hold != nil
        } more: { state in
            let since = state.hold?.since ?? elapsed
            return [.init(key: "held_s", value: .number(max(.zero, elapsed - since).decimalSeconds(places: 3)))]
        }
    }

    private static func members(_ fields: KeyValuePairs<String, JSON?>) -> [JSON.Object.Member] {
        JSON.record(fields).object?.members ?? []
    }

    /// Decided and written in one step: two who ask at once are not both told yes.
    private func add(
        _ type: String, _ members: [JSON.Object.Member], where holds: (TrialState) -> Bool,
        more: (TrialState) -> [JSON.Object.Member] = { _ in [] }
    ) -> Bool {
        let isAdded = state.withLock { state in
            guard holds(state.watch.state) else { return false }
            let event = Event(
                timestamp: world.now(), elapsed: elapsed, source: .harness, type: type,
                fields: JSON.Object(members + more(state.watch.state)))
            append(event, to: &state)
            flush(&state)
            judge(&state)
            return true
        }
        if isAdded { synchronize() }
        return isAdded
    }

    /// There is a way to the trial's calls: from now on it goes by what is recorded, and by what was before.
    package func open(_ calls: ModelAccess.CallDoor) {
        state.withLock { state in
            state.calls = calls
            calls.setHeld(state.watch.state.hold != nil)
            for message in state.watch.state.messages where state.watch.state.undelivered.contains(message.number) {
                calls.tell(message)
            }
        }
    }

    /// A rule has fired that is judged outside: one over the field. True where that ends a trial whose container does
    /// not run yet.
    func fire(_ rule: PolicyRule, index: Int, _ reason: Verdict.Reason, _ evidence: JSON) -> Bool {
        state.withLock { state in
            // Once: who takes a field over comes to the same verdicts again. And of whoever is stopped already nothing more
            // is said.
            guard !state.watch.state.firedRules.contains(index), state.watch.state.decided == nil else {
                return false
            }
            let fired = FiredPolicy(
                index: index, rule: rule, reason: rule.named(reason), at: elapsed, spend: state.watch.state.spend,
                evidence: evidence)
            guard [.pending, .provisioning, .starting].contains(state.watch.state.phase) else {
                state.fired.append(fired)
                judge(&state)
                return false
            }
            // One that has a log and does not run yet can be ended at once; anything milder waits for its container.
            guard rule.action == .eject else {
                state.early.append(fired)
                return false
            }
            guard !state.hasVerdict else { return false }
            announce(rule.telling(fired.reason), in: &state)
            return true
        }
    }

    /// Writes down where the trial stands at a race's checkpoint that lies before then.
    func markRaces(at elapsed: Duration, stampedAs timestamp: Timestamp, _ state: inout State) {
        for (rule, race) in races {
            guard let mark = race.mark(as: rule, state.watch.state, at: elapsed) else { continue }
            add(mark, timestamp, elapsed, &state)
        }
    }

    /// The same of checkpoints that lie in the trial's spend, and of a trial that has completed before its checkpoint.
    func markRaces(after event: Event, _ state: inout State) {
        for (rule, race) in races {
            let mark =
                race.mark(as: rule, state.watch.state, at: event.elapsed)
                ?? race.markOfCompleted(as: rule, state.watch.state, at: event.elapsed)
            if let mark { add(mark, event.timestamp, event.elapsed, &state) }
        }
    }

    private func add(_ mark: RaceMark, _ timestamp: Timestamp, _ elapsed: Duration, _ state: inout State) {
        put(
            Event(
                timestamp: timestamp, elapsed: elapsed, source: .harness, type: RaceMark.eventType, fields: mark.fields),
            &state)
    }

    /// Writes down what a rule does beside telling and ending.
    func carryOut(_ fired: FiredPolicy, _ state: inout State) {
        func add(_ type: String, _ fields: KeyValuePairs<String, JSON?>) {
            append(
                Event(
                    timestamp: world.now(), elapsed: elapsed, source: .harness, type: type,
                    fields: JSON.record(fields).object ?? JSON.Object()), to: &state)
        }
        let policy = JSON.string(fired.reason.policy)
        switch fired.rule.action {
        case .notify, .eject: break
        case .steer:
            // The policy's own words may be an agent's.
            let words = (fired.rule.message ?? fired.reason.message).utf8.prefix(SteeredBody.longest)
            let message = String(decoding: words, as: UTF8.self)
            add("steered", ["message": .string(message), "policy": policy])
        case .hold:
            guard state.watch.state.hold == nil else { return }
            let words = fired.rule.telling(fired.reason).message
            add(
                "trial_held",
                [
                    "reason": .string("\(fired.reason.policy): \(words)"), "policy": policy,
                    "limit_s": fired.rule.limit.map { .number($0.decimalSeconds(places: 3)) },
                ])
        }
    }

    /// Does what cannot wait: the next call may come at once.
    func act(_ event: Event, _ state: borrowing State) {
        switch event.type {
        case "trial_held": state.calls?.setHeld(true)
        case "trial_released": state.calls?.setHeld(false)
        case "steered":
            guard let message = state.watch.state.messages.last else { return }
            state.calls?.tell(message)
        default: break
        }
    }
}
