import Synchronization

/// What the owner of a listener does to the calls that come in by it: lets them wait, and puts words before the model.
///
/// Held and released from any thread; each call that waits is told by its own event loop.
package final class CallControl: Sendable {
    /// A message that is put before the model once, with the next call that has a place for it.
    package struct Message: Sendable, Equatable {
        /// Counts up in a trial.
        package var number: Int
        package var text: String

        package init(number: Int, text: String) {
            self.number = number
            self.text = text
        }
    }

    private struct State {
        var isHeld: Bool
        var waiting: [Int: @Sendable () -> Void] = [:]
        var places = 0
        var messages: [Message] = []
    }

    private let state: Mutex<State>

    package init(isHeld: Bool = false, messages: [Message] = []) {
        state = Mutex(State(isHeld: isHeld, messages: messages))
    }

    /// From now on no call is sent; or those that wait go on, and later ones do not wait.
    package func setHeld(_ isHeld: Bool) {
        let released = state.withLock { state in
            state.isHeld = isHeld
            guard !isHeld else { return [@Sendable () -> Void]() }
            defer { state.waiting = [:] }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for goOn in released { goOn() }
    }

    package func tell(_ message: Message) {
        state.withLock { state in
            guard !state.messages.contains(where: { $0.number == message.number }) else { return }
            state.messages.append(message)
        }
    }

    /// Calls that wait now.
    package var waiting: Int { state.withLock { $0.waiting.count } }
}

extension CallControl {
    /// Keeps `goOn` until the calls are released; the place by which it is taken back. Nil where they are not held.
    func wait(_ goOn: @escaping @Sendable () -> Void) -> Int? {
        state.withLock { state in
            guard state.isHeld else { return nil }
            state.places += 1
            state.waiting[state.places] = goOn
            return state.places
        }
    }

    func leave(_ place: Int) { state.withLock { _ = $0.waiting.removeValue(forKey: place) } }

    /// Those that no call has in its hands.
    func takeMessages() -> [Message] {
        state.withLock { state in
            defer { state.messages = [] }
            return state.messages
        }
    }

    /// They were not seen.
    func giveBack(_ messages: [Message]) {
        state.withLock { $0.messages = (messages + $0.messages).sorted { $0.number < $1.number } }
    }
}
