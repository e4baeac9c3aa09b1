/// How near a policy is to firing.
package struct Nearness: Hashable, Sendable {
    package var policy: String
    /// 0…1000; 1000 when it holds.
    package var permille: Int
    /// What is measured, and at which bound it fires: `idle 41s of 1m00s`.
    package var words: String

    package init(policy: String, permille: Int, words: String) {
        self.policy = policy
        self.permille = permille
        self.words = words
    }

    package var json: JSON {
        ["policy": .string(policy), "permille": .int(permille), "words": .string(words)]
    }

    package init?(json: JSON) {
        guard let policy = json["policy"]?.string, let permille = json["permille"]?.int,
            let words = json["words"]?.string
        else { return nil }
        self.init(policy: policy, permille: permille, words: words)
    }

    /// The share of a bound that is reached, 0…1000.
    static func permille(_ value: Int64, of bound: Int64) -> Int {
        guard bound > 0 else { return 1000 }
        guard value > 0 else { return 0 }
        return Int(min(1000, Question.Node.scaled(value, by: 1000, over: bound)))
    }

    static func permille(_ value: Duration, of bound: Duration) -> Int {
        permille(value.wholeMicroseconds, of: bound.wholeMicroseconds)
    }
}

extension Question {
    /// How near the question is to a yes, and what it hangs on.
    func nearness(in state: TrialState, at elapsed: Duration) -> (permille: Int, words: String) {
        root.nearness(Moment(state: state, elapsed: elapsed), text)
    }
}

extension Question.Node {
    fileprivate func nearness(_ moment: Moment, _ text: String) -> (permille: Int, words: String) {
        switch self {
        case .compare(let a, let comparison, let b, let shown):
            guard let x = a.number(moment), let y = b.number(moment) else { return (0, "\(shown.left) has no value") }
            let words = "\(shown.left) \(shown.kind.text(x)) of \(shown.kind.text(y))"
            if comparison.holds(x, y) { return (1000, words) }
            switch comparison {
            case .greater, .greaterOrEqual: return (min(999, Nearness.permille(x, of: y)), words)
            case .less, .lessOrEqual: return (min(999, Nearness.permille(y, of: x)), words)
            case .equal, .notEqual: return (0, words)
            }
        case .and(let a, let b):
            let (left, right) = (a.nearness(moment, text), b.nearness(moment, text))
            return left.permille <= right.permille ? left : right
        case .or(let a, let b):
            let (left, right) = (a.nearness(moment, text), b.nearness(moment, text))
            return left.permille >= right.permille ? left : right
        default:
            let holds = truth(moment)
            return (holds ? 1000 : 0, holds ? "holds: \(text.prefix(60))" : "does not hold: \(text.prefix(60))")
        }
    }

    var needsHabits: Bool {
        switch self {
        case .figure(let figure): figure.needsHabits
        case .negative(let a), .not(let a): a.needsHabits
        case .sum(let a, let b), .difference(let a, let b), .product(let a, let b, _), .quotient(let a, let b, _),
            .compare(let a, _, let b, _), .and(let a, let b), .or(let a, let b):
            a.needsHabits || b.needsHabits
        case .least(let nodes), .most(let nodes): nodes.contains(where: \.needsHabits)
        default: false
        }
    }
}

extension Question.Kind {
    /// A value of this kind for people.
    func text(_ value: Int64) -> String {
        switch self {
        case .money: return USD(picodollars: value).description
        case .rate: return "\(USD(picodollars: value))/min"
        case .time: return Duration.microseconds(value).shortText
        case .share: return EjectPolicy.percent(Int(value))
        default: return String(value)
        }
    }
}
