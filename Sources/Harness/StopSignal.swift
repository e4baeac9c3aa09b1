import Synchronization

/// A run's owner asks for its end: once for a graceful one, twice for a quick one.
package final class StopSignal: Sendable {
    package enum Urgency: Int, Sendable, Comparable {
        case none, graceful, quick
        package static func < (a: Urgency, b: Urgency) -> Bool { a.rawValue < b.rawValue }
    }

    private struct State {
        var urgency = Urgency.none
        var cause: String?
        var listeners: [Int: AsyncStream<Urgency>.Continuation] = [:]
        var nextListener = 0
        var children: [StopSignal] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var urgency: Urgency { state.withLock { $0.urgency } }

    /// Why, where it is not the owner who asks.
    package var cause: String? { state.withLock { $0.cause } }

    /// Raises the urgency; it never falls. The first cause stays.
    package func raise(to urgency: Urgency, because cause: String? = nil) {
        let (listeners, children) = state.withLock { state -> ([AsyncStream<Urgency>.Continuation], [StopSignal]) in
            guard urgency > state.urgency else { return ([], []) }
            if state.urgency == .none { state.cause = cause }
            state.urgency = urgency
            return (Array(state.listeners.values), state.children)
        }
        for listener in listeners { listener.yield(urgency) }
        for child in children { child.raise(to: urgency, because: cause) }
    }

    /// A signal that rises with this one, and by itself: a trial's own. Kept as long as this one.
    package func makeChild() -> StopSignal {
        let child = StopSignal()
        let (urgency, cause) = state.withLock { state in
            state.children.append(child)
            return (state.urgency, state.cause)
        }
        child.raise(to: urgency, because: cause)
        return child
    }

    /// Every rise from now on, and the present urgency if it is one.
    package func rises() -> AsyncStream<Urgency> {
        let (stream, continuation) = AsyncStream.makeStream(of: Urgency.self, bufferingPolicy: .bufferingNewest(2))
        let id = state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = continuation
            if state.urgency > .none { continuation.yield(state.urgency) }
            return state.nextListener
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[id] = nil } }
        return stream
    }

    /// Returns once the urgency is at least `urgency`, or the task is cancelled.
    package func wait(for urgency: Urgency) async {
        for await risen in rises() where risen >= urgency { return }
    }
}
