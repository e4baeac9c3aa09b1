/// What an eject policy says of a trial now.
package enum Verdict: Hashable, Sendable {
    case stay
    case eject(Reason)

    package struct Reason: Hashable, Sendable {
        /// The policy that fired, by its name in the experiment file.
        package var policy: String
        /// What was measured against what bound.
        package var message: String

        package init(policy: String, message: String) {
            self.policy = policy
            self.message = message
        }
    }

    /// The reason's policy where no policy speaks, but the record that cannot be kept.
    package static let recordFailed = "record_failed"
    /// The same where the provider refuses the trial's own key again and again.
    package static let keyRefused = "key_refused"
    /// The same where the provider has no such model for it.
    package static let modelGone = "model_gone"

    package var reason: Reason? { if case .eject(let reason) = self { reason } else { nil } }
}

extension Verdict.Reason {
    /// Its wall limit was over, and its guard has ended it.
    package static func overdue(after running: Duration) -> Verdict.Reason {
        Verdict.Reason(
            policy: EjectPolicy.wall(running).name,
            message: "ran for \(running.shortText), the limit, and its guard ended it")
    }

    /// Reads the words of `eject_decided`: `POLICY: MESSAGE`.
    init(decision event: Event) {
        let text = event.fields["reason"]?.string ?? ""
        let policy = event.fields["policy"]?.string ?? text.split(separator: ":").first.map(String.init) ?? text
        let prefix = policy + ": "
        self.init(policy: policy, message: text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
    }
}
