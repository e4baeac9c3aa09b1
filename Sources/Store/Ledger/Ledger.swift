package import PreflightCore
import Synchronization

/// Who may spend what: reservations that are written before a call is sent, and what came of them.
///
/// Many callers' reservations are decided and written in one transaction (group commit), which takes SQLite's write
/// lock, so that several processes on one file stay correct. Settlements ride along. A process that dies leaves its
/// calls to be held in full by the next one that opens the file. A power cut may take the last calls from the file, but
/// not their money: the disk answers for it before they are granted (`DiskCover`). Where the file cannot be written,
/// nothing is granted.
package final class Ledger: Sendable {
    package let path: String
    private let desk: LedgerDesk

    /// Opens the file, makes its tables if needed, and holds what dead processes have left under way.
    ///
    /// - Parameters:
    ///   - maxWaiting: How many calls may wait for headroom at once; more are refused as busy.
    ///   - boot: Which start of the system this is; by default it is asked.
    ///   - ebb: After how long without work the disk is told that nothing more is granted. A power cut after that
    ///     leaves nothing unknown.
    ///   - sync: Brings a file to the disk, given its descriptor, and returns the error's number or 0.
    package init(
        path: String, maxWaiting: Int = 4096, boot: String? = SystemStart.name, ebb: Duration = .seconds(2),
        sync: (@Sendable (CInt) -> CInt)? = nil, now: @escaping @Sendable () -> Timestamp
    ) throws {
        self.path = path
        do {
            _ = try Schema.open(path)
            let engine = try LedgerEngine(
                path: path, maxWaiting: maxWaiting, boot: boot, sync: sync ?? LedgerDisk.live, now: now)
            desk = LedgerDesk(engine: engine, ebb: ebb)
        } catch let error as PreflightError {
            throw error
        } catch {
            throw PreflightError(
                .failed, "cannot open the ledger \(path): \(error)",
                hint: "check the disk and the permissions, or choose another place with --runs-dir")
        }
    }

    /// How many reservations wait for headroom that calls under way hold.
    package var waitingCount: Int { desk.waitingCount }

    deinit { desk.stop() }

    /// Ends this process's part: what is under way becomes held. Nothing is granted afterwards.
    package func close() async {
        await withCheckedContinuation { continuation in desk.end { continuation.resume() } }
    }
}

// MARK: Calls

extension Ledger {
    /// Where a reservation that waits can be given up.
    package struct Ticket: Hashable, Sendable { let number: Int }

    /// By which a reservation can be given up that is asked for with it.
    package func nextTicket() -> Ticket { desk.nextTicket() }

    /// Reserves a call's worst case, or waits until it can. `then` runs on `caller` once the reservation is written,
    /// and its money on the disk: perhaps before this returns, where the caller is alone (`LedgerCaller.isAlone`).
    ///
    /// - Parameters:
    ///   - patience: How long to wait for headroom that calls under way hold. When it is over, what is there is taken
    ///     if it is enough for the least answer.
    package func reserve(
        _ ask: BudgetAsk, scope: ScopeID, model: String? = nil, patience: Duration, ticket: Ticket,
        on caller: (any LedgerCaller)?, then: @escaping @Sendable (Result<LedgerGrant, LedgerRefusal>) -> Void
    ) {
        let wait = LedgerWait(
            ticket: ticket, ask: ask, scope: scope, model: model, patience: patience, caller: caller, then: then)
        desk.submit(.reserve(wait), isUrgent: true, caller: caller)
    }

    /// Takes a waiting reservation out of the queue: it is refused as cancelled. One that was granted stays granted.
    package func cancel(_ ticket: Ticket) { desk.submit(.cancel(ticket), isUrgent: true, caller: nil) }

    /// The same for a task, which gives its place up when it is cancelled.
    package func reserve(
        _ ask: BudgetAsk, scope: ScopeID, model: String? = nil, patience: Duration = .seconds(60)
    ) async throws(LedgerRefusal) -> LedgerGrant {
        let ticket = nextTicket()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                reserve(ask, scope: scope, model: model, patience: patience, ticket: ticket, on: nil) {
                    continuation.resume(returning: $0)
                }
                if Task.isCancelled { cancel(ticket) }
            }
        } onCancel: {
            cancel(ticket)
        }
        return try result.get()
    }

    /// More output for a running call: `then` gets how many tokens of those asked for are paid, which may be none.
    package func extend(
        _ call: CallID, output: Int, on caller: (any LedgerCaller)?, then: @escaping @Sendable (Int) -> Void
    ) {
        desk.submit(.extend(call, output: output, caller, then), isUrgent: true, caller: caller)
    }

    /// Gives back what a running call cannot need any more.
    package func shrink(_ call: CallID, to amount: USD, tokens: Int) {
        desk.submit(.shrink(call, to: amount, tokens: tokens), isUrgent: false, caller: nil)
    }

    /// The same, as so much less: of what the call holds, and of its worst case, which may be more.
    package func giveBack(_ call: CallID, _ amount: USD, tokens: Int) {
        desk.submit(.giveBack(call, amount, tokens: tokens), isUrgent: false, caller: nil)
    }

    /// Keeps the provider's name of a call, by which its cost can be asked for after a crash.
    package func note(_ call: CallID, generation: String) {
        desk.submit(.note(call, generation: generation), isUrgent: false, caller: nil)
    }

    /// How a call ended. Written with the next reservation, or within milliseconds; `then` gets the scope's standing.
    package func resolve(
        _ call: CallID, _ resolution: LedgerResolution, on caller: (any LedgerCaller)? = nil,
        then: (@Sendable (LedgerStanding?) -> Void)? = nil
    ) {
        desk.submit(.resolve(call, resolution, caller, then, isDurable: false), isUrgent: false, caller: caller)
    }

    /// The same, on the disk when it returns.
    @discardableResult
    package func resolve(_ call: CallID, _ resolution: LedgerResolution) async -> LedgerStanding? {
        await withCheckedContinuation { continuation in
            desk.submit(
                .resolve(call, resolution, nil, { continuation.resume(returning: $0) }, isDurable: true),
                isUrgent: true, caller: nil)
        }
    }

    /// The cost of a held call has become known. False when it was not held any more.
    package func reconcile(_ call: HeldCall, cost: USD, tokens: Int = 0) async throws -> Bool {
        try await control { try $0.reconcile(call, cost: cost, tokens: tokens, now: $1) }
    }
}

