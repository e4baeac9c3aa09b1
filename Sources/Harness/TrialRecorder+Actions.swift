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
        return add("trial_released", Self.members(fields)) { $0.hold != nil } more: { state in
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
            guard holds(state.trial) else { return false }
            let event = Event(
                timestamp: world.now(), elapsed: elapsed, source: .harness, type: type,
                fields: JSON.Object(members + more(state.trial)))
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
            calls.setHeld(state.trial.hold != nil)
            for message in state.trial.messages where state.trial.undelivered.contains(message.number) {
                calls.tell(message)
            }
        }
    }

    /// Does what cannot wait: the next call may come at once.
    func act(_ event: Event, _ state: borrowing State) {
        switch event.type {
        case "trial_held": state.calls?.setHeld(true)
        case "trial_released": state.calls?.setHeld(false)
        case "steered":
            guard let message = state.trial.messages.last else { return }
            state.calls?.tell(message)
        default: break
        }
    }
}
