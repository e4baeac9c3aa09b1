/// What may be put together, and what comes of it.
extension QuestionParser {
    static func isNumber(_ kind: Kind) -> Bool { kind == .count || kind == .share }

    /// In thousandths where the others are.
    static func raised(_ part: Part, to kind: Kind) -> Node {
        part.kind == .count && kind == .share ? .product(part.node, .constant(1000), over: 1) : part.node
    }

    /// A part as a number: a plain one and a reported one as the kind that is wanted.
    func number(_ part: Part, as kind: Kind?) throws(QuestionFault) -> Part {
        var part = part
        if let plain = part.plain {
            let wanted = kind ?? part.kind
            let isNegative = plain.hasPrefix("-")
            let text = isNegative ? String(plain.dropFirst()) : plain
            guard let value = wanted.literal(text) else {
                throw QuestionFault(
                    "'\(plain)' is no \(wanted.rawValue)", part.range,
                    hint: wanted == .share ? "a number may have three places behind its point: 0.001 or 0.1%" : nil)
            }
            part.node = .constant(isNegative ? -value : value)
            part.kind = wanted
            part.plain = nil
        } else if let field = part.field {
            // A count that was reported need not be whole.
            let wanted = kind == .count ? .share : kind ?? .share
            part.node = .reported(field, wanted)
            part.kind = wanted
            part.field = nil
        }
        guard ![.text, .truth, .reported].contains(part.kind) else {
            throw QuestionFault(
                "'\(source(of: part))' is \(Self.article(part.kind)), and cannot be reckoned with", part.range)
        }
        return part
    }

    private func source(of part: Part) -> String {
        String(decoding: Array(text.utf8)[part.range.clamped(to: 0..<text.utf8.count)], as: UTF8.self)
    }

    /// Both as numbers of one kind, as far as they are open.
    private func matched(_ a: Part, _ b: Part) throws(QuestionFault) -> (Part, Part) {
        let isOpen = (a.plain != nil || a.field != nil, b.plain != nil || b.field != nil)
        switch isOpen {
        case (false, _): return (try number(a, as: nil), try number(b, as: a.kind))
        case (true, false): return (try number(a, as: b.kind), try number(b, as: nil))
        case (true, true): return (try number(a, as: nil), try number(b, as: nil))
        }
    }

    func add(_ left: Part, _ symbol: String, _ right: Part, at sign: Range<Int>) throws(QuestionFault) -> Part {
        let (a, b) = try matched(left, right)
        guard a.kind == b.kind || (Self.isNumber(a.kind) && Self.isNumber(b.kind)) else {
            let words = symbol == "+" ? "added to" : "taken from"
            let (what, from) = symbol == "+" ? (b, a) : (b, a)
            throw QuestionFault("\(Self.article(what.kind)) cannot be \(words) \(Self.article(from.kind))", sign)
        }
        let kind: Kind = a.kind == b.kind ? a.kind : .share
        let (x, y) = (Self.raised(a, to: kind), Self.raised(b, to: kind))
        return Part(
            node: symbol == "+" ? .sum(x, y) : .difference(x, y), kind: kind,
            range: left.range.lowerBound..<right.range.upperBound)
    }

    func multiply(_ left: Part, _ right: Part, at sign: Range<Int>) throws(QuestionFault) -> Part {
        let (a, b) = (try number(left, as: nil), try number(right, as: nil))
        let range = left.range.lowerBound..<right.range.upperBound
        func part(_ kind: Kind, over: Int64) -> Part {
            Part(node: .product(a.node, b.node, over: over), kind: kind, range: range)
        }
        switch (a.kind, b.kind) {
        case (.count, .count): return part(.count, over: 1)
        case (.share, .share): return part(.share, over: 1000)
        case (.count, .share), (.share, .count): return part(.share, over: 1)
        case (let kind, .count), (.count, let kind): return part(kind, over: 1)
        case (let kind, .share), (.share, let kind): return part(kind, over: 1000)
        case (.rate, .time), (.time, .rate): return part(.money, over: 60_000_000)
        default:
            throw QuestionFault(
                "\(Self.article(a.kind)) cannot be multiplied with \(Self.article(b.kind))", sign)
        }
    }

    func divide(_ left: Part, _ right: Part, at sign: Range<Int>) throws(QuestionFault) -> Part {
        let (a, b) = (try number(left, as: nil), try number(right, as: nil))
        let range = left.range.lowerBound..<right.range.upperBound
        func part(_ kind: Kind, times: Int64) -> Part {
            Part(node: .quotient(a.node, b.node, times: times), kind: kind, range: range)
        }
        switch (a.kind, b.kind) {
        case (.count, .share): return part(.share, times: 1_000_000)
        case (.share, .count): return part(.share, times: 1)
        case (let x, let y) where x == y: return part(.share, times: 1000)
        case (let kind, .count): return part(kind, times: 1)
        case (let kind, .share): return part(kind, times: 1000)
        case (.money, .time): return part(.rate, times: 60_000_000)
        case (.money, .rate): return part(.time, times: 60_000_000)
        default:
            throw QuestionFault("\(Self.article(a.kind)) cannot be divided by \(Self.article(b.kind))", sign)
        }
    }

    func compare(
        _ left: Part, _ comparison: Question.Comparison, _ right: Part, at sign: Range<Int>
    ) throws(QuestionFault) -> Part {
        let range = left.range.lowerBound..<right.range.upperBound
        func answer(_ node: Node) -> Part { Part(node: node, kind: .truth, range: range) }
        if let a = left.field, let b = right.field { return answer(.compareReported(a, comparison, b)) }
        if left.kind == .text || right.kind == .text {
            guard let a = textual(left), let b = textual(right) else {
                throw QuestionFault(unlike(left, right), sign)
            }
            return answer(.compareText(a, comparison, b))
        }
        if left.kind == .truth || right.kind == .truth {
            guard comparison == .equal || comparison == .notEqual, let a = truthful(left), let b = truthful(right)
            else {
                throw QuestionFault(unlike(left, right), sign)
            }
            let both = Node.or(.and(a, b), .and(.not(a), .not(b)))
            let node = comparison == .equal ? both : .not(both)
            guard let field = left.field ?? right.field else { return answer(node) }
            return answer(.and(.isReported(field), node))
        }
        // A share beside a count is a slip; a reckoned one is a number.
        if case .constant = right.node, right.plain == nil, left.kind == .count, right.kind == .share {
            throw QuestionFault("'\(source(of: right))' is no count, which '\(source(of: left))' is", right.range)
        }
        let (a, b) = try matched(left, right)
        guard a.kind == b.kind || (Self.isNumber(a.kind) && Self.isNumber(b.kind)) else {
            if case .constant = b.node {
                throw QuestionFault(
                    "'\(source(of: right))' is no \(a.kind.rawValue), which '\(source(of: left))' is", right.range)
            }
            throw QuestionFault(unlike(a, b), sign)
        }
        let kind: Kind = a.kind == b.kind ? a.kind : .share
        let shown = Question.Shown(left: source(of: left), right: source(of: right), kind: kind)
        return answer(.compare(Self.raised(a, to: kind), comparison, Self.raised(b, to: kind), shown))
    }

    private func unlike(_ a: Part, _ b: Part) -> String {
        "\(Self.article(a.kind)) cannot be compared with \(Self.article(b.kind))"
    }

    private func textual(_ part: Part) -> Node? {
        part.field.map(Node.reportedText) ?? (part.kind == .text ? part.node : nil)
    }

    private func truthful(_ part: Part) -> Node? {
        part.field.map(Node.reportedTruth) ?? (part.kind == .truth ? part.node : nil)
    }
}
