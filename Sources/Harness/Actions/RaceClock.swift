import PreflightCore
import Synchronization

/// The order in which a field's races hear of their trials, kept in the time stamps of what they hear: no two are equal, so
/// that whoever reads the logs later finds it again.
final class RaceClock: Sendable {
    private let last = Mutex(Timestamp(microseconds: 0))

    /// Stamps an event later than all before it, and has `tell` write it and tell the races before another one is stamped.
    func stamp(_ event: Event, _ tell: (Event) -> Void) {
        last.withLock { last in
            var event = event
            event.timestamp = max(event.timestamp, last + .microseconds(1))
            last = event.timestamp
            tell(event)
        }
    }
}
