/// What the disk answers for in one scope: money that calls may have been granted without the disk knowing of them.
///
/// A reservation is in the file before its call is sent, and survives its process from then on. Surviving a power cut
/// takes the disk, which takes longer than all the rest of a call. So the disk is told beforehand, once for many calls:
/// up to `amount` may have been granted here that is not written. While what was granted since the last write stays
/// within it, no call waits for the disk. After a power cut the whole amount is held, so that nothing is overspent.
package struct DiskCover: Sendable, Equatable {
    /// On the disk.
    package private(set) var amount: USD
    /// Granted since the last write to the disk began.
    package private(set) var loose = USD.zero
    /// Granted before that write began, which is not over.
    package private(set) var flying = USD.zero

    package init(amount: USD = .zero) { self.amount = amount }

    /// Whether `grants` may be given before the disk has them.
    package func covers(_ grants: USD) -> Bool { loose + flying + grants <= amount }

    /// More than half of it is used: a write to the disk should begin.
    package var isFilling: Bool { loose + loose > amount }

    /// What it should be raised to so that it covers `grants` and more that come after them; nil where that is not
    /// worth its price.
    ///
    /// After a power cut the cover counts as spent until its owner knows better. So it is twice what is needed, within
    /// a quarter of the headroom; and where that is little of the headroom, many times as much, since each write to the
    /// disk takes time from the calls beside it.
    ///
    /// - Parameter headroom: what is left in the tightest scope of the chain.
    package func raise(for grants: USD, headroom: USD?) -> USD? {
        let needed = loose + flying + grants
        var target = needed * 16
        if let headroom {
            let little = headroom.share(permille: 16)
            target = min(max(min(target, little), needed * 2), headroom.share(permille: 250))
        }
        return target >= needed ? target : nil
    }

    /// Calls were granted, and the disk does not know of them yet.
    package mutating func grant(_ amount: USD) { loose += amount }

    /// A write to the disk begins. Only when none is under way.
    package mutating func takeOff() {
        flying = loose
        loose = .zero
    }

    /// The write that was under way is over.
    package mutating func land() { flying = .zero }

    /// Everything is on the disk, and so is `amount` if it was raised.
    package mutating func reachedDisk(raisedTo amount: USD?) {
        loose = .zero
        flying = .zero
        if let amount { self.amount = amount }
    }
}
