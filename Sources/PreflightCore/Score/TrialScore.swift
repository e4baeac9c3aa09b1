/// What a scorer made of a trial's output.
///
/// A score is no money: it is a floating-point number, always finite, and the higher the better.
package struct TrialScore: Hashable, Sendable {
    /// Nil where scoring failed.
    package var value: Double?
    /// What else the scorer measured, by name.
    package var metrics: [String: Double]
    /// Why there is no score; nil where there is one.
    package var error: String?
    /// A hash of what scored: two scores can be compared where it is the same.
    package var scorer: String
    package var at: Timestamp

    package init(
        value: Double?, metrics: [String: Double] = [:], error: String? = nil, scorer: String, at: Timestamp
    ) {
        self.value = value
        self.metrics = metrics
        self.error = error
        self.scorer = scorer
        self.at = at
    }
}

extension TrialScore {
    package var json: JSON {
        .record([
            "value": value.map(JSON.real),
            "metrics": metrics.isEmpty ? nil : .reals(metrics),
            "error": error.map(JSON.string),
            "scorer": .string(scorer),
            "at": .string(at.iso8601),
        ])
    }

    /// Nil where it says neither who scored nor when, or neither a score nor why there is none.
    package init?(json: JSON) {
        guard let scorer = json["scorer"]?.string,
            let at = json["at"]?.string.flatMap(Timestamp.init(iso8601:))
        else { return nil }
        self.init(
            value: json["value"]?.real, metrics: json["metrics"]?.reals ?? [:], error: json["error"]?.string,
            scorer: scorer, at: at)
        guard value != nil || error != nil else { return nil }
    }
}

// MARK: Numbers that are no money

extension JSON {
    /// A number as a binary fraction; nil when it is none, or too large for one.
    package var real: Double? {
        numberText.flatMap(Double.init).flatMap { $0.isFinite ? $0 : nil }
    }

    /// The members of an object that are such numbers.
    package var reals: [String: Double]? {
        object.map { object in
            Dictionary(object.members.compactMap { member in member.value.real.map { (member.key, $0) } }) { $1 }
        }
    }

    /// - Parameter value: finite; JSON has no word for others, and `null` stands for them.
    package static func real(_ value: Double) -> JSON {
        guard value.isFinite else { return .null }
        let text = "\(value)"
        return .number(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    /// In the order of their names.
    package static func reals(_ values: [String: Double]) -> JSON {
        .object(Object(values.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .real($0.value)) }))
    }
}
