/// An answer on its way to the caller.
enum LedgerAnswer: Sendable {
    case reservation(LedgerWait)
    case other(@Sendable () -> Void)

    func deliver() {
        switch self {
        case .reservation(let wait): wait.deliver()
        case .other(let work): work()
        }
    }
}

/// What one transaction has to tell one caller.
package struct LedgerAnswers: Sendable {
    fileprivate var answers: [LedgerAnswer]

    /// Calls what was given to the ledger with each question, in the order of the answers.
    package func deliver() { for answer in answers { answer.deliver() } }
}

/// Answers, gathered so that each caller is woken once a transaction.
struct LedgerDeliveries: Sendable {
    private var direct: [LedgerAnswer] = []
    private var batches: [(caller: any LedgerCaller, answers: LedgerAnswers)] = []

    mutating func add(_ wait: LedgerWait, _ result: Result<LedgerGrant, LedgerRefusal>) {
        add(wait.caller, wait.answer(result))
    }

    mutating func add(_ caller: (any LedgerCaller)?, _ work: @escaping @Sendable () -> Void) {
        add(caller, .other(work))
    }

    private mutating func add(_ caller: (any LedgerCaller)?, _ answer: LedgerAnswer) {
        guard let caller else { return direct.append(answer) }
        if let index = batches.firstIndex(where: { $0.caller === caller }) {
            batches[index].answers.answers.append(answer)
        } else {
            batches.append((caller, LedgerAnswers(answers: [answer])))
        }
    }

    /// - Parameter here: the caller whose turn it is. It has its answers at once, after the others have theirs: it may
    ///   do much with them.
    func send(to here: (any LedgerCaller)? = nil) {
        for batch in batches where batch.caller !== here { batch.caller.resume(batch.answers) }
        for answer in direct { answer.deliver() }
        for batch in batches where batch.caller === here { batch.answers.deliver() }
    }
}
