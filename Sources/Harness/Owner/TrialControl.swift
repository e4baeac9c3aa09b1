import PreflightCore
import Synchronization

/// A trial as its owner reaches it from outside, from its plan to its end.
final class TrialControl: Sendable {
    /// What a change of a running trial's budget works on.
    struct Reach: Sendable {
        var runner: TrialRunner
        /// Nil for a trial that has none at OpenRouter.
        var key: ProvisionedKey?
        /// The trial's scope in the gateway's ledger; nil where OpenRouter alone holds the budget.
        var scope: BudgetDoor?
        /// Ends the key that its container shows the gateway.
        var revoke: (@Sendable () -> Void)?
    }

    private struct State {
        var recorder: TrialRecorder?
        var reach: Reach?
        var verdict: Verdict.Reason?
        /// Orders that came before the trial had a log.
        var untold: [OwnerRequest] = []
        /// What rules over the field said of it by then.
        var unfired: [(rule: PolicyRule, index: Int, reason: Verdict.Reason, evidence: JSON)] = []
        var isOver = false
        var isChanging = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Its part of the run's envelope.
        var held: USD
    }

    let plan: TrialPlan
    /// Rises with the run's, and by itself.
    let stop: StopSignal
    /// Rises with that, and when the trial is ejected before it has begun: it gives up its place in the queue.
    let withdrawal: StopSignal
    private let state: Mutex<State>

    init(plan: TrialPlan, stop: StopSignal) {
        self.plan = plan
        self.stop = stop
        withdrawal = stop.makeChild()
        state = Mutex(State(held: plan.budget))
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    var hasBegun: Bool { state.withLock { $0.recorder != nil } }
    var outcome: Outcome? { state.withLock { $0.recorder }?.trialState.outcome }
    var held: USD { state.withLock { $0.held } }
    func setHeld(_ amount: USD) { state.withLock { $0.held = amount } }

    /// Why it is not to go on, where it has not got as far as to be stopped; nil where it is.
    var earlyEnd: (outcome: Outcome, reason: String)? {
        if let verdict = state.withLock({ $0.verdict }) { return (.ejected, "\(verdict.policy): \(verdict.message)") }
        return stop.urgency > .none ? (.cancelled, stop.cause ?? EndRule.byOwner) : nil
    }
}

// MARK: Its life

extension TrialControl {
    /// It has a log now.
    func begin(_ recorder: TrialRecorder) {
        let verdict = state.withLock { state in
            state.recorder = recorder
            return state.verdict
        }
        // Of a trial that runs already nobody asks for an early end.
        if let verdict { _ = recorder.eject(verdict) }
    }

    /// Writes down what was asked of it before it began, and carries out what rules over the field said.
    func tellEarlyRequests() {
        let (recorder, untold, unfired) = state.withLock { state in
            defer {
                state.untold = []
                state.unfired = []
            }
            return (state.recorder, state.untold, state.unfired)
        }
        for request in untold { recorder?.record("owner_request", request.fields) }
        for one in unfired { _ = recorder?.fire(one.rule, index: one.index, one.reason, one.evidence) }
    }

    /// From now on its budget can be changed.
    func open(_ reach: Reach) { state.withLock { $0.reach = reach } }

    /// Ends the key that its container shows the gateway; false where there is none.
    func revoke() -> Bool {
        guard let revoke = state.withLock({ $0.reach?.revoke }) else { return false }
        revoke()
        return true
    }

    /// No change begins any more. Returns once the one under way has ended, so that the trial's log ends with its end.
    func close() async {
        await withCheckedContinuation { continuation in
            let isChanging = state.withLock { state in
                state.reach = nil
                state.isOver = true
                if state.isChanging { state.waiting.append(continuation) }
                return state.isChanging
            }
            if !isChanging { continuation.resume() }
        }
    }
}

// MARK: Orders

extension TrialControl {
    /// Puts an order into the trial's log, or keeps it until there is one.
    func note(_ request: OwnerRequest) {
        let recorder = state.withLock { state in
            if state.recorder == nil { state.untold.append(request) }
            return state.recorder
        }
        recorder?.record("owner_request", request.fields)
    }

    /// It runs behind the gateway, where calls can wait.
    var canHold: Bool { state.withLock { $0.reach?.scope != nil } }

    var isEnding: Bool { stop.urgency > .none || state.withLock { $0.recorder }?.trialState.decided != nil }

    /// False where its calls wait already, or it does not run.
    func hold(reason: String, by request: OwnerRequest) -> Bool {
        state.withLock { $0.recorder }?.hold(
            reason: reason, ["who": .string(request.who), "request": .number(String(request.id))]) ?? false
    }

    /// False where they do not wait.
    func release(_ request: OwnerRequest) -> Bool {
        state.withLock { $0.recorder }?.release([
            "who": .string(request.who), "request": .number(String(request.id)), "how": .string(request.order.name),
        ]) ?? false
    }

    /// Carries out what a rule over the field says of the trial. One that has not begun can only be ended.
    func fire(_ rule: PolicyRule, index: Int, _ reason: Verdict.Reason, _ evidence: JSON) {
        guard let recorder = state.withLock({ $0.recorder }), !isOver else {
            if rule.action == .eject {
                _ = eject(rule.telling(rule.named(reason)))
            } else {
                state.withLock { $0.unfired.append((rule, index, reason, evidence)) }
            }
            return
        }
        guard recorder.fire(rule, index: index, reason, evidence), stop.urgency == .none else { return }
        // What it has not got yet, a key or a container, is made no more.
        state.withLock { $0.verdict = $0.verdict ?? rule.telling(rule.named(reason)) }
    }

    func steer(_ message: String, by request: OwnerRequest) {
        // A process that died may have done it and not said so.
        let isDone = state.withLock { $0.recorder }?.trialState.messages.contains { $0.request == String(request.id) }
        guard isDone != true else { return }
        record(
            "steered",
            [
                "message": .string(message), "who": .string(request.who), "request": .number(String(request.id)),
            ])
    }

    func record(_ type: String, _ fields: KeyValuePairs<String, JSON?>) {
        state.withLock { $0.recorder }?.record(type, fields)
    }

    /// False when it is over, or being stopped already.
    func eject(_ reason: Verdict.Reason) -> Bool {
        guard stop.urgency == .none else { return false }
        let (isTaken, recorder) = state.withLock { state -> (Bool, TrialRecorder?) in
            guard !state.isOver, state.verdict == nil else { return (false, nil) }
            if state.recorder == nil { state.verdict = reason }
            return (true, state.recorder)
        }
        guard isTaken else { return false }
        guard let recorder else {
            withdrawal.raise(to: .graceful)
            return true
        }
        guard recorder.eject(reason) else { return false }
        state.withLock { $0.verdict = reason }
        return true
    }

    enum Change: Sendable {
        case begun(Reach)
        case waitsForItsTurn
        /// Its key is being made, or another change is under way.
        case notYet
        case over
    }

    /// Asks for the sole right to change its budget; who gets it calls `endChange`.
    func beginChange() -> Change {
        state.withLock { state in
            if state.isOver { return .over }
            guard state.recorder != nil else { return .waitsForItsTurn }
            guard let reach = state.reach, !state.isChanging else { return .notYet }
            state.isChanging = true
            return .begun(reach)
        }
    }

    func endChange() {
        let waiting = state.withLock { state in
            state.isChanging = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
