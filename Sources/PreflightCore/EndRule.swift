/// Decides how a trial ended, from what was seen at its end.
package struct EndRule: Sendable {
    /// Why Preflight itself stopped the trial.
    package enum Stop: Hashable, Sendable {
        case ejected(Verdict.Reason)
        case cancelled
    }

    package var stop: Stop?
    package var exitCode: Int
    package var isOutOfMemory: Bool
    package var state: TrialState
    package var lastStderr: [String]
    /// Why it was stopped, where no policy did.
    package var cancelReason: String
    /// The account, and not the trial's key, cannot pay; nil where nobody can say.
    package var isAccountEmpty: Bool?

    package static let byOwner = "stopped by its owner"
    /// The cause of what is stopped because its field is ended.
    package static let fieldEnded = "field_ended"

    private static let causes: Set<String> = [Verdict.recordFailed, Verdict.keyRefused, Verdict.modelGone]
    /// Names of verdicts that are outcomes of their own: nobody's rule may be called so.
    static let meaningfulNames = causes.union([EjectPolicy.budgetExceeded.name])

    static func complaint(ofName name: String) -> String {
        "'\(name)' says how a trial ended, and cannot be a policy's own name"
    }

    package init(
        stop: Stop?, exitCode: Int, isOutOfMemory: Bool = false, state: TrialState, lastStderr: [String] = []
    ) {
        self.stop = stop
        self.exitCode = exitCode
        self.isOutOfMemory = isOutOfMemory
        self.state = state
        self.lastStderr = lastStderr
        cancelReason = state.stopReason ?? Self.byOwner
    }

    /// What the provider said last, if that is why the agent gave up.
    private var refusal: ProviderRefusal? {
        guard stop == nil, exitCode != 0, state.budgetRefusalsInARow == 0, let refusal = state.providerRefusal else {
            return nil
        }
        return refusal.status == 402 && isAccountEmpty == false ? nil : refusal
    }

    /// The same of a trial that was stopped, by the reason that was written down.
    package static func cause(ofCancelled reason: String) -> String? { reason == byOwner ? nil : fieldEnded }

    /// A stable word for what stands behind the end; nil where the outcome says it all.
    package var cause: String? {
        if stop == .cancelled { return Self.cause(ofCancelled: cancelReason) }
        if case .ejected(let reason) = stop, Self.causes.contains(reason.policy) { return reason.policy }
        if exitCode != 0, isOutOfMemory, stop == nil { return "out_of_memory" }
        return refusal?.cause
    }

    package var end: (outcome: Outcome, reason: String) {
        switch stop {
        case .ejected(let reason) where reason.policy == EjectPolicy.budgetExceeded.name:
            return (.budgetExhausted, reason.message)
        case .ejected(let reason) where reason.policy == Verdict.recordFailed:
            return (.harnessFailed, "its record cannot be written: \(reason.message)")
        case .ejected(let reason) where reason.policy == Verdict.keyRefused:
            return (.providerFailed, "the provider does not accept the trial's key any more, \(reason.message)")
        case .ejected(let reason) where reason.policy == Verdict.modelGone:
            return (.providerFailed, "the provider has no such model for the trial, \(reason.message)")
        case .ejected(let reason): return (.ejected, "\(reason.policy): \(reason.message)")
        case .cancelled: return (.cancelled, cancelReason)
        case nil: break
        }
        if exitCode == 0 { return (.completed, "exit code 0") }
        if let refusal, !isOutOfMemory { return (.providerFailed, refusal.sentence) }
        if isOutOfMemory { return (.agentFailed, "out of memory, exit code \(exitCode); raise limits.memory") }
        if state.budgetRefusalsInARow > 0 || state.providerRefusal?.status == 402
            || state.budget.map({ state.spend >= $0 }) ?? false
        {
            let last = state.lastError.map { ": \($0.prefix(160))" } ?? ""
            return (.budgetExhausted, "the agent gave up, exit code \(exitCode)\(last)")
        }
        let signal = exitCode > 128 && exitCode < 160 ? " (signal \(exitCode - 128))" : ""
        let words = state.lastError ?? lastStderr.last
        return (.agentFailed, "exit code \(exitCode)\(signal)\(words.map { ": \($0.prefix(200))" } ?? "")")
    }
}
