/// A policy, and what is done when it fires: one entry of an experiment's `eject`.
package struct PolicyRule: Hashable, Sendable {
    package var policy: EjectPolicy
    package var action: PolicyAction
    /// What the agent, or whoever is told, is told; nil for the policy's own words.
    package var message: String?
    package var hook: PolicyHook?
    /// As its owner calls it; nil where the policy's key does.
    package var label: String?

    package init(
        _ policy: EjectPolicy, _ action: PolicyAction = .eject, message: String? = nil, hook: PolicyHook? = nil,
        label: String? = nil
    ) {
        self.policy = policy
        self.action = action
        self.message = message
        self.hook = hook
        self.label = label
    }

    package var name: String { label ?? policy.name }

    /// The verdict's words under the rule's name. An exhausted budget keeps its own: it is an outcome too.
    func named(_ reason: Verdict.Reason) -> Verdict.Reason {
        guard let label, reason.policy != EjectPolicy.budgetExceeded.name else { return reason }
        return Verdict.Reason(policy: label, message: reason.message)
    }
}

/// What is done when a policy fires, mildest first.
package enum PolicyAction: String, Hashable, Sendable, CaseIterable {
    /// Its owner is told.
    case notify
    /// The agent is told.
    case steer
    /// Calls wait until the owner extends the trial or ends it.
    case hold
    /// The trial ends.
    case eject
}

/// Who else is told when a policy fires.
package enum PolicyHook: Hashable, Sendable {
    /// A program that gets the event as JSON on its standard input.
    case command([String])
    /// An address that the event is posted to as JSON.
    case web(url: String)
}

/// A policy that has fired.
package struct FiredPolicy: Hashable, Sendable {
    /// Which rule of the watch it was.
    package var index: Int
    package var rule: PolicyRule
    /// The policy's name and what was measured.
    package var reason: Verdict.Reason
    /// When it was judged, since the trial began: the time of the event that caused it, or of a tick.
    package var at: Duration
    /// The trial's figures at that time.
    package var evidence: JSON

    /// The event that tells of it.
    package static let eventType = "policy_fired"

    package var fields: JSON.Object {
        JSON.record([
            "policy": .string(reason.policy), "action": .string(rule.action.rawValue),
            "message": .string(reason.message), "at_s": .number(at.decimalSeconds(places: 6)),
            "evidence": evidence,
        ]).object ?? JSON.Object()
    }
}
