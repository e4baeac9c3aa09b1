/// What the suite holds Preflight to.
enum StressPromise: String, CaseIterable, Sendable, Comparable {
    /// No budget is overspent.
    case overspend
    /// What the provider bills, the ledger and the receipts say the same, to the picodollar; what is unknown is said.
    case money
    /// Nothing that was in a log is lost, doubled or out of its order.
    case events
    /// `preflight verify` finds the record whole.
    case record
    /// No container, network, sub-key or temporary file after the next start.
    case leftovers
    /// No work is done twice.
    case repeated
    /// Another run beside it is not touched.
    case siblings
    /// From the order to eject to a dead container, in time, and nothing written or called after.
    case ejected
    /// Living trials are watched again in time.
    case resume
    /// Files of the host are not changed by what an agent does to its output.
    case host
    /// It came to an end, with the outcome it should.
    case outcome

    static func < (a: Self, b: Self) -> Bool { a.position < b.position }

    private var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What came of holding one promise to the facts: nothing, or how it is broken.
struct StressVerdict: Sendable, Equatable {
    var promise: StressPromise
    var broken: String?

    static func kept(_ promise: StressPromise) -> Self { Self(promise: promise) }
    static func broken(_ promise: StressPromise, _ how: String) -> Self { Self(promise: promise, broken: how) }

    /// Kept where `faults` is empty.
    static func of(_ promise: StressPromise, _ faults: [String]) -> Self {
        Self(promise: promise, broken: faults.isEmpty ? nil : faults.joined(separator: "; "))
    }
}
