import PreflightCore
import Reports
import Store

extension ConsoleServer {
    func row(_ scope: String) async throws(ConsoleFailure) -> BudgetReport.Row {
        let report = try await report()
        return try await asking(isMissing: true) { try report.row(scope) }
    }

    func budgets(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let report = try await report()
        guard let scope = call.parameter("scope") else { return ConsoleAnswer(["budgets": report.json]) }
        return ConsoleAnswer(report.json(try await asking(isMissing: true) { try report.row(scope) }))
    }

    /// Makes a scope, or changes what the body names of it.
    func defineBudget(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        var body = try call.object(keys: BudgetChange.keys + ["scope"])
        let scope = try call.requiredParameter("scope", body["scope"]?.string)
        body["scope"] = nil
        let definition = try await asking {
            try await doors.ledger.define(scope, BudgetChange(json: .object(body)))
        }
        let report = try await report()
        return ConsoleAnswer(
            report.json(try await asking(isMissing: true) { try report.row(scope) }),
            status: definition.isNew ? 201 : 200)
    }

    /// Closes a scope. It stays, with all that it spent: what was paid is never forgotten by deleting.
    func closeBudget(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let scope = try call.requiredParameter("scope")
        _ = try await row(scope)
        _ = try await asking { try await doors.ledger.define(scope, BudgetChange(isClosed: true)) }
        return try await changed(
            scope, "the scope is closed and accepts no calls; what it spent stays on record")
    }

    /// Forgets what a scope has spent; those above it keep counting it.
    func resetBudget(_ call: ConsoleCall) async throws(ConsoleFailure) -> ConsoleAnswer {
        let body = try call.object(keys: ["scope"])
        let scope = try call.requiredParameter("scope", body["scope"]?.string)
        _ = try await row(scope)
        try await asking {
            guard let id = try await doors.ledger.findScope(named: scope) else { return }
            _ = try await doors.ledger.reset(id)
        }
        return try await changed(
            scope, "what the scope spent is forgotten; what is under way or held stays, and so do the scopes above")
    }

    private func changed(_ scope: String, _ note: String) async throws(ConsoleFailure) -> ConsoleAnswer {
        let report = try await report()
        let row = try await asking(isMissing: true) { try report.row(scope) }
        guard var object = report.json(row).object else { return ConsoleAnswer(report.json(row)) }
        object.append("note", .string(note))
        return ConsoleAnswer(.object(object))
    }
}
