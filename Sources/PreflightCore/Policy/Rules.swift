/// The same call of a tool, or the same answer, again and again: also as a cycle of up to eight different ones.
package struct LoopRule: Hashable, Sendable {
    /// How often it has come in a row.
    package var times: Int
    /// From which likeness on two count as the same, in parts per thousand; nil: calls must be the same, answers alike
    /// by 900.
    package var permille: Int?

    package static let range = 2...64

    package init(times: Int, permille: Int? = nil) {
        self.times = times
        self.permille = permille
    }

    var ofTools: Int { permille ?? 1000 }
    var ofAnswers: Int { permille ?? 900 }

    struct Found {
        var what: String
        var times: Int
    }

    /// The cycle that has come most often.
    func find(_ habits: Habits) -> Found {
        let tools = habits.tools.cycle(upTo: times, permille: ofTools)
        let answers = habits.answers.cycle(upTo: times, permille: ofAnswers)
        let isTool = tools.times >= answers.times
        let (length, times) = isTool ? tools : answers
        let shown = isTool ? habits.lastTool : habits.lastAnswer
        let what = isTool ? "call" : "answer"
        let name = length == 1 ? "the same \(what)" : "the same \(length) \(what)s"
        return Found(what: shown.text.isEmpty ? name : "\(name), \(shown.text)", times: times)
    }
}

/// Spend, or time, without anything new: no file in the output directory that is new or changed, no snapshot, no kind of
/// call that was not made before.
package struct StallRule: Hashable, Sendable {
    package var spend: USD?
    package var time: Duration?

    package init(spend: USD? = nil, time: Duration? = nil) {
        self.spend = spend
        self.time = time
    }
}

/// So many errors within a time.
package struct StormRule: Hashable, Sendable {
    package var errors: Int
    package var within: Duration

    package static let range = 1...256

    package init(errors: Int, within: Duration) {
        self.errors = errors
        self.within = within
    }
}

/// A time from which on something has to hold.
package struct DeadlineRule: Hashable, Sendable {
    package var at: Duration
    package var needs: Question

    package init(at: Duration, needs: Question) {
        self.at = at
        self.needs = needs
    }
}
