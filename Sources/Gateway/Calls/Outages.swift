import NIOCore
import PreflightCore
import Synchronization

/// The outages that callers meet now, each by whose budget and which model it is. Shared by all event loops.
final class Outages: Sendable {
    struct Name: Hashable, Sendable {
        var scope: String
        var model: String
    }

    /// How a call's waiting ended.
    enum End: String, Sendable {
        /// The upstream is back: it took the call, or refused it for another reason.
        case answered
        /// The outage lasted longer than calls wait, or the call could not be sent again.
        case gaveUp = "given_up"
        case callerLeft = "caller_left"
        /// The owner holds the trial's calls.
        case held
    }

    private let open = Mutex<[Name: Outage]>([:])
    /// Calls ask at every answer, so this must cost nothing where there is no outage.
    private let count = Atomic(0)

    /// How long the call that failed waits, and whether it is the first that does; nil where it is not to wait.
    func fail(
        _ name: Name, failures: Int, asked: Duration?, isWaiting: Bool, rule: OutageRule
    ) -> (pause: Duration, isFirst: Bool)? {
        let now = Self.now
        return open.withLock { open in
            // Those that nobody waits for are kept to know how long they last; not more of them than memory is for.
            if open.count >= Self.mostKept { open = open.filter { $0.value.waiting > 0 } }
            var outage = open[name] ?? Outage(since: now)
            outage.fail(at: now, rule: rule)
            defer {
                open[name] = outage
                count.store(open.count, ordering: .relaxed)
            }
            guard
                let pause = rule.pause(
                    after: failures, lasting: now - outage.since, asked: asked, jitter: Int.random(in: 0...1000))
            else { return nil }
            let isFirst = !isWaiting && outage.waiting == 0
            if !isWaiting { outage.enter() }
            return (pause, isFirst)
        }
    }

    /// A call no longer waits. How long the outage has lasted, if it was the last one that did.
    func leave(_ name: Name, _ end: End) -> Duration? {
        open.withLock { open in
            guard var outage = open[name] else { return nil }
            outage.leave()
            open[name] = end == .answered && outage.waiting == 0 ? nil : outage
            count.store(open.count, ordering: .relaxed)
            return outage.waiting == 0 ? Self.now - outage.since : nil
        }
    }

    /// An answer has come, to a call that did not wait.
    func answered(_ name: @autoclosure () -> Name) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        let name = name()
        open.withLock { open in
            if open[name]?.waiting == 0 { open[name] = nil }
            count.store(open.count, ordering: .relaxed)
        }
    }

    private static let mostKept = 4096

    private static var now: Duration { .nanoseconds(Int64(NIODeadline.now().uptimeNanoseconds)) }
}
