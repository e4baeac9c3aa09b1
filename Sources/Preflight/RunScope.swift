import PreflightCore
import Store

extension Ledger {
    /// The scope of a run: for a new run a new one, for one that is taken up again the one it has.
    ///
    /// A process that died between this and the journal's entry of its run has left a scope in which nothing happened.
    /// Who has inherited its claim takes that over, with limits of their own.
    ///
    /// - Parameter claim: nil for a run that is taken up again.
    /// - Throws: `usage` where somebody else has a scope of that name.
    func scope(
        ofRun id: String, below parent: ScopeID?, limits: BudgetLimits, claim: RunClaim?
    ) async throws -> ScopeID {
        guard let claim else { return try await scope(named: id, parent: parent, limits: limits) }
        if let known = try await findScope(named: id) {
            guard claim.isInherited, try await isUntouched(known, below: parent) else {
                throw PreflightError(.usage, "the ledger has a scope \(id) already", hint: "choose another --run-id")
            }
            claim.use()
            _ = try await setLimits(limits, of: known)
            return known
        }
        claim.use()
        let made = try await scope(named: id, parent: parent, limits: limits)
        MarkedStep.runScopeMade.pass()
        return made
    }

    /// Nothing was ever called in it, and nothing hangs on it.
    private func isUntouched(_ id: ScopeID, below parent: ScopeID?) async throws -> Bool {
        let scopes = try await LedgerReader(path: path).scopes()
        guard let entry = scopes.first(where: { $0.id == id }) else { return false }
        let parentName = scopes.first { $0.id == parent }?.scope.name
        let scope = entry.scope
        return entry.parent == parentName && !scope.isClosed && scope.calls == 0 && scope.openCalls == 0
            && scope.committed == .zero && scope.reserved == .zero && !scopes.contains { $0.parent == scope.name }
    }
}
