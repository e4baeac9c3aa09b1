import Dispatch
import Foundation
import PreflightCore
import Synchronization

/// Takes work from all callers to the engine, which runs it in transactions: on a thread of the desk's own, or, where a
/// caller is alone, there and then.
///
/// While a transaction is written, work gathers for the next. The thread is woken as seldom as can be: a caller that
/// works in turns, as an event loop does, wakes it once a turn, and settlements wait for a reservation to share its
/// write to the disk with.
final class LedgerDesk: Sendable {
    /// Taken before the inbox where both are. Only the thread waits for it.
    private let room: Mutex<Room>
    private let inbox = Mutex(Inbox())
    private let bell = DispatchSemaphore(value: 0)
    private let tickets = Atomic(0)
    /// After how long without work the disk is told that nothing more is granted.
    private let ebb: DispatchTimeInterval

    /// What is used by one at a time: the thread, or a caller who does its work itself.
    private struct Room {
        /// Nil after the end: with it go the file and the lock by which others know that this process lives.
        var engine: LedgerEngine?
        var plan = Plan()
        /// What is taken from the inbox; empty while nobody is here.
        var work: [LedgerWork] = []
    }

    private struct Inbox: ~Copyable {
        var work: [LedgerWork] = []
        /// Some of the work must not wait.
        var isDue = false
        /// Callers that have put in work in a turn that is not over, and see to it after that.
        var inTurn: [Turn] = []
        var sleep = Sleep.awake
        /// Others wait for what settlements give back.
        var waiting = 0
        var isClosed = false
        var hasEnded = false
        var endsSession = false
        var onEnd: [@Sendable () -> Void] = []

        struct Turn {
            var caller: ObjectIdentifier
            /// Some of the work must not wait.
            var isUrgent: Bool
        }

        /// Keeps in mind that a caller has put in work. True for the first of its turn.
        mutating func begin(_ caller: ObjectIdentifier, isUrgent: Bool) -> Bool {
            if let index = inTurn.firstIndex(where: { $0.caller == caller }) {
                inTurn[index].isUrgent = inTurn[index].isUrgent || isUrgent
                return false
            }
            inTurn.append(Turn(caller: caller, isUrgent: isUrgent))
            return true
        }

        /// Whether work of the turn must not wait.
        mutating func end(_ caller: ObjectIdentifier) -> Bool {
            guard let index = inTurn.firstIndex(where: { $0.caller == caller }) else { return false }
            return inTurn.remove(at: index).isUrgent
        }

        /// The thread rests, and nobody has called it or waits for what it does.
        var mayBeDoneByCaller: Bool {
            if case .awake = sleep { return false }
            return !isClosed && !isDue && waiting == 0
        }

        /// Whether the thread must be told of work that may wait: one who sleeps deeply, to look again in milliseconds.
        /// It is then taken as done.
        mutating func wakesSleeper() -> Bool {
            guard case .deep = sleep else { return false }
            return wakes()
        }

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
    init(engine: sending LedgerEngine, ebb: Duration) {
        self.ebb = .microseconds(Int(ebb.wholeMicroseconds))
        room = Mutex(Room(engine: engine))
        let thread = Thread { self.run() }
        thread.name = "preflight-ledger"
        thread.start()
    }

    // MARK: Callers

    /// How many reservations waited for headroom after the last transaction.
    var waitingCount: Int { inbox.withLock { $0.waiting } }

    func nextTicket() -> Ledger.Ticket {
        Ledger.Ticket(number: tickets.add(1, ordering: .relaxed).newValue)
    }

    /// - Parameter caller: One who is alone has its work done where it is: what is urgent before this returns, all else
    ///   at the end of its turn. Any other rings at the end of its turn, if the work is urgent; nil rings at once.
    func submit(_ work: LedgerWork, isUrgent: Bool, caller: (any LedgerCaller)?) {
        let isAlone = caller?.isAlone ?? false
        if isAlone, isUrgent, let caller, doHere(work, for: caller) { return }
        enum Call { case none, ring, promise, refuse }
        let call: Call = inbox.withLock { inbox in
            if inbox.isClosed { return .refuse }
            inbox.work.append(work)
            let isUrgent = isUrgent || inbox.waiting > 0
            guard isUrgent || isAlone else { return inbox.wakesSleeper() ? .ring : .none }
            guard let caller else {
                inbox.isDue = true
                return inbox.wakes() ? .ring : .none
            }
            return inbox.begin(ObjectIdentifier(caller), isUrgent: isUrgent) ? .promise : .none
        }
        switch call {
        case .none: break
        case .ring: bell.signal()
        case .promise:
            guard let caller else { return }
            caller.atEndOfTurn { self.endTurn(of: caller) }
        case .refuse: work.fail(.unavailable("the ledger is closed"))
        }
    }

    private func endTurn(of caller: any LedgerCaller) {
        let isUrgent = inbox.withLock { $0.end(ObjectIdentifier(caller)) }
        if caller.isAlone, doHere(nil, for: caller) { return }
        let wakes = inbox.withLock { inbox in
            guard !inbox.work.isEmpty || inbox.isDue else { return false }
            guard isUrgent || inbox.isDue else { return inbox.wakesSleeper() }
            inbox.isDue = true
            return inbox.wakes()
        }
        if wakes { bell.signal() }
    }

