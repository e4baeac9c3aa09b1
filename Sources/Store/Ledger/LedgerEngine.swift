import PreflightCore

/// Runs work in transactions, and keeps the line of those who wait. Used by one thread at a time.
final class LedgerEngine {
    private let state: LedgerState
    private let session: LedgerSession
    private let disk: LedgerDisk
    private let now: @Sendable () -> Timestamp
    private let maxWaiting: Int
    private let began = ContinuousClock.now
    /// In the order they came.
    private var waiting: [LedgerWait] = []
    /// Scopes whose headroom someone waits for: whoever comes later and needs it too waits behind.
    private var contested: Set<Int> = []
    private var retained: [LedgerWork] = []
    private(set) var hasFailed = false
    /// The last transaction waited for the disk although it raised no cover: so may the next.
    private var isUncovered = false

    var waitingCount: Int { waiting.count }
    var hasWaiters: Bool { !waiting.isEmpty }

    init(
        path: String, maxWaiting: Int, boot: String?, sync: @escaping LedgerDisk.Sync,
        now: @escaping @Sendable () -> Timestamp
    ) throws {
        let file = try LedgerFile(path: path)
        _ = try file.beginWriting()
        WriteAheadRoom.make(in: file.database.logPath)
        do {
            let time = now()
            session = try LedgerSession(file: file, path: path, boot: boot, at: time)
            state = LedgerState(file: file, session: session.id, boot: boot)
            _ = try state.holdLost(now: time)
            try state.write()
            try file.commitWriting()
            state.keepScopes()
        } catch {
            file.rollback()
            throw error
        }
        self.now = now
        self.maxWaiting = maxWaiting
        disk = try LedgerDisk(log: file.database.logPath, sync: sync)
        try disk.reach()
    }

    deinit { disk.end() }

    func run(_ fresh: [LedgerWork]) -> LedgerDeliveries {
        let work = retained.isEmpty ? fresh : retained + fresh
        retained = []
        guard !work.isEmpty || isWorthALook else { return LedgerDeliveries() }
        return transact(work) { try self.state.file.beginWriting() } ?? LedgerDeliveries()
    }

    /// The same for a thread that may not be held up. Nil where another process or the disk would have to be waited
    /// for: then nothing was done.
    func runAtOnce(_ work: [LedgerWork]) -> LedgerDeliveries? {
        guard retained.isEmpty, !isUncovered, hasCover || !work.contains(where: \.isGrant) else { return nil }
        return transact(work, maySync: false) { try self.state.file.beginWritingAtOnce() }
    }

    /// - Parameters:
    ///   - maySync: The disk may be waited for.
    ///   - begin: Takes the write lock, and tells whether another connection has written; nil where it is taken.
    /// - Returns: nil where nothing was done.
    private func transact(
        _ work: [LedgerWork], maySync: Bool = true, begin: () throws -> Bool?
    ) -> LedgerDeliveries? {
        var deliveries = LedgerDeliveries()
        let waitingBefore = waiting
        func undo() {
            state.file.rollback()
            state.forget()
            contested = []
            waiting = waitingBefore
            deliveries = LedgerDeliveries()
        }
        let time = now()
        do {
            try land()
            guard let isForeign = try begin() else { return nil }
            if isForeign { state.distrust() }
            try perform(work, mayBeFreed: isForeign, at: time, into: &deliveries)
            try state.write()
            let waitsForDisk = try state.planDisk()
            isUncovered = waitsForDisk && !state.covers.isRaised
            if waitsForDisk, !maySync {
                undo()
                return nil
            }
            MarkedStep.ledgerCommits.pass()
            try state.file.commitWriting()
            MarkedStep.ledgerCommitted.pass()
            if waitsForDisk { try disk.reach() }
            state.keep(at: clock)
            hasFailed = false
        } catch {
            undo()
            fail(work, because: "\(error)", into: &deliveries)
        }
        return deliveries
    }

    /// Brings what is in the log into the file, so that the log begins anew. Takes some milliseconds, once in hundreds
    /// of transactions.
    func tidy() {
        if state.file.isLogFull { state.file.emptyLog() }
    }

    // MARK: The disk

    /// After the answers are sent: begins to bring to the disk what has gathered.
    func follow() {
        if state.covers.shouldTakeOff(at: clock) { takeOff() }
    }

    private func takeOff() {
        guard !disk.isBusy else { return }
        if state.covers.isFlying { state.covers.land() }
        state.covers.takeOff()
        disk.begin()
    }

    private func land() throws {
        // Asked in this order: what failed is known before it is over.
        let isOver = state.covers.isFlying && !disk.isBusy
        try disk.check()
        if isOver { state.covers.land() }
    }

    /// Nothing is to be done for a while: what was granted goes to the disk.
    /// False while the disk is still busy with what came before.
    func settleDown() -> Bool {
        if state.covers.isLoose { takeOff() }
        return !state.covers.isLoose
    }

