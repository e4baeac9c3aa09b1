import Synchronization

/// Collects the ports of servers as they come up, for those who wait for all of them.
final class Binding: Sendable {
    private struct State {
        var ports: [Int: Int] = [:]
        var failure: (any Error)?
    }

    private let expected: Int
    private let state = Mutex(State())
    private let settled = Latch()

    init(expected: Int) {
        self.expected = expected
        if expected == 0 { settled.open() }
    }

    func note(port: Int, index: Int) {
        let isComplete = state.withLock { state in
            state.ports[index] = port
            return state.ports.count == expected
        }
        if isComplete { settled.open() }
    }

    /// Too late to matter once all ports are known.
    func fail(with error: any Error) {
        state.withLock { if $0.ports.count < expected, $0.failure == nil { $0.failure = error } }
        settled.open()
    }

    func ports() async throws -> [Int] {
        await settled.wait()
        try Task.checkCancellation()
        return try state.withLock { state in
            if let failure = state.failure { throw failure }
            return state.ports.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
