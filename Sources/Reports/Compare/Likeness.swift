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
            let common = Self.commonLength(values.compactMap(\.text))
            return "\(what): "
                + values.map { value in
                    let more = value.places.count > 4 ? " and \(value.places.count - 4) more" : ""
                    return "\(Self.words(value.text ?? "unknown", alike: value.text == nil ? 0 : common)) "
                        + "(\(value.places.prefix(4).joined(separator: ", "))\(more))"
                }.joined(separator: ", ")
        }

        private static let longest = 120

        /// Of long texts the part from where they differ.
        private static func words(_ text: String, alike: Int) -> String {
            let line = PlainText.oneLine(text)
            guard line.count > longest, alike > longest / 2 else { return PlainText.cut(line, to: longest) }
            return "…" + PlainText.cut(String(line.dropFirst(alike - 20)), to: longest - 1)
        }

        private static func commonLength(_ texts: [String]) -> Int {
            guard texts.count > 1, var common = texts.first else { return 0 }
            for text in texts { common = String(zip(common, text).prefix { $0 == $1 }.map(\.0)) }
            return common.count
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
