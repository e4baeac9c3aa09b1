import Harness
import PreflightCore
import Store

extension Ledger {
    /// The scope that all runs share which name this envelope; the first of them makes it.
    ///
    /// - Throws: `refused` where the envelope has another total than this run says, or none says any.
    func envelope(_ name: String, total: USD?) async throws -> ScopeID {
        let scopeName = ScopeName.envelope(name)
        if try await findScope(named: scopeName) == nil, total == nil {
            throw PreflightError(
                .refused, "there is no envelope \(name) yet, and budget.total does not say how large it is to be",
                hint: "give budget.total, or --total-budget USD")
        }
        // Whoever is first makes it; whoever comes at the same time finds it.
        let scope = try await scope(named: scopeName, limits: BudgetLimits(total: total))
        let present = try await standing(of: scope).scope.limits.money.total
        if let total, present != total {
            throw PreflightError(
                .refused, "the envelope \(name) has a total of \(present.map { "\($0)" } ?? "none"), not \(total)",
                hint: "leave budget.total out to share it as it is, "
                    + "or change it: `preflight budget set \(scopeName) --limit \(total.decimalText)`")
        }
        return scope
    }
}

/// A shared envelope for a run whose containers call OpenRouter themselves.
struct SharedEnvelope {
    let name: String
    let total: USD?
    let runID: String
    let wiring: Wiring
    /// On the run's name; nil for a run that has its scope already.
    var claim: RunClaim?

    func withEnvelope<T: Sendable>(_ body: (any TrialEnvelope) async throws -> T) async throws -> T {
        let ledger = try Ledger(path: wiring.runs.journalPath, now: wiring.world.now)
        let result: Result<T, any Error>
        do {
            // Its owner may have changed it meanwhile.
            let shared = try await ledger.envelope(name, total: claim == nil ? nil : total)
            let run = try await ledger.scope(ofRun: runID, below: shared, limits: BudgetLimits(), claim: claim)
            let inherited = try await LedgerReader(path: ledger.path).heldCalls().filter { $0.scope == run }
            result = .success(
                try await body(
                    LedgerEnvelope(
                        ledger: ledger, scope: run, door: ledger.door(of: shared), inherited: inherited.map(\.call))))
        } catch { result = .failure(error) }
        await ledger.close()
        return try result.get()
    }
}
