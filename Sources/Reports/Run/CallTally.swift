package import PreflightCore

/// Sums over the calls of a trial, or of a model.
package struct CallTally: Sendable, Equatable {
    /// Calls that a model answered, at a cost or free.
    package var settled = 0
    package var held = 0
    package var refused = 0
    /// Those whose caller got no answer.
    package var failed = 0
    /// Those that failed first and were sent again, or elsewhere.
    package var sentAgain = 0
    package var open = 0
    /// Of calls that have ended, as far as it is known.
    package var usage = Usage()
    /// What calls of known cost did, those that failed among them.
    package var cost = USD.zero
    /// What calls of unknown cost count.
    package var heldCost = USD.zero
    package var latency = LatencyFigures()

    package init() {}

    package mutating func take(_ call: CallEntry) {
        latency.take(call)
        switch call.ending {
        case .settled, .told:
            if call.isAnswered { settled += 1 } else if call.isSentAgain { sentAgain += 1 } else { failed += 1 }
            // What failed may be on the bill all the same, as the cost of a held call tells once it is known.
            cost += call.cost ?? .zero
            usage = usage + (call.usage ?? Usage())
        case .held:
            held += 1
            heldCost += call.reserved ?? .zero
        case .refused: refused += 1
        case .failed: if call.isSentAgain { sentAgain += 1 } else { failed += 1 }
        case .open:
            open += 1
            heldCost += call.reserved ?? .zero
        }
    }

    package static func + (a: CallTally, b: CallTally) -> CallTally {
        var both = a
        both.settled += b.settled
        both.held += b.held
        both.refused += b.refused
        both.failed += b.failed
        both.sentAgain += b.sentAgain
        both.open += b.open
        both.usage = a.usage + b.usage
        both.cost += b.cost
        both.heldCost += b.heldCost
        both.latency = a.latency + b.latency
        return both
    }
}
