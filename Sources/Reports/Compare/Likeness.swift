/// Whether trials were run alike: what was the same for all of them, what was not, and what nobody wrote down.
package struct Likeness: Hashable, Sendable {
    /// Something that was not the same everywhere.
    package struct Difference: Hashable, Sendable {
        package var what: String
        /// Each value with the runs or trials that had it; a value of nil is not on record.
        package var values: [Value]

        package struct Value: Hashable, Sendable {
            package var text: String?
            package var places: [String]
        }

        /// `limits.wall: 60s (run-1), 90s (run-2)`.
        package var text: String {
            "\(what): "
                + values.map { value in
                    let more = value.places.count > 4 ? " and \(value.places.count - 4) more" : ""
                    return "\(PlainText.cut(PlainText.oneLine(value.text ?? "unknown"), to: 120)) "
                        + "(\(value.places.prefix(4).joined(separator: ", "))\(more))"
                }.joined(separator: ", ")
        }
    }

    /// What makes a ranking unfair.
    package private(set) var differences: [Difference] = []
    /// What is only to be known.
    package var notes: [String] = []

    package init() {}

    package var isAlike: Bool { differences.isEmpty }

    /// A few words for what differs: `budget, limits.wall`.
    package var subjects: String {
        differences.map(\.what).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            .joined(separator: ", ")
    }

    /// Compares a thing over all places. What is on no record is no likeness.
    package mutating func compare(_ what: String, _ values: [(text: String?, place: String)]) {
        if let difference = Self.difference(what, values) { differences.append(difference) }
    }

    /// The same, where a difference makes no other experiment.
    package mutating func note(_ what: String, _ values: [(text: String?, place: String)]) {
        if let difference = Self.difference(what, values) { notes.append(difference.text) }
    }

    /// Something that should not be there at all.
    package mutating func object(_ what: String, _ text: String, at places: [String]) {
        differences.append(Difference(what: what, values: [.init(text: text, places: places)]))
    }

    private static func difference(_ what: String, _ values: [(text: String?, place: String)]) -> Difference? {
        var found: [Difference.Value] = []
        for (text, place) in values {
            if let index = found.firstIndex(where: { $0.text == text }) {
                if !found[index].places.contains(place) { found[index].places.append(place) }
            } else {
                found.append(.init(text: text, places: [place]))
            }
        }
        return found.count > 1 || found.contains { $0.text == nil } ? Difference(what: what, values: found) : nil
    }
}
