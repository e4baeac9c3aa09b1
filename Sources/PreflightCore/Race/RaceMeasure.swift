/// What trials of a race are compared by: more is better.
package struct RaceMeasure: Hashable, Sendable {
    /// As it was written.
    package let text: String
    private let variable: Question.Figure?
    private let field: String?
    private let isNegative: Bool

    package static let snapshots = RaceMeasure(text: "snapshots", variable: .snapshots)

    private init(text: String, variable: Question.Figure?, field: String? = nil, isNegative: Bool = false) {
        self.text = text
        self.variable = variable
        self.field = field
        self.isNegative = isNegative
    }

    package init(parsing text: String) throws(PreflightError) {
        let isNegative = text.hasPrefix("-")
        let name = String(isNegative ? text.dropFirst() : text[...])
        if name.hasPrefix("context.") {
            self.init(text: text, variable: nil, field: String(name.dropFirst(8)), isNegative: isNegative)
        } else if let variable = Question.Figure(rawValue: name) {
            self.init(text: text, variable: variable, isNegative: isNegative)
        } else {
            let names = Question.Figure.allCases.map(\.rawValue)
            throw PreflightError(
                .usage, "unknown measure '\(text)'",
                hint: NearestName.hint(name, among: names)
                    ?? "one of \(names.joined(separator: ", ")), or context.FIELD; with - before it less is better")
        }
    }

    /// What is finer than the measure's unit is cut off downwards, as where a question asks for it.
    package func value(of state: TrialState, at elapsed: Duration) -> Int64? {
        let value =
            field.map { name in
                state.context[name]?.numberText.flatMap { DecimalText.scaled($0.utf8, by: 3, roundingUp: false) }
            } ?? variable?.value(Question.Moment(state: state, elapsed: elapsed))
        return value.map { isNegative ? -$0 : $0 }
    }

    /// It asks for what only `Habits` know.
    var needsHabits: Bool { variable?.needsHabits ?? false }

    /// Digits behind the point in the measure's unit.
    private var digits: Int {
        switch variable?.kind {
        case nil, .share: 3
        case .count: 0
        case .time: 6
        case .money, .rate: 12
        case .text, .truth, .reported: 0
        }
    }

    /// A number for people, and for the log.
    package func describe(_ value: Int64) -> String {
        guard digits > 0 else { return "\(value)" }
        let text = String(repeating: "0", count: max(0, digits + 1 - "\(value.magnitude)".count)) + "\(value.magnitude)"
        let whole = text.dropLast(digits)
        let rest = text.suffix(digits).reversed().drop { $0 == "0" }.reversed()
        return (value < 0 ? "-" : "") + whole + (rest.isEmpty ? "" : ".\(String(rest))")
    }

    /// What `describe` has written.
    package func read(_ text: String) -> Int64? { DecimalText.scaled(text.utf8, by: digits, roundingUp: true) }
}
