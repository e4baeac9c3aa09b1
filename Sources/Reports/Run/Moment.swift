package import PreflightCore

/// Something that a reader of a trial's account wants to know of: a decision, an order, a fault and its end.
package struct Moment: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// A policy fired; its `evidence` says by what.
        case verdict
        case owner
        case trouble
        case relief
        case change
    }

    package var kind: Kind
    /// Since the trial began.
    package var at: Duration
    /// The event's type.
    package var type: String
    package var text: String
    /// What the trial had spent then.
    package var spend: USD
    /// What a verdict was made of, as its event has it.
    package var evidence: JSON?

    /// Nil for events that are none.
    init?(_ event: Event, spend: USD) {
        guard event.source != .agent, let (kind, text) = Self.reading(event) else { return nil }
        self.kind = kind
        at = event.elapsed
        type = event.type
        self.text = PlainText.cut(PlainText.oneLine(text), to: 400)
        self.spend = spend
        evidence = event.fields["evidence"]
    }

    private static func reading(_ event: Event) -> (Kind, String)? {
        func field(_ key: String) -> String? { event.fields[key]?.string }
        let reason = field("reason") ?? field("error") ?? ""
        switch event.type {
        case "policy_fired":
            let action = field("action") ?? "eject"
            return (.verdict, "\(field("policy") ?? "policy"), \(action): \(field("message") ?? reason)")
        case "eject_decided": return (.verdict, "eject: \(reason)")
        case "stop_decided": return (.owner, "stop: \(reason)")
        case "owner_request":
            return (.owner, "\(field("who") ?? "its owner") asked for: \(field("order") ?? "?")")
        case "budget_extended":
            let budget = event.fields["budget"]?.usd().map { "\($0)" } ?? "?"
            return (.owner, "budget is \(budget) now, by \(field("who") ?? "its owner")")
        case "trial_resumed": return (.relief, "another process went on with it (\(field("how") ?? "?"))")
        case "engine_lost": return (.trouble, "the Docker engine went away: \(reason)")
        case "engine_back": return (.relief, "the Docker engine answers again")
        case "calls_paused": return (.trouble, "calls wait: \(reason)")
        case "calls_resumed": return (.relief, "calls go on (\(field("end") ?? "?"))")
        case "prices_changed": return (.change, "the price of \(field("model") ?? "its model") changed")
        case "output_gap": return (.trouble, "some of its output is not here")
        case "lines_not_kept":
            return (.trouble, "\(event.fields["lines"]?.int ?? 0) lines of its output were not kept")
        case TrialScore.failedEvent:
            return (.trouble, reason.hasPrefix("not scored") ? reason : "not scored: \(reason)")
        case "container_not_stopped", "container_not_removed", "subkey_not_deleted", "network_not_removed",
            "budget_poll_failed", "policy_failed":
            return (.trouble, "\(event.type.split(separator: "_").joined(separator: " ")): \(reason)")
        default: return nil
        }
    }
}
