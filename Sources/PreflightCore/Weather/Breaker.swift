/// Ends a field in which one permanent error comes again and again, instead of burning the night.
///
/// An error counts as long as nothing of its kind has gone well since: a model that is gone for one trial does not end
/// a field in which others get their answers.
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

        package init(_ kind: Kind, cause: String, subject: String = "", message: String, isHearsay: Bool = false) {
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
    package private(set) var trip: Trip?

    package init() {}

    /// Counts an error; the trip, if it is the one that is too much. Trips once.
    package mutating func fail(_ fault: Fault, of trial: String, at now: Timestamp) -> Trip? {
        guard trip == nil else { return nil }
        let name = Name(kind: fault.kind, cause: fault.cause, subject: fault.subject)
        if fault.isHearsay, !counts[name, default: Count()].tellers.insert(trial).inserted { return nil }
        counts[name, default: Count()].times += 1
        guard let times = counts[name]?.times, times >= Self.limit else { return nil }
        trip = Trip(cause: fault.cause, message: fault.message, times: times, trial: trial, at: now)
        return trip
    }

    package mutating func succeed(_ kind: Kind) {
        counts = counts.filter { $0.key.kind != kind }
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
        package init?(_ event: Event, isMetered: Bool, model: String) {
            switch (event.source, event.type) {
            case (.gateway, "call_settled"):
                guard event.fields["status"]?.int ?? 200 < 400 else { return nil }
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
                        message: event.fields["reason"]?.string ?? "the provider answered \(status)"))
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
                switch outcome {
                case .provisioningFailed: self = .fault(Fault(.key, cause: cause, message: reason))
                case .imageFailed, .dockerFailed: self = .fault(Fault(.container, cause: cause, message: reason))
                default: return nil
                }
            default: return nil
            }
        }
    }
}
