package import PreflightCore
import Synchronization

/// Hands events to whoever follows them now. Nobody who reads slowly holds up the one who tells.
package final class ConsoleFeed: Sendable {
    /// One event, or a sign of life that keeps a quiet connection open.
    enum Item: Sendable {
        case event(type: String, fields: JSON)
        case tick
    }

    private struct State {
        var followers: [Int: AsyncStream<Item>.Continuation] = [:]
        var last = 0
        var isFinished = false
    }

    private let state = Mutex(State())

    package init() {}

    package var followerCount: Int { state.withLock { $0.followers.count } }

    package func publish(_ type: String, _ fields: JSON.Object) {
        guard followerCount > 0 else { return }
        send(.event(type: type, fields: .object(fields)))
    }

    func send(_ item: Item) {
        for follower in state.withLock({ Array($0.followers.values) }) { follower.yield(item) }
    }

    /// Everything from now on; nil when too many follow already, or the server ends.
    func follow(backlog: Int, most: Int) -> AsyncStream<Item>? {
        let (stream, input) = AsyncStream.makeStream(of: Item.self, bufferingPolicy: .bufferingNewest(backlog))
        let number: Int? = state.withLock { state in
            guard !state.isFinished, state.followers.count < most else { return nil }
            state.last += 1
            state.followers[state.last] = input
            return state.last
        }
        guard let number else { return nil }
        input.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    /// Ends every follower's stream.
    func finish() {
        let all = state.withLock { state in
            state.isFinished = true
            return Array(state.followers.values)
        }
        for follower in all { follower.finish() }
    }
}
