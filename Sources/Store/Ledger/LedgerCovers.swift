import PreflightCore

/// What this process has granted that the disk may not know of yet, by the scopes that calls are made in.
///
/// Used in this order: in a transaction `expose` and `mustReachDisk`, before its commit `plan`, after it `committed`.
/// A value, without IO.
struct LedgerCovers {
    private var covers: [Int: DiskCover] = [:]
    private var exposed: [Int: USD] = [:]
    private var raised: [Int: USD] = [:]
    /// The transaction holds what may not be lost in a power cut.
    private(set) var mustReachDisk = false
    /// Where something was granted since the last write to the disk began, and before that one.
    private var loose: Set<Int> = []
    private var flying: Set<Int> = []
    private var isFilling = false
    /// When the oldest transaction was that the disk may not have, and no write to it was begun for.
    private var looseSince: Duration?
    /// A write to the disk is under way.
    private(set) var isFlying = false

    /// How long a transaction may be loose before a write begins: no longer than a few commits, so
    /// that after a power cut little is unknown.
    private static let longest: Duration = .milliseconds(5)

    /// Something rests on the disk's answer.
    var hasCover: Bool { covers.contains { $0.value.amount > .zero } }
    /// The transaction raises one.
    var isRaised: Bool { !raised.isEmpty }
    var isLoose: Bool { looseSince != nil }

    // MARK: In a transaction

    /// A call of the scope may cost `amount` more than the file said before; less than nothing is nothing.
    mutating func expose(_ amount: USD, at scope: Int) {
        exposed[scope, default: .zero] += max(.zero, amount)
    }

    mutating func reachDisk() { mustReachDisk = true }

    /// Decides whether the transaction's answers wait for the disk, and which covers it raises.
    ///
    /// - Parameter headroom: what is left in the chain of a scope.
    mutating func plan(_ headroom: (Int) -> Headroom) -> [(scope: Int, amount: USD)] {
        for (scope, amount) in exposed {
            let cover = covers[scope] ?? DiskCover()
            let headroom = headroom(scope)
            if cover.covers(amount), !headroom.isUncovered { continue }
            mustReachDisk = true
            switch headroom {
            case .uncovered: break
            case .endless: raised[scope] = cover.raise(for: amount, headroom: nil)
            case .money(let left): raised[scope] = cover.raise(for: amount, headroom: left)
            }
            if let target = raised[scope], target <= cover.amount { raised[scope] = nil }
        }
        return raised.map { ($0.key, $0.value) }
    }

    /// What limits the calls of a scope.
    enum Headroom {
        case money(USD)
        case endless
        /// Tokens or calls, which no cover counts; or the scope is closed, and its cover counts no more.
        case uncovered

        var isUncovered: Bool { if case .uncovered = self { true } else { false } }
    }

    /// The transaction failed: nothing of it holds.
    mutating func forget() {
        exposed.removeAll(keepingCapacity: true)
        raised.removeAll(keepingCapacity: true)
        mustReachDisk = false
    }

    // MARK: After it

    /// The transaction is in the file, and on the disk too if it had to be.
    ///
    /// - Parameter now: by a clock that never jumps.
    mutating func committed(at now: Duration) {
        if mustReachDisk {
            for scope in loose.union(flying) { covers[scope]?.reachedDisk(raisedTo: nil) }
            for (scope, amount) in raised { covers[scope, default: DiskCover()].reachedDisk(raisedTo: amount) }
            loose.removeAll(keepingCapacity: true)
            flying.removeAll(keepingCapacity: true)
            isFilling = false
            isFlying = false
            looseSince = nil
        } else {
            for (scope, amount) in exposed {
                covers[scope]?.grant(amount)
                loose.insert(scope)
                if covers[scope]?.isFilling ?? false { isFilling = true }
            }
            if looseSince == nil { looseSince = now }
        }
        forget()
    }

    /// Whether a write to the disk should begin now.
    func shouldTakeOff(at now: Duration) -> Bool {
        guard !isFlying, let looseSince else { return false }
        return isFilling || now - looseSince >= Self.longest
    }

    mutating func takeOff() {
        for scope in loose { covers[scope]?.takeOff() }
        swap(&flying, &loose)
        isFilling = false
        isFlying = true
        looseSince = nil
    }

    mutating func land() {
        for scope in flying { covers[scope]?.land() }
        flying.removeAll(keepingCapacity: true)
        isFlying = false
    }

    /// The disk has everything, and answers for nothing more.
    mutating func drop() {
        covers = [:]
        loose = []
        flying = []
        isFilling = false
        isFlying = false
        looseSince = nil
    }
}
