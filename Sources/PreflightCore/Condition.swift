/// A yes-or-no question about a trial's state, such as `tool_calls > 0 and spend < $0.10`.
package indirect enum Condition: Hashable, Sendable {
    case compare(Variable, Comparison, Literal)
    case and(Condition, Condition)
    case or(Condition, Condition)
    case not(Condition)

    /// What can be asked about. Money is compared in picodollars, time in microseconds, shares in parts per thousand.
    package enum Variable: String, CaseIterable, Sendable {
        case spend, remaining
        case spendShare = "spend_share"
        case toolCalls = "tool_calls"
        case turns, snapshots, errors, events, elapsed, idle
        case promptTokens = "prompt_tokens"
        case completionTokens = "completion_tokens"
        case cacheShare = "cache_share"

        package enum Kind: String, Sendable { case money, count, time, share }

        package var kind: Kind {
            switch self {
            case .spend, .remaining: .money
            case .elapsed, .idle: .time
            case .spendShare, .cacheShare: .share
            default: .count
            }
        }

        func value(in state: TrialState, at elapsed: Duration) -> Int64 {
            switch self {
            case .spend: state.spend.picodollars
            case .remaining: (state.remaining ?? .max).picodollars
            case .spendShare: Int64(state.budget.map { state.spend.permille(of: $0) } ?? 0)
            case .toolCalls: Int64(state.toolCalls)
            case .turns: Int64(state.turns)
            case .snapshots: Int64(state.snapshots)
            case .errors: Int64(state.errors)
            case .events: Int64(state.events)
            case .elapsed: state.running(at: elapsed).wholeMicroseconds
            case .idle: state.idle(at: elapsed).wholeMicroseconds
            case .promptTokens: Int64(state.usage.promptTokens)
            case .completionTokens: Int64(state.usage.completionTokens)
            case .cacheShare: Int64(state.cachePermille ?? 0)
            }
        }
    }

    package enum Comparison: String, CaseIterable, Sendable {
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case greater = ">"

        func holds(_ a: Int64, _ b: Int64) -> Bool {
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

    /// A value in the unit of the variable it is compared with, and as it was written.
    package struct Literal: Hashable, Sendable {
        package var value: Int64
        package var text: String
    }

    package func holds(in state: TrialState, at elapsed: Duration) -> Bool {
        switch self {
        case .compare(let variable, let comparison, let literal):
            comparison.holds(variable.value(in: state, at: elapsed), literal.value)
        case .and(let a, let b): a.holds(in: state, at: elapsed) && b.holds(in: state, at: elapsed)
        case .or(let a, let b): a.holds(in: state, at: elapsed) || b.holds(in: state, at: elapsed)
        case .not(let condition): !condition.holds(in: state, at: elapsed)
        }
    }

    package var text: String {
        switch self {
        case .compare(let variable, let comparison, let literal):
            "\(variable.rawValue) \(comparison.rawValue) \(literal.text)"
        case .and(let a, let b): "(\(a.text) and \(b.text))"
        case .or(let a, let b): "(\(a.text) or \(b.text))"
        case .not(let condition): "not \(condition.text)"
        }
    }
}

extension Condition {
    /// Reads `tool_calls > 0 and not (spend >= $0.10)`. Words are joined by `and`, `or`, `not` and brackets.
    package init(parsing text: String) throws(PreflightError) {
        var parser = ConditionParser(text: text)
        self = try parser.condition()
    }
}

private struct ConditionParser {
    let text: String
    let tokens: [String]
    var index = 0

    init(text: String) {
        self.text = text
        var tokens: [String] = []
        var word = ""
        func isOperator(_ character: Character) -> Bool { "<>=!".contains(character) }
        for character in text {
            if character == " " || character == "(" || character == ")" {
                if !word.isEmpty { tokens.append(word) }
                word = ""
                if character != " " { tokens.append(String(character)) }
            } else {
                if let last = word.last, isOperator(last) != isOperator(character) {
                    tokens.append(word)
                    word = ""
                }
                word.append(character)
            }
        }
        if !word.isEmpty { tokens.append(word) }
        self.tokens = tokens
    }

    func fail(_ message: String, hint: String? = nil) -> PreflightError {
        PreflightError(.usage, "condition '\(text)': \(message)", hint: hint)
    }

    var next: String? { index < tokens.count ? tokens[index] : nil }

    mutating func condition() throws(PreflightError) -> Condition {
        let condition = try disjunction(depth: 0)
        if let next { throw fail("unexpected '\(next)'") }
        return condition
    }

    mutating func disjunction(depth: Int) throws(PreflightError) -> Condition {
        var left = try conjunction(depth: depth)
        while next == "or" {
            index += 1
            left = .or(left, try conjunction(depth: depth))
        }
        return left
    }

    mutating func conjunction(depth: Int) throws(PreflightError) -> Condition {
        var left = try term(depth: depth)
        while next == "and" {
            index += 1
            left = .and(left, try term(depth: depth))
        }
        return left
    }

    mutating func term(depth: Int) throws(PreflightError) -> Condition {
        guard depth < 50 else { throw fail("nested too deeply") }
        switch next {
        case "not":
            index += 1
            return .not(try term(depth: depth + 1))
        case "(":
            index += 1
            let inner = try disjunction(depth: depth + 1)
            guard next == ")" else { throw fail("a ')' is missing") }
            index += 1
            return inner
        default: return try comparison()
        }
    }

    mutating func comparison() throws(PreflightError) -> Condition {
        guard let name = next else { throw fail("something is missing at the end") }
        guard let variable = Condition.Variable(rawValue: name) else {
            let names = Condition.Variable.allCases.map(\.rawValue)
            throw fail(
                "unknown name '\(name)'",
                hint: NearestName.hint(name, among: names) ?? "names are \(names.joined(separator: ", "))")
        }
        index += 1
        guard let symbol = next, let comparison = Condition.Comparison(rawValue: symbol == "=" ? "==" : symbol) else {
            throw fail("expected a comparison after '\(name)'", hint: "one of < <= > >= == !=")
        }
        index += 1
        guard let literal = next else { throw fail("a value is missing after '\(symbol)'") }
        index += 1
        guard let value = value(literal, of: variable.kind) else {
            throw fail("'\(literal)' is no \(variable.kind.rawValue), which '\(name)' is compared with")
        }
        return .compare(variable, comparison, .init(value: value, text: literal))
    }

    func value(_ literal: String, of kind: Condition.Variable.Kind) -> Int64? {
        switch kind {
        case .money: Quantity.usd(literal)?.picodollars
        case .count: Int64(literal)
        case .time: Quantity.duration(literal)?.wholeMicroseconds
        case .share: Quantity.permille(literal).map(Int64.init)
        }
    }
}
