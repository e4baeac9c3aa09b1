import PreflightCore
import Store

/// Whether the ledger works. Finding out writes to it and reads all scopes, and anybody may ask: what was found is told
/// again for a while, and those who ask at once wait for one look.
actor LedgerWatch {
    struct Health: Sendable {
        /// Nil while all is well.
        var trouble: String?
        /// Nil where they could not be counted.
        var openCalls: Int?
    }

    private let ledger: Ledger
    private let reader: LedgerReader
    private let life: Duration
    private var last: (health: Health, at: ContinuousClock.Instant)?
    private var looking: Task<Health, Never>?

    /// - Parameter life: how long what was found is told again.
    init(_ ledger: Ledger, _ reader: LedgerReader, life: Duration) {
        self.ledger = ledger
        self.reader = reader
        self.life = life
    }

    func health() async -> Health {
        if let last, ContinuousClock.now - last.at < life { return last.health }
        if let looking { return await looking.value }
        let look = Task { [ledger, reader] in await Self.look(ledger, reader) }
        looking = look
        let health = await look.value
        looking = nil
        last = (health, ContinuousClock.now)
        return health
    }

    private static func look(_ ledger: Ledger, _ reader: LedgerReader) async -> Health {
        do {
            // Writes too: a ledger that can only be read grants nothing.
            _ = try await ledger.recover()
            let open = try await reader.scopes().filter { $0.parent == nil }.reduce(0) { sum, entry in
                let (total, overflow) = sum.addingReportingOverflow(entry.scope.openCalls)
                return overflow ? .max : total
            }
            return Health(openCalls: open)
        } catch {
            return Health(trouble: (error as? PreflightError)?.message ?? "\(error)")
        }
    }
}
