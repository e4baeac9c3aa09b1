import Synchronization

/// A named point between two effects. `preflight stress` ends the process there, to see what survives.
///
/// Whoever passes it says so with `pass()`, which costs one atomic read while nobody watches.
package enum MarkedStep: String, Sendable, CaseIterable {
    /// The ledger has the run's scope, the journal does not know of the run.
    case runScopeMade = "run-scope-made"
    /// The journal has the run, its directory nothing yet.
    case runBegun = "run-begun"
    /// The journal has the intent; nothing is made.
    case subKeyIntended = "subkey-intended"
    /// OpenRouter has the key; its hash is nowhere yet.
    case subKeyMade = "subkey-made"
    case subKeyNoted = "subkey-noted"
    case networkIntended = "network-intended"
    case networkMade = "network-made"
    case containerIntended = "container-intended"
    case containerStarted = "container-started"
    /// The decision to stop is on the disk, nothing is done about it.
    case stopDecided = "stop-decided"
    case subKeyDisabled = "subkey-disabled"
    case containerStopped = "container-stopped"
    /// How the trial ended is on the disk.
    case trialJudged = "trial-judged"
    /// The engine has removed it, the journal does not know.
    case containerRemoved = "container-removed"
    case spendReconciled = "spend-reconciled"
    /// OpenRouter has deleted it, the journal does not know.
    case subKeyDeleted = "subkey-deleted"
    /// The log has its last line; there is no receipt.
    case trialFinished = "trial-finished"
    case receiptWritten = "receipt-written"
    /// The run has its receipt; the journal calls it alive.
    case runReceiptWritten = "run-receipt-written"
    /// A transaction of the ledger is complete but for its commit.
    case ledgerCommits = "ledger-commits"
    case ledgerCommitted = "ledger-committed"
    /// The reservation is on the disk, nothing is sent.
    case callReserved = "call-reserved"
    case callSent = "call-sent"
    /// The answer is read, and what it cost; the ledger does not know.
    case callAnswered = "call-answered"

    private static let isWatched = Atomic(false)
    private static let watcher = Follower<MarkedStep>()

    package func pass() {
        guard Self.isWatched.load(ordering: .relaxed) else { return }
        Self.watcher.tell(self)
    }

    /// Has every step told to `watcher` from now on, on whatever thread passes it; nil for no one.
    package static func watch(_ watcher: (@Sendable (MarkedStep) -> Void)?) {
        Self.watcher.set(watcher)
        isWatched.store(watcher != nil, ordering: .sequentiallyConsistent)
    }
}
