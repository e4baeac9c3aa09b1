import Synchronization

/// What the callers of one listener, or of all, make the gateway keep. Shared by all event loops.
final class CallerLoad: Sendable {
    private let open = Atomic(0)
    private let bytes = Atomic(0)

    var connections: Int { open.load(ordering: .relaxed) }

    /// Counts a connection; false where there are as many as may be.
    func enter(most: Int) -> Bool {
        guard open.wrappingAdd(1, ordering: .relaxed).newValue > most else { return true }
        leave()
        return false
    }

    func leave() { open.wrappingSubtract(1, ordering: .relaxed) }

    fileprivate func take(_ count: Int, most: Int) -> Bool {
        guard bytes.wrappingAdd(count, ordering: .relaxed).newValue > most else { return true }
        giveBack(count)
        return false
    }

    fileprivate func giveBack(_ count: Int) { bytes.wrappingSubtract(count, ordering: .relaxed) }
}

/// The loads that a connection is part of, and what each may be.
struct CallerLoads: Sendable {
    var loads: [(load: CallerLoad, mostBytes: Int)]
}

/// The room that a long body takes, from its head until nobody has the request any more, a call that its caller has left
/// included. Changed on one event loop only.
final class KeptBody: @unchecked Sendable {
    private let loads: CallerLoads
    private var size = 0

    /// What every connection may send without being counted.
    static let uncounted = 64 * 1024

    init(_ loads: CallerLoads) { self.loads = loads }

    deinit { for entry in loads.loads { entry.load.giveBack(size) } }

    /// Takes more, for a body of this size; false where others have what is missing.
    func grow(to size: Int) -> Bool {
        let more = size - self.size
        guard more > 0 else { return true }
        for (index, entry) in loads.loads.enumerated() where !entry.load.take(more, most: entry.mostBytes) {
            for taken in loads.loads[..<index] { taken.load.giveBack(more) }
            return false
        }
        self.size = size
        return true
    }
}