// MARK: Scopes

extension Ledger {
    /// A scope of that name: the one there is, or a new one with these limits.
    package func scope(
        named name: String, parent: ScopeID? = nil, limits: BudgetLimits = BudgetLimits()
    ) async throws -> ScopeID {
        try await control { state, now in
            if let row = try state.file.scopeID(named: name) { return ScopeID(row: row) }
            return try state.addScope(name: name, parent: parent, limits: limits, now: now)
        }
    }

    /// The scope of that name, or nil.
    package func findScope(named name: String) async throws -> ScopeID? {
        try await control { state, _ in try state.file.scopeID(named: name).map(ScopeID.init(row:)) }
    }

    package func setLimits(_ limits: BudgetLimits, of scope: ScopeID) async throws -> LedgerStanding {
        try await control { state, _ in try state.change(scope) { $0.limits = limits } }
    }

    /// Changes the limit for all time and leaves the others. False, and nothing changed, when more is committed.
    package func setTotal(_ amount: USD, of scope: ScopeID) async throws -> Bool {
        try await control { state, _ in
            let present = try state.standing(of: scope).scope
            guard present.committed + present.reserved <= amount else { return false }
            _ = try state.change(scope) { $0.limits.money.total = amount }
            return true
        }
    }

    /// A closed scope accepts no call; those under way go on to their end.
    package func setClosed(_ isClosed: Bool, scope: ScopeID) async throws -> LedgerStanding {
        try await control { state, _ in try state.change(scope) { $0.isClosed = isClosed } }
    }

    /// Forgets what a scope has spent. Its parents keep what they count.
    package func reset(_ scope: ScopeID) async throws -> LedgerStanding {
        try await control { state, _ in try state.change(scope) { $0.reset() } }
    }

    package func standing(of scope: ScopeID) async throws -> LedgerStanding {
        try await control { state, _ in try state.standing(of: scope) }
    }

    /// What a call would get now. Nothing is reserved.
    package func decide(_ ask: BudgetAsk, scope: ScopeID) async throws -> BudgetDecision {
        try await judge(ask, scope: scope).decision
    }

    /// The same, with the name of the scope that binds the call; nil where none does.
    package func judge(
        _ ask: BudgetAsk, scope: ScopeID
    ) async throws -> (decision: BudgetDecision, binding: String?) {
        try await control { state, now in
            // First: it reads what others have changed into the tree.
            let index = try state.index(of: scope)
            let decision = state.tree.decide(ask, scope: index, at: now)
            switch decision {
            case .granted(let grant): return (decision, grant.tightest.map { state.tree.scopes[$0].name })
            case .wait(let short): return (decision, state.tree.scopes[short].name)
            case .refused(let shortage): return (decision, shortage.scope)
            }
        }
    }

    /// Holds what processes that are gone have left under way; how many calls that were.
    package func recover() async throws -> Int {
        try await control { try $0.holdLost(now: $1) }
    }

    func control<T: Sendable>(
        _ body: @escaping @Sendable (LedgerState, Timestamp) throws -> T
    ) async throws -> T {
        let result: Result<T, any Error> = await withCheckedContinuation { continuation in
            let box = Mutex<Result<T, any Error>?>(nil)
            desk.submit(
                .control(
                    { state, now in
                        let value = try body(state, now)
                        box.withLock { $0 = .success(value) }
                    },
                    then: { error in
                        let value = box.withLock { $0 }
                        continuation.resume(
                            returning: error.map(Result.failure)
                                ?? value ?? .failure(LedgerRefusal.unavailable("no answer")))
                    }),
                isUrgent: true, caller: nil)
        }
        do { return try result.get() } catch let refusal as LedgerRefusal {
            throw PreflightError(.failed, "the ledger \(path) failed: \(refusal)")
        }
    }
}
