extension Question {
    /// Reads `tool_calls > 0 and not (spend >= $0.10)`.
    ///
    /// - Throws: `usage`, with the expression and its place marked below it.
    package init(parsing text: String) throws(PreflightError) {
        do throws(QuestionFault) {
            guard text.utf8.count <= 4096 else { throw QuestionFault("longer than 4096 bytes", 0..<1) }
            var parser = QuestionParser(words: try QuestionLexer.words(text), end: text.utf8.count, text: text)
            root = try parser.whole()
            facts = parser.facts
            self.text = text
        } catch {
            throw error.error(in: text)
        }
    }

    /// Whether it asks for what only `Habits` know.
    var needsHabits: Bool { root.needsHabits }
}

/// Reads words by the usual precedence: `or`, `and`, `not`, comparisons, `+ -`, `* /`, a sign.
struct QuestionParser {
    typealias Kind = Question.Kind
    typealias Node = Question.Node

    /// A part whose kind may still be open: a plain number is of the kind that it is put together with.
    struct Part {
        var node: Node
        var kind: Kind
        var range: Range<Int>
        /// Of a number without a unit.
        var plain: String?
        /// Of a reported value.
        var field: String?
    }

    let words: [QuestionLexer.Word]
    let end: Int
    let text: String
    var index = 0
    var facts: TrialFacts = []

    init(words: [QuestionLexer.Word], end: Int, text: String) {
        self.words = words
        self.end = end
        self.text = text
    }

    private var next: QuestionLexer.Token? { index < words.count ? words[index].token : nil }
    private var place: Range<Int> { index < words.count ? words[index].range : end..<end + 1 }

    private mutating func take(_ token: QuestionLexer.Token) -> Bool {
        guard next == token else { return false }
        index += 1
        return true
    }

    mutating func whole() throws(QuestionFault) -> Node {
        let part = try disjunction(depth: 0)
        guard index == words.count else {
            throw QuestionFault("unexpected '\(source(place))'", place, hint: "join questions by 'and' or 'or'")
        }
        return try truth(part).node
    }

    private func source(_ range: Range<Int>) -> String {
        String(decoding: Array(text.utf8)[range.clamped(to: 0..<text.utf8.count)], as: UTF8.self)
    }

    // MARK: Yes or no

    private func truth(_ part: Part) throws(QuestionFault) -> Part {
        if let field = part.field {
            return Part(node: .reportedTruth(field), kind: .truth, range: part.range)
        }
        guard part.kind == .truth else {
            throw QuestionFault(
                "'\(source(part.range))' is \(Self.article(part.kind)), where a yes or no is needed", part.range,
                hint: "compare it, with one of < <= > >= == !=")
        }
        return part
    }

    static func article(_ kind: Kind) -> String {
        switch kind {
        case .money, .time, .text, .rate: kind.rawValue
        default: "a \(kind.rawValue)"
        }
    }

    private mutating func disjunction(depth: Int) throws(QuestionFault) -> Part {
        var left = try conjunction(depth: depth)
        while next == .name("or") {
            index += 1
            let right = try truth(try conjunction(depth: depth))
            let range = left.range.lowerBound..<right.range.upperBound
            left = Part(node: .or(try truth(left).node, right.node), kind: .truth, range: range)
        }
        return left
    }

    private mutating func conjunction(depth: Int) throws(QuestionFault) -> Part {
        var left = try negation(depth: depth)
        while next == .name("and") {
            index += 1
            let right = try truth(try negation(depth: depth))
            let range = left.range.lowerBound..<right.range.upperBound
            left = Part(node: .and(try truth(left).node, right.node), kind: .truth, range: range)
        }
        return left
    }

    private mutating func negation(depth: Int) throws(QuestionFault) -> Part {
        guard depth < 50 else { throw QuestionFault("nested too deeply", place) }
        guard next == .name("not") else { return try comparison(depth: depth) }
        let start = place.lowerBound
        index += 1
        let part = try truth(try negation(depth: depth + 1))
        return Part(node: .not(part.node), kind: .truth, range: start..<part.range.upperBound)
    }

    private mutating func comparison(depth: Int) throws(QuestionFault) -> Part {
        let left = try sum(depth: depth)
        guard case .symbol(let symbol)? = next, let comparison = Question.Comparison(rawValue: symbol) else {
            return left
        }
        let sign = place
        index += 1
        let right = try sum(depth: depth)
        if case .symbol(let symbol)? = next, Question.Comparison(rawValue: symbol) != nil {
            throw QuestionFault("two comparisons in a row", place, hint: "join them by 'and'")
        }
        return try compare(left, comparison, right, at: sign)
    }

    // MARK: Numbers

    private mutating func sum(depth: Int) throws(QuestionFault) -> Part {
        var left = try product(depth: depth)
        while case .symbol(let symbol)? = next, symbol == "+" || symbol == "-" {
            let sign = place
            index += 1
            left = try add(left, symbol, try product(depth: depth), at: sign)
        }
        return left
    }

    private mutating func product(depth: Int) throws(QuestionFault) -> Part {
        var left = try signed(depth: depth)
        while case .symbol(let symbol)? = next, symbol == "*" || symbol == "/" {
            let sign = place
            index += 1
            let right = try signed(depth: depth)
            left = symbol == "*" ? try multiply(left, right, at: sign) : try divide(left, right, at: sign)
        }
        return left
    }

