/// A policy, and what is done when it fires: one entry of an experiment's `eject`.
package struct PolicyRule: Hashable, Sendable {
    package var policy: EjectPolicy
    package var action: PolicyAction
    /// What the agent is told instead of the policy's own words, and whoever else is told beside them.
    package var message: String?
    package var hook: PolicyHook?
    /// As its owner calls it; nil where the policy's key does.
    package var label: String?
    /// How long a hold may last before it ejects; nil for as long as it likes.
    package var limit: Duration?

    package init(
        _ policy: EjectPolicy, _ action: PolicyAction = .eject, message: String? = nil, hook: PolicyHook? = nil,
        label: String? = nil, limit: Duration? = nil
    ) {
        self.policy = policy
        self.action = action
        self.message = message
        self.hook = hook
        self.label = label
        self.limit = limit
    }

    package var name: String { label ?? policy.name }

    /// The verdict's words under the rule's name. An exhausted budget keeps its own: it is an outcome too.
    package func named(_ reason: Verdict.Reason) -> Verdict.Reason {
        guard let label, reason.policy != EjectPolicy.budgetExceeded.name else { return reason }
        return Verdict.Reason(policy: label, message: reason.message)
    }

    /// The verdict as its owner reads it, once `named`: what the rule says, and the policy's own words beside it.
    package func telling(_ reason: Verdict.Reason) -> Verdict.Reason {
        Verdict.Reason(
            policy: reason.policy, message: FiredPolicy.words(reason.message, told: message, action.rawValue))
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
    /// What the trial had spent then.
    package var spend: USD
    /// The trial's figures at that time.
    package var evidence: JSON

    package init(index: Int, rule: PolicyRule, reason: Verdict.Reason, at: Duration, spend: USD, evidence: JSON) {
        self.index = index
        self.rule = rule
        self.reason = reason
        self.at = at
        self.spend = spend
        self.evidence = evidence
    }

    /// The event that tells of it.
    package static let eventType = "policy_fired"

    /// What its owner is told of such an event.
    package static func words(of event: Event) -> String {
        words(
            event.fields["message"]?.string ?? "", told: event.fields["told"]?.string,
            event.fields["action"]?.string ?? PolicyAction.eject.rawValue)
    }

    /// The rule's message before the policy's own words, on one line. That of a `steer` is the agent's.
    fileprivate static func words(_ own: String, told: String?, _ action: String) -> String {
        guard let told, action != PolicyAction.steer.rawValue else { return own }
        let line = told.split(whereSeparator: \.isNewline).joined(separator: " ")
        guard !line.isEmpty else { return own }
        let shown = line.count > longestTold ? String(line.prefix(longestTold)) + "…" : line
        return "\(shown) (\(own))"
    }

    /// A reason is a line. The whole message is in the event.
    private static let longestTold = 200

    package var fields: JSON.Object {
        JSON.record([
            "policy": .string(reason.policy), "action": .string(rule.action.rawValue),
            "message": .string(reason.message), "told": rule.message.map(JSON.string), "rule": .int(index),
            "hook": rule.hook == nil ? nil : true,
            "at_s": .number(at.decimalSeconds(places: 6)),
            "evidence": evidence,
        ]).object ?? JSON.Object()
    }
}