    /// Does what is there, and then `more`, where the caller is: to wake the thread and to be woken by it takes longer
    /// than the transaction itself. False where the thread is at work, or must be because there is something to wait
    /// for; then nothing was done.
    private func doHere(_ more: LedgerWork?, for caller: any LedgerCaller) -> Bool {
        let answers = room.withLockIfAvailable { room -> LedgerDeliveries? in
            defer { room.work.removeAll(keepingCapacity: true) }
            let mayBeDone = inbox.withLock { inbox in
                guard inbox.mayBeDoneByCaller else { return false }
                swap(&inbox.work, &room.work)
                return true
            }
            guard mayBeDone, let engine = room.engine else { return nil }
            let count = room.work.count
            if let more { room.work.append(more) }
            guard !room.work.isEmpty else { return LedgerDeliveries() }
            let answers = engine.runAtOnce(room.work)
            room.plan.patience = .now() + Self.laziness
            let waiting = engine.waitingCount
            inbox.withLock { inbox in
                inbox.waiting = waiting
                guard answers == nil else { return }
                inbox.work.insert(contentsOf: room.work[..<count], at: 0)
                // Not to be tried here again: it comes to the thread next.
                if more != nil { inbox.isDue = true }
            }
            return answers
        }
        guard let answers = answers.flatMap({ $0 }) else { return false }
        answers.send(to: caller)
        // Where the room is in use, the next transaction does it, or the thread when it rests.
        _ = room.withLockIfAvailable { $0.engine?.follow() }
        // What is to be looked after now the thread sees within milliseconds, unless it sleeps deeply.
        if inbox.withLock({ $0.wakesSleeper() }) { bell.signal() }
        return true
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
    }

    /// The thread's last transaction: how many reservations were in it, and when it was over.
    private struct Pace {
        var count = 0
        var end = DispatchTime(uptimeNanoseconds: 0)

        /// Whether it is worth while to let work gather.
        func isBusy(at now: DispatchTime) -> Bool {
            count >= LedgerDesk.crowd && now.uptimeNanoseconds &- end.uptimeNanoseconds < LedgerDesk.recently
        }
    }

    private enum Step {
        case work, end
        case rest(until: DispatchTime?, isDeep: Bool)
    }

    /// How the thread goes on.
    private enum Rest {
        case untilCalled, untilEbb
        case until(DispatchTime)
        /// There was work. Its answers are sent after the room is left.
        case worked(LedgerDeliveries)
        case ended([LedgerDeliveries])
    }

    private func run() {
        var pace = Pace()
        var isCalled = true
        while true {
            if pace.isBusy(at: .now()) { usleep(Self.gathering) }
            guard let rest = enter(isCalled: isCalled, &pace) else {
                isCalled = bell.wait(timeout: .now() + Self.laziness) == .success
                continue
            }
            isCalled = true
            switch rest {
            case .worked(let answers):
                answers.send()
                room.withLock { $0.engine?.follow() }
            case .untilCalled: bell.wait()
            case .until(let end): isCalled = bell.wait(timeout: end) == .success
            case .untilEbb:
                if bell.wait(timeout: .now() + ebb) == .timedOut { room.withLock { $0.engine?.dropCover() } }
            case .ended(let answers):
                for answers in answers { answers.send() }
                let then = inbox.withLock { inbox in
                    inbox.hasEnded = true
                    return inbox.onEnd
                }
                for done in then { done() }
                return
            }
        }
    }

    /// One that wakes by itself does not wait for a caller who does the work that is there: nil then.
    private func enter(isCalled: Bool, _ pace: inout Pace) -> Rest? {
        isCalled ? room.withLock { pass(&$0, &pace) } : room.withLockIfAvailable { pass(&$0, &pace) }
    }

    private func pass(_ room: inout Room, _ pace: inout Pace) -> Rest {
        guard let engine = room.engine else { return .ended([]) }
        engine.tidy()
        if room.plan.look == nil, engine.hasFailed || engine.hasWaiters {
            room.plan.look = .now() + (engine.hasFailed ? Self.retryPause : Self.foreignLook)
        }
        defer { room.work.removeAll(keepingCapacity: true) }
        switch next(&room.plan, &room.work, waiting: engine.waitingCount) {
        case .rest(let end, let isDeep):
            if isDeep, !engine.settleDown() { return .until(.now() + Self.laziness) }
            if let end { return .until(end) }
            return isDeep && engine.hasCover ? .untilEbb : .untilCalled
        case .work:
            pace.count = room.work.count { $0.isReservation }
            let answers = engine.run(room.work)
            pace.end = .now()
            return .worked(answers)
        case .end:
            var answers = [engine.run(room.work)]
            if inbox.withLock({ $0.endsSession }) { answers.append(engine.end()) }
            room.engine = nil
            return .ended(answers)
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
}
