import PreflightCore

/// Something for the ledger to do in its next transaction.
enum LedgerWork: Sendable {
    case reserve(LedgerWait)
    case cancel(Ledger.Ticket)
    case resolve(CallID, LedgerResolution, (any LedgerCaller)?, (@Sendable (LedgerStanding?) -> Void)?)
    case extend(CallID, output: Int, (any LedgerCaller)?, @Sendable (Int) -> Void)
    case shrink(CallID, to: USD, tokens: Int)
    case note(CallID, generation: String)
    case control(@Sendable (LedgerState, Timestamp) throws -> Void, then: @Sendable ((any Error)?) -> Void)

    /// Must not be lost when a transaction fails: it is tried again with the next.
    var isKept: Bool {
        switch self {
        case .resolve, .shrink, .note: true
        case .reserve, .cancel, .extend, .control: false
        }
    }

    /// Tells who asked that it was not done.
    func fail(_ refusal: LedgerRefusal) {
        switch self {
        case .reserve(let wait): wait.then(.failure(refusal))
        case .extend(_, _, _, let then): then(0)
        case .control(_, let then): then(refusal)
        case .resolve(_, _, _, let then): then?(nil)
        case .cancel, .shrink, .note: break
        }
    }
}

/// A reservation that is asked for, and waits if it must.
struct LedgerWait: Sendable {
    var ticket: Ledger.Ticket
    var ask: BudgetAsk
    var scope: ScopeID
    var model: String?
    var deadline: ContinuousClock.Instant
    var caller: (any LedgerCaller)?
    var then: @Sendable (Result<LedgerGrant, LedgerRefusal>) -> Void
}

/// Answers, gathered so that each caller is woken once a transaction.
struct LedgerDeliveries {
    private var direct: [@Sendable () -> Void] = []
    private var batches: [(caller: any LedgerCaller, work: [@Sendable () -> Void])] = []

    mutating func add(_ caller: (any LedgerCaller)?, _ work: @escaping @Sendable () -> Void) {
        guard let caller else { return direct.append(work) }
        if let index = batches.firstIndex(where: { $0.caller === caller }) {
            batches[index].work.append(work)
        } else {
            batches.append((caller, [work]))
        }
    }

    func send() {
        for batch in batches { batch.caller.resume(batch.work) }
        for work in direct { work() }
    }
}

/// Runs work in transactions, and keeps the line of those who wait. Used on the ledger's thread only.
final class LedgerEngine {
    private let state: LedgerState
    private let session: LedgerSession
    private let now: @Sendable () -> Timestamp
    private let maxWaiting: Int
    /// In the order they came.
    private var waiting: [LedgerWait] = []
    /// Scopes whose headroom someone waits for: whoever comes later and needs it too waits behind.
    private var contested: Set<Int> = []
    private var retained: [LedgerWork] = []
    private(set) var hasFailed = false

    var waitingCount: Int { waiting.count }
    var hasWaiters: Bool { !waiting.isEmpty }

    init(path: String, maxWaiting: Int, now: @escaping @Sendable () -> Timestamp) throws {
        let file = try LedgerFile(path: path)
        _ = try file.beginWriting()
        WriteAheadRoom.make(besides: path)
        do {
            let time = now()
            session = try LedgerSession(file: file, path: path, at: time)
            state = LedgerState(file: file, session: session.id)
            _ = try state.holdLost(now: time)
            try state.write()
            try file.commitWriting()
        } catch {
            file.rollback()
            throw error
        }
        self.now = now
        self.maxWaiting = maxWaiting
    }

    func run(_ fresh: [LedgerWork]) -> LedgerDeliveries {
        let work = retained.isEmpty ? fresh : retained + fresh
        retained = []
        var deliveries = LedgerDeliveries()
        guard !work.isEmpty || isWorthALook else { return deliveries }
        let waitingBefore = waiting
        do {
            let isForeign = try state.file.beginWriting()
            if isForeign { state.distrust() }
            try perform(work, mayBeFreed: isForeign, into: &deliveries)
            try state.write()
            try state.file.commitWriting()
            state.keep()
            hasFailed = false
        } catch {
            state.file.rollback()
            state.forget()
            contested = []
            waiting = waitingBefore
            deliveries = LedgerDeliveries()
            fail(work, because: "\(error)", into: &deliveries)
        }
        return deliveries
    }

    /// Those who wait are served when another process has given back, or when their patience is over.
    private var isWorthALook: Bool {
        !waiting.isEmpty && (isOver(waiting) || (try? state.file.hasForeignChanges()) ?? true)
    }

    /// Somebody's patience is over.
    private func isOver(_ line: [LedgerWait]) -> Bool {
        let now = ContinuousClock.now
        return line.contains { $0.deadline <= now }
    }

    private func fail(_ work: [LedgerWork], because reason: String, into deliveries: inout LedgerDeliveries) {
        hasFailed = true
        for item in work {
            if item.isKept { retained.append(item) } else { item.deliverFailure(.unavailable(reason), &deliveries) }
        }
        // Those who wait go on waiting, but not for ever.
        let time = ContinuousClock.now
        waiting.removeAll { wait in
            guard wait.deadline <= time else { return false }
            LedgerWork.reserve(wait).deliverFailure(.unavailable(reason), &deliveries)
            return true
        }
    }

