import Dispatch
import Foundation
import PreflightCore
import Synchronization

/// Takes work from all callers to one thread of its own, which runs it in transactions.
///
/// While a transaction is written, work gathers for the next. The thread is woken as seldom as can be: a caller that
/// works in turns, as an event loop does, wakes it once a turn, and settlements wait for a reservation to share its
/// write to the disk with.
final class LedgerDesk: Sendable {
    private let inbox = Mutex(Inbox())
    private let bell = DispatchSemaphore(value: 0)
    private let tickets = Atomic(0)
    /// After how long without work the disk is told that nothing more is granted.
    private let ebb: DispatchTimeInterval

    private struct Inbox: ~Copyable {
        var work: [LedgerWork] = []
        /// Some of the work must not wait.
        var isDue = false
        /// Callers that have put in work in a turn that is not over, and ring after it.
        var inTurn: [ObjectIdentifier] = []
        var sleep = Sleep.awake
        /// Others wait for what settlements give back.
        var waiting = 0
        var isClosed = false
        var hasEnded = false
        var endsSession = false
        var onEnd: [@Sendable () -> Void] = []

        /// Whether the thread must be woken, which is then taken as done.
        mutating func wakes() -> Bool {
            if case .awake = sleep { return false }
            sleep = .awake
            return true
        }
    }

    /// How the thread rests.
    private enum Sleep {
        case awake
        /// For milliseconds at most: it finds by itself what is not urgent.
        case brief
        case deep
    }

    /// How long, in microseconds, a busy thread lets work gather before it writes again: while many call, fewer and
    /// fuller transactions cost less, and nobody waits longer for it than for the calls before.
    private static let gathering: UInt32 = 150
    /// A transaction of so many reservations, ended so shortly ago, shows that the thread is busy. Fewer than what
    /// gathers in that time at half of what one core can do: else a busy thread that once found little would go on with
    /// little. Other work does not tell: a single caller brings several pieces of it with each call.
    private static let crowd = 2
    private static let recently: UInt64 = 500_000
    /// How long settlements may wait for a reservation.
    private static let laziness = DispatchTimeInterval.milliseconds(2)
    /// How often those who wait look whether another process has given back.
    private static let foreignLook = DispatchTimeInterval.milliseconds(50)
    /// How long after a failed write the next is tried.
    private static let retryPause = DispatchTimeInterval.milliseconds(100)

    /// Starts the thread, which lives until `end` or `stop`.
    init(engine: LedgerEngine, ebb: Duration) {
        self.ebb = .microseconds(Int(ebb.wholeMicroseconds))
        let cargo = Cargo(engine: engine)
        let thread = Thread { self.run(cargo.engine) }
        thread.name = "preflight-ledger"
        thread.start()
    }

    /// Carries the engine to the thread that uses it from then on.
    private struct Cargo: @unchecked Sendable {
        let engine: LedgerEngine
    }

    // MARK: Callers

    /// How many reservations waited for headroom after the last transaction.
    var waitingCount: Int { inbox.withLock { $0.waiting } }

    func nextTicket() -> Ledger.Ticket {
        Ledger.Ticket(number: tickets.add(1, ordering: .relaxed).newValue)
    }

    /// - Parameter caller: Rings at the end of its turn; nil rings at once.
    func submit(_ work: LedgerWork, isUrgent: Bool, caller: (any LedgerCaller)?) {
        enum Call { case none, ring, promise, refuse }
        let call: Call = inbox.withLock { inbox in
            if inbox.isClosed { return .refuse }
            inbox.work.append(work)
            guard isUrgent || inbox.waiting > 0 else {
                // One who sleeps deeply must be told, to look again in milliseconds.
                guard case .deep = inbox.sleep else { return .none }
                inbox.sleep = .awake
                return .ring
            }
            guard let caller else {
                inbox.isDue = true
                return inbox.wakes() ? .ring : .none
            }
            let id = ObjectIdentifier(caller)
            if inbox.inTurn.contains(id) { return .none }
            inbox.inTurn.append(id)
            return .promise
        }
        switch call {
        case .none: break
        case .ring: bell.signal()
        case .promise:
            guard let caller else { return }
            let id = ObjectIdentifier(caller)
            caller.atEndOfTurn { self.ring(id) }
        case .refuse: work.fail(.unavailable("the ledger is closed"))
        }
    }

