/// Ends a field in which one permanent error comes again and again, instead of burning the night.
///
/// An error counts as long as nothing of its kind has gone well since: a model that is gone for one trial does not end
/// a field in which others get their answers. What may lie with one trial, such as a key of its own that is refused, ends
/// that trial alone: the field ends once a second trial has met it too, or where no other trial is left.
package struct Breaker: Sendable {
    /// What has to go well for earlier errors to be forgotten.
    package enum Kind: Hashable, Sendable {
        case call, key, container
    }

    /// An error that asking again does not mend.
    package struct Fault: Hashable, Sendable {
        package var kind: Kind
        /// A stable word, such as `key_refused`.
        package var cause: String
        /// What it is about, such as a model; errors about different things are different ones.
        package var subject: String
        /// In words; not a part of what makes two errors the same.
        package var message: String
        /// An agent says so, and nobody else has seen it: it counts once for each trial.
        package var isHearsay: Bool
        /// It may lie with the trial, its key or what it asks for, and then is no other trial's affair.
        package var mayBeOwn: Bool

        package init(
            _ kind: Kind, cause: String, subject: String = "", message: String, isHearsay: Bool = false,
            mayBeOwn: Bool = false
        ) {
            self.mayBeOwn = mayBeOwn
            self.kind = kind
            self.cause = cause
            self.subject = subject
            self.message = message
            self.isHearsay = isHearsay
        }
    }

    /// Why a field is ended.
    package struct Trip: Hashable, Sendable {
        package var cause: String
        package var message: String
        package var times: Int
        /// Whose error was the last.
        package var trial: String
        package var at: Timestamp

        package var reason: String { "the field was ended after the same error \(times) times: \(message)" }

        package var json: JSON {
            [
                "cause": .string(cause), "message": .string(message), "times": .int(times), "trial": .string(trial),
                "at": .string(at.iso8601),
            ]
        }
    }

    /// What an error that is one too many ends.
    package enum Answer: Hashable, Sendable {
        case field(Trip)
        /// The trial whose error it was, and no other.
        case trial(Trip)
    }

    private struct Count {
        var times = 0
        var tellers: Set<String> = []
    }

    private struct Name: Hashable {
        var kind: Kind
        var cause: String
        var subject: String
    }

    package static let limit = 10

    private var counts: [Name: Count] = [:]
    /// Errors that may lie with a trial, by the trial: they count while nothing of its own has gone well.
    private var ownErrors: [String: [Name: Int]] = [:]
    package private(set) var trip: Trip?

    package init() {}

    /// Counts an error, and says what it ends, if it is the one that is too much. A field is ended once.
    ///
    /// - Parameter isLast: no other trial goes on or is to begin.
    package mutating func fail(
        _ fault: Fault, of trial: String, isLast: Bool, at now: Timestamp
    ) -> Answer? {
        guard trip == nil else { return nil }
        let name = Name(kind: fault.kind, cause: fault.cause, subject: fault.subject)
        let isNew = counts[name, default: Count()].tellers.insert(trial).inserted
        if fault.isHearsay, !isNew { return nil }
        counts[name, default: Count()].times += 1
        if fault.mayBeOwn { ownErrors[trial, default: [:]][name, default: 0] += 1 }
        let (times, tellers) = counts[name].map { ($0.times, $0.tellers.count) } ?? (0, 0)
        func makeTrip(_ times: Int) -> Trip {
            Trip(cause: fault.cause, message: fault.message, times: times, trial: trial, at: now)
        }
        if times >= Self.limit, !fault.mayBeOwn || tellers > 1 || isLast {
            let trip = makeTrip(times)
            self.trip = trip
            return .field(trip)
        }
        guard fault.mayBeOwn, let own = ownErrors[trial]?[name], own == Self.limit else { return nil }
        return .trial(makeTrip(own))
    }

    package mutating func succeed(_ kind: Kind, of trial: String) {
        counts = counts.filter { $0.key.kind != kind }
        if kind == .call { ownErrors[trial] = nil }
    }
}

extension Breaker {
    /// What an event of a trial says to the breaker.
    package enum News: Hashable, Sendable {
        case fault(Fault)
        case success(Kind)

        /// - Parameters:
        ///   - isMetered: the trial's calls are seen by the gateway, so that its agent need not be believed.
        ///   - model: the trial's own.
        ///   - hasOwnKey: the provider knows the trial by a key of its own; else all trials of an upstream share one.
        package init?(_ event: Event, isMetered: Bool, model: String, hasOwnKey: Bool) {
            switch (event.source, event.type) {
            case (.gateway, "call_settled"):
                guard event.fields["status"]?.int ?? 200 < 400, event.fields["failure_status"] == nil else {
                    return nil
                }
                self = .success(.call)
            case (.gateway, "call_failed"):
                guard event.fields["sent_again"]?.bool != true, let status = event.fields["status"]?.int,
                    let cause = ProviderRefusal.permanentCauses[status]
                else { return nil }
                // Each upstream has its own key and its own models.
                let subject = [event.fields["upstream"]?.string, status == 404 ? event.fields["model"]?.string : nil]
                self = .fault(
                    Fault(
                        .call, cause: cause, subject: subject.map { $0 ?? "" }.joined(separator: " "),
                        message: event.fields["reason"]?.string ?? "the provider answered \(status)",
                        // A model may be gone only for who rules out all that serve it.
                        mayBeOwn: status == 401 && hasOwnKey || status == 404))
            case (.agent, "message_end") where !isMetered && event.fields["usage"] != nil: self = .success(.call)
            case (.agent, "error") where !isMetered:
                // 402 is the trial's own budget, as far as an agent can know.
                guard let status = event.fields["code"]?.int, [401, 404].contains(status),
                    let cause = ProviderRefusal.permanentCauses[status]
                else { return nil }
                self = .fault(
                    Fault(
                        .call, cause: cause, subject: status == 404 ? model : "",
                        message: event.fields["message"]?.string ?? "the provider answered \(status)",
                        isHearsay: true))
            case (.harness, "subkey_created"): self = .success(.key)
            case (.harness, "container_started"): self = .success(.container)
            case (.harness, "trial_finished"):
                guard let outcome = event.fields["outcome"]?.string.flatMap(Outcome.init(rawValue:)),
                    let cause = event.fields["cause"]?.string
                else { return nil }
                let reason = event.fields["reason"]?.string ?? outcome.rawValue
                let kind: Kind
                switch outcome {
                case .provisioningFailed: kind = .key
                case .imageFailed, .dockerFailed: kind = .container
                default: return nil
                }
                guard Breaker.lastingCauses[kind]?.contains(cause) == true else { return nil }
                self = .fault(Fault(kind, cause: cause, message: reason))
            default: return nil
            }
        }
    }

    /// Why trials end that the next trial would end by as well. An outage, of the management API or of the engine, is
    /// none of them: it passes, and may have met many trials at once.
    package static let lastingCauses: [Kind: Set<String>] = [
        .key: ["balance_exhausted", "forbidden", "journal", "key_refused", "not_found", "rejected"],
        .container: [
            "address_pool_exhausted", "disk_full", "docker", "docker_not_installed", "image_missing",
            "image_unusable", "mount", "no_such_object", "permission_denied",
        ],
    ]
}
