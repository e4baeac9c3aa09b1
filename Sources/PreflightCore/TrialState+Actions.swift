/// What policies and the owner have done to a trial short of ending it.
extension TrialState {
    /// The trial's calls wait for its owner.
    package struct Hold: Hashable, Sendable {
        package var reason: String
        /// The policy that asked for it; nil where the owner did.
        package var policy: String?
        /// Since the trial began.
        package var since: Duration
        /// How long it may last before the trial is ejected; nil for as long as it likes.
        package var limit: Duration?

        package init(reason: String, policy: String? = nil, since: Duration, limit: Duration? = nil) {
            self.reason = reason
            self.policy = policy
            self.since = since
            self.limit = limit
        }
    }

    /// A message for the agent.
    package struct Steer: Hashable, Sendable {
        /// Counts up in the trial, from 1.
        package var number: Int
        package var text: String
        package var at: Timestamp
        /// The owner's order that it came by; nil where a policy sent it.
        package var request: String?

        package init(number: Int, text: String, at: Timestamp) {
            self.number = number
            self.text = text
            self.at = at
        }

        /// As a model is told it: no word of its task, nor of its tools.
        package var textForModel: String { "[Message from the owner of this run] \(text)" }
    }

    /// A policy that has fired and whose hook has not ended.
    package struct OwedHook: Hashable, Sendable {
        /// Which of the trial's firings, from 1.
        package var firing: Int
        /// The event that told of it.
        package var event: Event
    }

    /// What says that a hold has lasted too long.
    package func holdVerdict(at elapsed: Duration) -> Verdict {
        guard let hold, let limit = hold.limit, elapsed - hold.since >= limit else { return .stay }
        return .eject(
            .init(
                policy: EjectPolicy.heldTooLong.name,
                message: "held for \(limit.shortText) and not released: \(hold.reason)"))
    }

    static let messagesKept = 20
    static let warningsKept = 20
    /// Firings of a trial after which its hooks are called no more.
    package static let mostHooks = 100

    mutating func applyAction(_ event: Event) {
        let fields = event.fields
        switch event.type {
        case "policy_fired": noteFiring(event)
        case "trial_held":
            hold = Hold(
                reason: fields["reason"]?.string ?? "held", policy: fields["policy"]?.string, since: event.elapsed,
                limit: fields["limit_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)))
        case "trial_released": endHold(at: event.elapsed)
        case "steered":
            steers += 1
            var message = Steer(number: steers, text: fields["message"]?.string ?? "", at: event.timestamp)
            message.request = fields["request"]?.numberText
            messages = (messages + [message]).suffix(Self.messagesKept)
            if isMetered { undelivered = (undelivered + [message.number]).suffix(Self.messagesKept) }
        case "hook_done", "hook_failed":
            let firing = fields["firing"]?.int
            owedHooks.removeAll { $0.firing == firing }
            if event.type == "hook_failed" {
                warn("hook of \(fields["policy"]?.string ?? "?") failed: \(fields["error"]?.string ?? "")")
            }
        case "race_checkpoint":
            guard let rule = fields["rule"]?.int else { return }
            raceMarks["\(rule)"] = fields["measure"]?.numberText ?? ""
        case TrialScore.scoredEvent, TrialScore.failedEvent: score = TrialScore(event: event)
        default: break
        }
    }

    private mutating func noteFiring(_ event: Event) {
        firings += 1
        let policy = event.fields["policy"]?.string ?? "?"
        let action = event.fields["action"]?.string ?? PolicyAction.eject.rawValue
        if let rule = event.fields["rule"]?.int { firedRules.insert(rule) }
        if action == PolicyAction.eject.rawValue {
            // Decided already: a process that dies before it says so has said it.
            decided = decided ?? .ejected(.init(policy: policy, message: FiredPolicy.words(of: event)))
        } else {
            warn("\(policy) (\(action)): \(FiredPolicy.words(of: event))")
        }
        guard event.fields["hook"]?.bool == true, firings <= Self.mostHooks else { return }
        owedHooks.append(OwedHook(firing: firings, event: event))
    }

    private mutating func warn(_ text: String) {
        warnings = (warnings + [String(text.prefix(500))]).suffix(Self.warningsKept)
    }

    mutating func endHold(at elapsed: Duration) {
        guard let hold else { return }
        heldFor += max(.zero, elapsed - hold.since)
        self.hold = nil
        // The silence of a trial whose calls waited is not its own.
        lastActivity = elapsed
    }

    /// A call has taken messages to its model, or was refused for them.
    mutating func noteDelivery(_ event: Event) {
        guard !undelivered.isEmpty else { return }
        for key in ["steered", "unsteered"] {
            for number in event.fields[key]?.array ?? [] { undelivered.removeAll { $0 == number.int } }
        }
    }
}