    private func ring(_ caller: ObjectIdentifier) {
        let wakes = inbox.withLock { inbox in
            inbox.inTurn.removeAll { $0 == caller }
            if !inbox.work.isEmpty { inbox.isDue = true }
            return inbox.isDue && inbox.wakes()
        }
        if wakes { bell.signal() }
    }

    /// Does what is there, ends the process's part, and calls `then`. Nothing is taken any more.
    func end(_ then: @escaping @Sendable () -> Void) {
        let hasEnded = inbox.withLock { inbox in
            inbox.isClosed = true
            inbox.endsSession = true
            if !inbox.hasEnded { inbox.onEnd.append(then) }
            return inbox.hasEnded
        }
        if hasEnded { then() } else { bell.signal() }
    }

    /// Does what is there, and lets the thread go. What is under way is found by the next process, as after a crash.
    func stop() {
        inbox.withLock { $0.isClosed = true }
        bell.signal()
    }

    // MARK: The thread

    /// When the thread does what by itself.
    private struct Plan {
        /// Those who wait, or what could not be written, are looked after.
        var look: DispatchTime?
        /// What is not urgent has waited for long enough.
        var patience: DispatchTime?
        /// The last transaction: how many reservations were in it, and when it was over.
        var lastCount = 0
        var lastEnd = DispatchTime(uptimeNanoseconds: 0)

        /// Whether it is worth while to let work gather.
        func isBusy(at now: DispatchTime) -> Bool {
            lastCount >= LedgerDesk.crowd
                && now.uptimeNanoseconds &- lastEnd.uptimeNanoseconds < LedgerDesk.recently
        }
    }

    private enum Step {
        case work, end
        case rest(until: DispatchTime?, isDeep: Bool)
    }

    private func run(_ engine: LedgerEngine) {
        var plan = Plan()
        var work: [LedgerWork] = []
        while true {
            if plan.isBusy(at: .now()) { usleep(Self.gathering) }
            switch next(&plan, &work, waiting: engine.waitingCount) {
            case .rest(let end, let isDeep):
                if isDeep, !engine.settleDown() {
                    _ = bell.wait(timeout: .now() + Self.laziness)
                } else if let end {
                    _ = bell.wait(timeout: end)
                } else if isDeep, engine.hasCover {
                    if bell.wait(timeout: .now() + ebb) == .timedOut { engine.dropCover() }
                } else {
                    bell.wait()
                }
            case .work:
                plan.lastCount = work.count { $0.isReservation }
                engine.run(work).send()
                engine.follow()
                work.removeAll(keepingCapacity: true)
                plan.lastEnd = .now()
                if plan.look == nil, engine.hasFailed || engine.hasWaiters {
                    plan.look = .now() + (engine.hasFailed ? Self.retryPause : Self.foreignLook)
                }
            case .end:
                engine.run(work).send()
                return finish(engine)
            }
        }
    }

    /// What is to be done now; takes the work if there is any to be done.
    private func next(_ plan: inout Plan, _ work: inout [LedgerWork], waiting: Int) -> Step {
        let now = DispatchTime.now()
        let isLooking = plan.look.map { $0 <= now } ?? false
        let isPatient = plan.patience.map { now < $0 } ?? true
        return inbox.withLock { inbox in
            inbox.waiting = waiting
            inbox.sleep = .awake
            let hasWork = !inbox.work.isEmpty
            if inbox.isClosed || inbox.isDue || isLooking || hasWork && (waiting > 0 || !isPatient) {
                swap(&inbox.work, &work)
                inbox.isDue = false
                if isLooking { plan.look = nil }
                // After work more is to be expected: settlements then need not wake the thread.
                plan.patience = now + Self.laziness
                return inbox.isClosed ? .end : .work
            }
            if hasWork, plan.patience == nil { plan.patience = now + Self.laziness }
            if let patience = plan.patience, hasWork || isPatient {
                inbox.sleep = .brief
                return .rest(until: plan.look.map { min($0, patience) } ?? patience, isDeep: false)
            }
            plan.patience = nil
            inbox.sleep = .deep
            return .rest(until: plan.look, isDeep: true)
        }
    }

    private func finish(_ engine: LedgerEngine) {
        let endsSession = inbox.withLock { $0.endsSession }
        if endsSession { engine.end().send() }
        let then = inbox.withLock { inbox in
            inbox.hasEnded = true
            return inbox.onEnd
        }
        for done in then { done() }
    }
}
