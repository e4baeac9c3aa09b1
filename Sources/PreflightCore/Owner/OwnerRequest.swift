/// What the owner of a run asks of it from outside, while it runs.
package enum OwnerOrder: Sendable, Equatable {
    /// Ends a trial, or the whole run. Quick: late usage is not waited for.
    case stop(isQuick: Bool)
    case eject(reason: String)
    /// Of a trial's budget, or of the run's total.
    case extend(BudgetExtension)
    /// Lets a trial's calls wait.
    case hold(reason: String)
    /// Lets them go on.
    case release
    /// Tells a trial's agent something.
    case steer(message: String)

    /// The trials that it is given to end with it.
    package var isEnding: Bool {
        switch self {
        case .stop, .eject: true
        case .extend, .hold, .release, .steer: false
        }
    }

    /// Nobody wants it any more once nobody waits for its answer.
    package var isWithdrawn: Bool { !isEnding }

    /// The command that gives it.
    package var name: String {
        switch self {
        case .stop: "stop"
        case .eject: "eject"
        case .extend: "extend"
        case .hold: "hold"
        case .release: "release"
        case .steer: "steer"
        }
    }
}

/// By how much a budget is to be changed, or to what.
package enum BudgetExtension: Sendable, Equatable {
    case by(USD)
    case to(USD)

    /// Reads `+0.50` or `2.00`, with or without a dollar sign. Nil for anything else, and for nothing at all.
    package init?(_ text: String) {
        let isRelative = text.hasPrefix("+")
        let digits = isRelative ? text.dropFirst() : text[...]
        guard !digits.hasPrefix("+"), let amount = Quantity.usd(String(digits)), amount > .zero else { return nil }
        self = isRelative ? .by(amount) : .to(amount)
    }

    /// The budget that it makes of `budget`.
    package func target(from budget: USD) -> USD {
        switch self {
        case .by(let amount): budget + amount
        case .to(let amount): amount
        }
    }
}

/// An order on its way to the harness and back: who gave it, and what came of it.
package struct OwnerRequest: Sendable, Equatable {
    package struct Answer: Sendable, Equatable {
        /// Whether it is carried out.
        package var isDone: Bool
        package var text: String

        package init(isDone: Bool, text: String) {
            self.isDone = isDone
            self.text = text
        }
    }

    /// Its number in the journal.
    package var id: Int64
    package var run: String
    /// An alias; nil for the whole run.
    package var trial: String?
    package var order: OwnerOrder
    /// `user@host, process 123`.
    package var who: String
    package var createdAt: Timestamp
    /// When the harness has begun with it: it cannot be withdrawn any more.
    package var takenAt: Timestamp?
    /// The budget that it leads to, once that is decided: carried out twice it is still the same.
    package var target: USD?
    package var answer: Answer?

    package init(
        id: Int64, run: String, trial: String?, order: OwnerOrder, who: String, createdAt: Timestamp,
        takenAt: Timestamp? = nil, target: USD? = nil, answer: Answer? = nil
    ) {
        self.id = id
        self.run = run
        self.trial = trial
        self.order = order
        self.who = who
        self.createdAt = createdAt
        self.takenAt = takenAt
        self.target = target
        self.answer = answer
    }

    /// The fields of the event `owner_request`.
    package var fields: JSON.Object {
        var object = JSON.Object()
        object.append("request", .number(String(id)))
        object.append("order", .string(order.name))
        object.append("who", .string(who))
        object.append("of", .string(trial == nil ? "run" : "trial"))
        switch order {
        case .stop(let isQuick): object.append("quick", .bool(isQuick))
        case .eject(let reason), .hold(let reason): object.append("reason", .string(reason))
        case .release: break
        case .steer(let message): object.append("message", .string(message))
        case .extend:
            if let target { object.append(trial == nil ? "total" : "budget", .usd(target)) }
        }
        return object
    }

    /// For whoever watches the run.
    package var text: String {
        let what: String =
            switch order {
            case .stop(let isQuick): isQuick ? "stop at once" : "stop"
            case .eject(let reason): "eject (\(reason))"
            case .extend(.by(let amount)): "extend by \(amount)"
            case .extend(.to(let amount)): "extend to \(amount)"
            case .hold(let reason): "hold (\(reason))"
            case .release: "release"
            case .steer(let message): "steer (\(message))"
            }
        return "\(trial ?? "the run"): \(what), asked by \(who)"
    }
}