    private mutating func signed(depth: Int) throws(QuestionFault) -> Part {
        guard depth < 50 else { throw QuestionFault("nested too deeply", place) }
        guard next == .symbol("-") else { return try primary(depth: depth) }
        let start = place.lowerBound
        index += 1
        var part = try signed(depth: depth + 1)
        part.range = start..<part.range.upperBound
        if let plain = part.plain {
            part.plain = plain.hasPrefix("-") ? String(plain.dropFirst()) : "-" + plain
            return part
        }
        part = try number(part, as: .share)
        part.node = .negative(part.node)
        return part
    }

    private mutating func primary(depth: Int) throws(QuestionFault) -> Part {
        let range = place
        guard let token = next else {
            throw QuestionFault(
                words.isEmpty ? "the expression is empty: something is missing" : "something is missing at the end",
                range)
        }
        index += 1
        switch token {
        case .plain(let text):
            return Part(
                node: .constant(0), kind: text.allSatisfy(\.isNumber) ? .count : .share, range: range, plain: text)
        case .quantity(let text, let kind):
            return Part(node: .constant(kind.literal(text) ?? 0), kind: kind, range: range)
        case .text(let text): return Part(node: .literal(text), kind: .text, range: range)
        case .name(let name): return try named(name, range, depth: depth)
        case .symbol("("):
            var inner = try disjunction(depth: depth + 1)
            guard take(.symbol(")")) else { throw QuestionFault("a ')' is missing", place) }
            inner.range = range.lowerBound..<words[index - 1].range.upperBound
            return inner
        case .symbol(let symbol):
            throw QuestionFault("a value is missing before '\(symbol)'", range)
        }
    }

    private mutating func named(
        _ name: String, _ range: Range<Int>, depth: Int
    ) throws(QuestionFault) -> Part {
        if let figure = Question.Figure(rawValue: name) {
            facts.formUnion(figure.facts)
            return Part(node: .figure(figure), kind: figure.kind, range: range)
        }
        if let words = Question.Words(rawValue: name) {
            facts.formUnion(words.facts)
            return Part(node: .words(words), kind: .text, range: range)
        }
        if let sign = Question.Sign(rawValue: name) {
            facts.formUnion(sign.facts)
            return Part(node: .sign(sign), kind: .truth, range: range)
        }
        if name.hasPrefix(Question.contextPrefix), name.utf8.count > Question.contextPrefix.utf8.count {
            facts.formUnion(.context)
            let field = String(name.dropFirst(Question.contextPrefix.count))
            return Part(node: .reportedTruth(field), kind: .reported, range: range, field: field)
        }
        if name == "yes" || name == "true" { return Part(node: .truth(true), kind: .truth, range: range) }
        if name == "no" || name == "false" { return Part(node: .truth(false), kind: .truth, range: range) }
        if let function = Question.Function(rawValue: name), next == .symbol("(") {
            return try call(function, from: range.lowerBound, depth: depth)
        }
        if ["and", "or", "not"].contains(name) { throw QuestionFault("a value is missing before '\(name)'", range) }
        let functions = Question.Function.allCases.map(\.rawValue)
        throw QuestionFault(
            functions.contains(name) ? "'\(name)' is a function" : "unknown name '\(name)'", range,
            hint: functions.contains(name)
                ? "write \(name)(…)"
                : NearestName.hint(name, among: Question.names + functions)
                    ?? "names are \(Question.names.joined(separator: ", ")), and context.NAME")
    }

    private mutating func call(
        _ function: Question.Function, from start: Int, depth: Int
    ) throws(QuestionFault) -> Part {
        index += 1
        var parts = [try sum(depth: depth + 1)]
        while take(.symbol(",")) { parts.append(try sum(depth: depth + 1)) }
        guard take(.symbol(")")) else { throw QuestionFault("a ')' is missing", place) }
        let range = start..<words[index - 1].range.upperBound
        func count(_ expected: Int) throws(QuestionFault) {
            guard parts.count != expected else { return }
            throw QuestionFault("\(function.rawValue) takes \(expected == 1 ? "one value" : "two texts")", range)
        }
        switch function {
        case .min, .max:
            let kind = parts.first { $0.plain == nil && $0.field == nil }?.kind
            let numbers = try numbers(parts, as: kind)
            let result = numbers.first(where: { $0.kind == .share })?.kind ?? numbers[0].kind
            for part in numbers
            where part.kind != numbers[0].kind && !(Self.isNumber(part.kind) && Self.isNumber(numbers[0].kind)) {
                throw QuestionFault(
                    "\(Self.article(part.kind)) beside \(Self.article(numbers[0].kind)) in \(function.rawValue)",
                    part.range)
            }
            let nodes = numbers.map { Self.raised($0, to: result) }
            return Part(node: function == .min ? .least(nodes) : .most(nodes), kind: result, range: range)
        case .contains:
            try count(2)
            return Part(node: .contains(try words(parts[0]), try words(parts[1])), kind: .truth, range: range)
        case .reported:
            try count(1)
            guard let field = parts[0].field else {
                throw QuestionFault("reported asks for a field, such as context.score", parts[0].range)
            }
            return Part(node: .isReported(field), kind: .truth, range: range)
        }
    }

    private func numbers(_ parts: [Part], as kind: Kind?) throws(QuestionFault) -> [Part] {
        var numbers: [Part] = []
        for part in parts { numbers.append(try number(part, as: kind)) }
        return numbers
    }

    private func words(_ part: Part) throws(QuestionFault) -> Node {
        if let field = part.field { return .reportedText(field) }
        guard part.kind == .text else {
            throw QuestionFault(
                "'\(source(part.range))' is \(Self.article(part.kind)), where text is needed", part.range)
        }
        return part.node
    }
}
