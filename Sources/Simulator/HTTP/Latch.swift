import NIOCore
import Synchronization

/// A door that opens once; whoever waits goes on when it opens, or when its task is cancelled.
final class Latch: Sendable {
    private struct State {
        var openedAt: ContinuousClock.Instant?
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        /// Waiters on their way to a continuation.
        var awaited: Set<Int> = []
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    /// Nil while it is closed.
    var openedAt: ContinuousClock.Instant? { state.withLock { $0.openedAt } }

    func open() {
        let now = ContinuousClock.now
        let waiters = state.withLock { state in
            state.openedAt = state.openedAt ?? now
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    func wait() async { await wait(as: newWaiter()) }

    /// Goes on after this time at the latest; true when the door is open then.
    func wait(for duration: Duration, on loop: any EventLoop) async -> Bool {
        let id = newWaiter()
        let timer = loop.scheduleTask(in: .nanoseconds(duration.wholeNanoseconds)) { self.release(id) }
        await wait(as: id)
        timer.cancel()
        return openedAt != nil
    }

    private func newWaiter() -> Int {
        state.withLock { state in
            state.lastWaiter += 1
            // Says that nothing has released it yet.
            state.awaited.insert(state.lastWaiter)
            return state.lastWaiter
        }
    }

    private func wait(as id: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    // The handler or the timer may have come before there was anything to resume.
                    let isReleased = state.awaited.remove(id) == nil
                    if isReleased || state.openedAt != nil || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            release(id)
        }
    }

    private func release(_ id: Int) {
        let waiter = state.withLock { state in
            state.awaited.remove(id)
            return state.waiters.removeValue(forKey: id)
        }
        waiter?.resume()
    }
}

extension Duration {
    /// Some 36 years: far enough from the end of what a clock can count.
    private static let longest: Int64 = 1 << 60

    /// Saturating.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? Self.longest : Swift.min(sum, Self.longest)
    }
}
