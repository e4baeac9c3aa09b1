/// A yes-or-no question about a trial's state, such as `tool_calls > 0 and spend < $0.10`.
///
/// Everything in it has a kind, and kinds that do not go together are refused when it is read. It is reckoned in whole
/// numbers of each kind's unit; what grows out of their range stays at its end, and a division by zero has no result.
/// A comparison with something that has no result is false.
package struct Question: Hashable, Sendable {
    /// As it was written.
    package let text: String
    let root: Node
    /// What it looks at.
    let facts: TrialFacts

    /// What a value is, and in which unit it is reckoned.
    package enum Kind: String, Sendable {
        /// Picodollars.
        case money
        case count
        /// Microseconds.
        case time
        /// Any number that need not be whole, in thousandths.
        case share
        /// Picodollars a minute.
        case rate = "money per minute"
        case text
        case truth = "yes-or-no"
        /// What the agent reported: its kind is known when it is there.
        case reported = "reported value"
    }

    package static func == (a: Question, b: Question) -> Bool { a.text == b.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    package func holds(in state: TrialState, at elapsed: Duration) -> Bool {
        root.truth(Question.Moment(state: state, elapsed: elapsed))
    }
}

extension Question {
    /// A trial at a time.
    struct Moment {
        var state: TrialState
        var elapsed: Duration
    }

    enum Comparison: String, CaseIterable, Sendable {
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case greater = ">"

        func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool {
            switch self {
            case .lessOrEqual: a <= b
            case .greaterOrEqual: a >= b
            case .equal: a == b
            case .notEqual: a != b
            case .less: a < b
            case .greater: a > b
            }
        }
    }

    /// Part of an expression whose kinds are known to fit.
    indirect enum Node: Sendable {
        // Numbers
        case constant(Int64)
        case figure(Figure)
        /// What was reported, as a number of a kind.
        case reported(String, Kind)
        case negative(Node)
        case sum(Node, Node)
        case difference(Node, Node)
        /// a × b ÷ over
        case product(Node, Node, over: Int64)
        /// a × times ÷ b
        case quotient(Node, Node, times: Int64)
        case least([Node])
        case most([Node])
        // Text
        case literal(String)
        case words(Words)
        case reportedText(String)
        // Yes or no
        case truth(Bool)
        case sign(Sign)
        case reportedTruth(String)
        case isReported(String)
        case compare(Node, Comparison, Node, Shown)
        case compareText(Node, Comparison, Node)
        case compareReported(String, Comparison, String)
        case contains(Node, Node)
        case and(Node, Node)
        case or(Node, Node)
        case not(Node)
    }

    /// How a comparison's sides are shown to people.
    struct Shown: Hashable, Sendable {
        /// As it was written.
        var left: String
        var right: String
        var kind: Kind
    }
}

// MARK: Reckoning

extension Question.Node {
    typealias Moment = Question.Moment

    /// Nil where there is no result.
    func number(_ moment: Moment) -> Int64? {
        switch self {
        case .constant(let value): return value
        case .figure(let figure): return figure.value(moment)
        case .reported(let name, let kind): return moment.state.context[name].flatMap { kind.number($0) }
        case .negative(let a):
            guard let a = a.number(moment) else { return nil }
            return Self.bounded(Int64(0).subtractingReportingOverflow(a), a < 0)
        case .sum(let a, let b):
            guard let a = a.number(moment), let b = b.number(moment) else { return nil }
            return Self.bounded(a.addingReportingOverflow(b), b > 0)
        case .difference(let a, let b):
            guard let a = a.number(moment), let b = b.number(moment) else { return nil }
            return Self.bounded(a.subtractingReportingOverflow(b), b < 0)
        case .product(let a, let b, let over):
            guard let a = a.number(moment), let b = b.number(moment) else { return nil }
            return Self.scaled(a, by: b, over: over)
        case .quotient(let a, let b, let times):
            guard let a = a.number(moment), let b = b.number(moment), b != 0 else { return nil }
            return Self.scaled(a, by: times, over: b)
        case .least(let nodes): return Self.gather(nodes, moment)?.min()
        case .most(let nodes): return Self.gather(nodes, moment)?.max()
        default: return nil
        }
    }

    private static func gather(_ nodes: [Self], _ moment: Moment) -> [Int64]? {
        var values: [Int64] = []
        for node in nodes {
            guard let value = node.number(moment) else { return nil }
            values.append(value)
        }
        return values
    }

    private static func bounded(_ result: (partialValue: Int64, overflow: Bool), _ grows: Bool) -> Int64 {
        result.overflow ? (grows ? .max : .min) : result.partialValue
    }

    /// a × b ÷ c, cut towards zero; c is not 0.
    static func scaled(_ a: Int64, by b: Int64, over c: Int64) -> Int64 {
        let isNegative = (a < 0) != (b < 0) ? c > 0 : c < 0
        let wide = a.magnitude.multipliedFullWidth(by: b.magnitude)
        guard wide.high < c.magnitude else { return isNegative ? .min : .max }
        let quotient = c.magnitude.dividingFullWidth(wide).quotient
        guard quotient <= UInt64(Int64.max) else { return isNegative ? .min : .max }
        return isNegative ? -Int64(quotient) : Int64(quotient)
    }

    func text(_ moment: Moment) -> String? {
        switch self {
        case .literal(let text): text
        case .words(let words): words.value(moment)
        case .reportedText(let name): moment.state.context[name]?.string
        default: nil
        }
    }

    func truth(_ moment: Moment) -> Bool {
        switch self {
        case .truth(let value): return value
        case .sign(let sign): return sign.value(moment)
        case .reportedTruth(let name): return moment.state.context[name]?.bool ?? false
        case .isReported(let name): return moment.state.context[name].map { !$0.isNull } ?? false
        case .compare(let a, let comparison, let b, _):
            guard let a = a.number(moment), let b = b.number(moment) else { return false }
            return comparison.holds(a, b)
        case .compareText(let a, let comparison, let b):
            guard let a = a.text(moment), let b = b.text(moment) else { return false }
            return comparison.holds(a, b)
        case .compareReported(let a, let comparison, let b):
            guard let a = moment.state.context[a], let b = moment.state.context[b] else { return false }
            if let a = Question.Kind.share.number(a), let b = Question.Kind.share.number(b) {
                return comparison.holds(a, b)
            }
            if let a = a.string, let b = b.string { return comparison.holds(a, b) }
            guard let a = a.bool, let b = b.bool else { return false }
            return comparison.holds(a ? 1 : 0, b ? 1 : 0)
        case .contains(let a, let b):
            guard let a = a.text(moment), let b = b.text(moment) else { return false }
            return a.lowercased().contains(b.lowercased())
        case .and(let a, let b): return a.truth(moment) && b.truth(moment)
        case .or(let a, let b): return a.truth(moment) || b.truth(moment)
        case .not(let a): return !a.truth(moment)
        default: return false
        }
    }
}

extension Question.Kind {
    /// A reported value in this kind's unit, cut off downwards: one that falls short of a bound does not reach it. Nil
    /// where it is of another kind.
    func number(_ json: JSON) -> Int64? {
        switch json {
        case .number(let text): value(text, .down)
        // A quantity with its unit, as people write it. A bare number in quotes is text.
        case .string(let text) where !(text.utf8.last.map { (0x30...0x39).contains($0) } ?? true): value(text, .down)
        case .string(let text) where text.hasPrefix("$"): value(text, .down)
        default: nil
        }
    }

    /// Reads a literal of this kind, or a plain number as one. Nil, too, for one that is finer than the kind's unit:
    /// whoever writes 0.0005 means neither 0 nor 0.001.
    func literal(_ text: String) -> Int64? {
        guard let value = value(text, .down), value == self.value(text, .up) else { return nil }
        return value
    }

    private func value(_ text: String, _ rounding: USD.Rounding) -> Int64? {
        func money(_ text: String) -> Int64? {
            USD(decimal: text.hasPrefix("$") ? text.dropFirst() : text[...], rounding: rounding)?.picodollars
        }
        func scaled(_ text: Substring, by places: Int) -> Int64? {
            DecimalText.scaled(text.utf8, by: places, roundingUp: rounding == .up)
        }
        switch self {
        case .money: return money(text)
        case .count: return Int64(text)
        case .time:
            // Without a unit: seconds.
            if let micros = scaled(text[...], by: 6) { return micros >= 0 ? micros : nil }
            return Quantity.duration(text)?.wholeMicroseconds
        case .share: return text.hasSuffix("%") ? scaled(text.dropLast(), by: 1) : scaled(text[...], by: 3)
        case .rate: return money(text.hasSuffix("/min") ? String(text.dropLast(4)) : text)
        case .text, .truth, .reported: return nil
        }
    }
}