    /// The disk answers for what it need not.
    var hasCover: Bool { state.covers.hasCover }

    /// Nothing was done for long: the disk gets everything, and answers for nothing more.
    func dropCover() {
        do {
            try disk.check()
            if try state.file.beginWriting() { state.distrust() }
            try state.file.dropCovers(session: session.id)
            try state.file.commitWriting()
            try disk.reach()
            state.covers.drop()
        } catch {
            // The cover stays, which is too much and never too little.
            state.file.rollback()
        }
    }

    /// Those who wait are served when another process has given back, or when their patience is over.
    private var isWorthALook: Bool {
        !waiting.isEmpty && (isOver(waiting) || (try? state.file.hasForeignChanges()) ?? true)
    }

    /// Somebody's patience is over.
    private func isOver(_ line: [LedgerWait]) -> Bool {
        let clock = clock
        return line.contains { $0.deadline <= clock }
    }

    /// Time since the engine was made, which patience is measured by.
    private var clock: Duration { began.duration(to: .now) }

    private func fail(_ work: [LedgerWork], because reason: String, into deliveries: inout LedgerDeliveries) {
        hasFailed = true
        for item in work {
            if item.isKept, !disk.hasFailed {
                retained.append(item)
            } else if case .cancel(let ticket) = item {
                var none: [LedgerWait] = []
                _ = cancel(ticket, newcomers: &none, into: &deliveries)
            } else {
                deliveries.fail(item, .unavailable(reason))
            }
        }
        // Those who wait go on waiting, but not for ever.
        let clock = clock
        waiting.removeAll { wait in
            guard wait.deadline <= clock || disk.hasFailed else { return false }
            deliveries.add(wait, .failure(.unavailable(reason)))
            return true
        }
    }

    /// - Parameter mayBeFreed: Another process has written: what it gave back serves those who wait here.
    private func perform(
        _ work: [LedgerWork], mayBeFreed: Bool, at time: Timestamp, into deliveries: inout LedgerDeliveries
    ) throws {
        var hasFreed = mayBeFreed
        var newcomers: [LedgerWait] = []
        for item in work {
            switch item {
            case .reserve(let wait): newcomers.append(wait)
            case .cancel(let ticket):
                hasFreed = cancel(ticket, newcomers: &newcomers, into: &deliveries) || hasFreed
            case .resolve(let call, let resolution, let caller, let then, let isDurable):
                if isDurable { state.covers.reachDisk() }
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
            case .giveBack(let call, let amount, let tokens):
                try state.giveBack(call, amount, tokens: tokens)
                hasFreed = true
            case .note(let call, let generation): try state.note(call, generation: generation)
            case .control(let body, let then):
                hasFreed = true
                state.covers.reachDisk()
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
            deliveries.add(line.remove(at: index), .failure(.cancelled))
            return true
        }
        return take(&waiting) || take(&newcomers)
    }

    /// Grants, refuses, or puts in line.
    private func serve(
        _ wait: LedgerWait, isNew: Bool, at time: Timestamp, into deliveries: inout LedgerDeliveries
    ) throws {
        func refuse(_ refusal: LedgerRefusal) { deliveries.add(wait, .failure(refusal)) }
        let index: Int
        do { index = try state.index(of: wait.scope) } catch let refusal as LedgerRefusal { return refuse(refusal) }
        let isLate = isNew ? wait.patience <= .zero : wait.deadline <= clock
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
            if isNew { wait.deadline = clock + wait.patience }
            contested.insert(short)
            waiting.append(wait)
        case .granted(let grant):
            let call = try state.reserve(ask, grant: grant, at: index, model: wait.model, now: time)
            deliveries.add(wait, .success(LedgerGrant(call: call, grant: grant)))
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
        for wait in waiting { deliveries.add(wait, .failure(.unavailable("the ledger closes"))) }
        waiting = []
        for item in retained { deliveries.fail(item, .unavailable("the ledger closes")) }
        retained = []
        do {
            // What a disk has lost nobody here knows: the next process finds this one dead.
            try disk.check()
            if try state.file.beginWriting() { state.distrust() }
            try state.holdAll(now: now())
            try state.write()
            try session.end(file: state.file, at: now())
            try state.file.commitWriting()
            try disk.reach()
        } catch {
            // The next process that opens the file does the same, when it finds the lock free.
            state.file.rollback()
        }
        return deliveries
    }
}

extension LedgerDeliveries {
    fileprivate mutating func fail(_ work: LedgerWork, _ refusal: LedgerRefusal) {
        let caller: (any LedgerCaller)?
        switch work {
        case .reserve(let wait): return add(wait, .failure(refusal))
        case .extend(_, _, let asker, _), .resolve(_, _, let asker, _, _): caller = asker
        case .cancel, .shrink, .giveBack, .note, .control: caller = nil
        }
        add(caller) { work.fail(refusal) }
    }
}