    /// - Parameter mayBeFreed: Another process has written: what it gave back serves those who wait here.
    private func perform(
        _ work: [LedgerWork], mayBeFreed: Bool, into deliveries: inout LedgerDeliveries
    ) throws {
        let time = now()
        var hasFreed = mayBeFreed
        var newcomers: [LedgerWait] = []
        for item in work {
            switch item {
            case .reserve(let wait): newcomers.append(wait)
            case .cancel(let ticket):
                hasFreed = cancel(ticket, newcomers: &newcomers, into: &deliveries) || hasFreed
            case .resolve(let call, let resolution, let caller, let then):
                let scope = try state.resolve(call, resolution, now: time)
                hasFreed = true
                if let then {
                    let standing = scope.map { state.standing(at: $0) }
                    deliveries.add(caller) { then(standing) }
                }
            case .extend(let call, let output, let caller, let then):
                let granted = try state.extend(call, output: output, now: time)
                deliveries.add(caller) { then(granted) }
            case .shrink(let call, let amount, let tokens):
                try state.shrink(call, to: amount, tokens: tokens)
                hasFreed = true
            case .note(let call, let generation): try state.note(call, generation: generation)
            case .control(let body, let then):
                hasFreed = true
                do {
                    try body(state, time)
                    deliveries.add(nil) { then(nil) }
                } catch let error as SQLite.Failure {
                    throw error
                } catch {
                    deliveries.add(nil) { then(error) }
                }
            }
        }
        if waiting.isEmpty {
            contested.removeAll(keepingCapacity: true)
        } else if hasFreed || isOver(waiting) {
            contested.removeAll(keepingCapacity: true)
            let line = waiting
            waiting = []
            for wait in line { try serve(wait, isNew: false, at: time, into: &deliveries) }
        }
        for wait in newcomers { try serve(wait, isNew: true, at: time, into: &deliveries) }
    }

    private func cancel(
        _ ticket: Ledger.Ticket, newcomers: inout [LedgerWait], into deliveries: inout LedgerDeliveries
    ) -> Bool {
        func take(_ line: inout [LedgerWait]) -> Bool {
            guard let index = line.firstIndex(where: { $0.ticket == ticket }) else { return false }
            LedgerWork.reserve(line.remove(at: index)).deliverFailure(.cancelled, &deliveries)
            return true
        }
        return take(&waiting) || take(&newcomers)
    }

    /// Grants, refuses, or puts in line.
    private func serve(
        _ wait: LedgerWait, isNew: Bool, at time: Timestamp, into deliveries: inout LedgerDeliveries
    ) throws {
        func refuse(_ refusal: LedgerRefusal) {
            LedgerWork.reserve(wait).deliverFailure(refusal, &deliveries)
        }
        let index: Int
        do { index = try state.index(of: wait.scope) } catch let refusal as LedgerRefusal { return refuse(refusal) }
        let isLate = wait.deadline <= .now
        var ask = wait.ask
        ask.takesLess = ask.takesLess || isLate
        var decision = state.tree.decide(ask, scope: index, at: time)
        if case .granted = decision, !isLate, !contested.isEmpty, let first = firstContested(from: index) {
            decision = .wait(first)
        }
        switch decision {
        case .refused(let shortage): refuse(.short(shortage))
        case .wait(let short):
            let scope = state.tree.scopes[short].name
            guard !isLate, !isNew || waiting.count < maxWaiting else { return refuse(.busy(scope: scope)) }
            contested.insert(short)
            waiting.append(wait)
        case .granted(let grant):
            let call = try state.reserve(ask, grant: grant, at: index, model: wait.model, now: time)
            let then = wait.then
            deliveries.add(wait.caller) { then(.success(LedgerGrant(call: call, grant: grant))) }
        }
    }

    private func firstContested(from index: Int) -> Int? {
        var found: Int?
        state.tree.forEach(from: index) { if found == nil, contested.contains($0) { found = $0 } }
        return found
    }

    /// The process ends in good order: what is under way is held, and nobody waits any more.
    func end() -> LedgerDeliveries {
        var deliveries = LedgerDeliveries()
        for wait in waiting { LedgerWork.reserve(wait).deliverFailure(.unavailable("the ledger closes"), &deliveries) }
        waiting = []
        do {
            if try state.file.beginWriting() { state.distrust() }
            try state.holdAll(now: now())
            try state.write()
            try session.end(file: state.file, at: now())
            try state.file.commitWriting()
        } catch {
            // The next process that opens the file does the same, when it finds the lock free.
            state.file.rollback()
        }
        return deliveries
    }
}

extension LedgerWork {
    fileprivate func deliverFailure(_ refusal: LedgerRefusal, _ deliveries: inout LedgerDeliveries) {
        let caller: (any LedgerCaller)? =
            switch self {
            case .reserve(let wait): wait.caller
            case .extend(_, _, let caller, _), .resolve(_, _, let caller, _): caller
            case .cancel, .shrink, .note, .control: nil
            }
        deliveries.add(caller) { fail(refusal) }
    }
}
