/// Scores in a trial's log.
extension TrialScore {
    package static let scoredEvent = "scored"
    package static let failedEvent = "score_failed"

    package var eventType: String { value == nil ? Self.failedEvent : Self.scoredEvent }

    /// - Parameter took: how long the scorer ran; nil where it did not.
    package func fields(took: Duration?) -> KeyValuePairs<String, JSON?> {
        [
            "score": value.map(JSON.real), "metrics": metrics.isEmpty ? nil : .reals(metrics),
            "error": error.map(JSON.string), "scorer": .string(scorer),
            "took_s": took.map { .number($0.decimalSeconds(places: 3)) },
        ]
    }

    /// - Parameter event: of one of the two types.
    init(event: Event) {
        let fields = event.fields
        let value = event.type == Self.scoredEvent ? fields["score"]?.real : nil
        self.init(
            value: value, metrics: fields["metrics"]?.reals ?? [:],
            error: value == nil ? fields["error"]?.string ?? "the log has no score" : nil,
            scorer: fields["scorer"]?.string ?? "", at: event.timestamp)
    }

    /// In a word for tables: the number, or `failed`.
    package var text: String { value.map(Self.text) ?? "failed" }

    /// With four digits behind the point at most.
    package static func text(_ value: Double) -> String {
        guard abs(value) < 1e12 else { return JSON.real(value).text }
        let tenThousandths = (value * 10_000).rounded()
        guard tenThousandths != 0 || value == 0 else { return "\(value)" }
        let digits = String(Int(abs(tenThousandths)))
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        var fraction = padded.suffix(4)
        while fraction.last == "0" { fraction.removeLast() }
        return (tenThousandths < 0 ? "-" : "") + padded.dropLast(4) + (fraction.isEmpty ? "" : "." + fraction)
    }
}
