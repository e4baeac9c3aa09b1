import Harness
import PreflightCore
import Store

/// What the ledger knows of the calls of a run's trials that an earlier process has made.
struct PastCalls: Sendable {
    let ledger: Ledger
    let run: String

    func name(of trial: String) -> String { "\(run)/\(trial)" }

    func scope(of trial: String) async throws -> ScopeID? { try await ledger.findScope(named: name(of: trial)) }

    func committed(of trial: String) async throws -> USD {
        guard let scope = try await scope(of: trial) else { return .zero }
        return try await ledger.standing(of: scope).scope.committed
    }

    /// Those whose cost is unknown.
    func held(_ trial: String) async throws -> [LedgerReader.Call] {
        let name = name(of: trial)
        return try await LedgerReader(path: ledger.path).heldCalls().filter { $0.scopeName == name }
    }

    /// Tells the trial's log what it does not know: how calls ended whose end their process could not write down.
    func tell(_ trial: String, _ told: CallBook, _ report: ModelAccess.Report) async throws {
        guard let scope = try await scope(of: trial) else { return }
        let spent = try await ledger.standing(of: scope).scope.committed
        let reader = try LedgerReader(path: ledger.path)
        var last = CallID(row: 0)
        while true {
            let page = try await reader.calls(of: name(of: trial), after: last, limit: 10_000)
            for call in page { tell(call, told.calls[call.id.row], spent: spent, report) }
            guard let end = page.last else { return }
            last = end.id
        }
    }

    private func tell(
        _ call: LedgerReader.Call, _ told: CallBook.Call?, spent: USD, _ report: ModelAccess.Report
    ) {
        func fields(_ own: KeyValuePairs<String, JSON?>) -> JSON.Object {
            var object = JSON.Object([
                .init(key: "scope", value: .string(call.scopeName)), .init(key: "call", value: .int(Int(call.id.row))),
            ])
            if let model = call.model { object.append("model", .string(model)) }
            if let generation = call.generation { object.append("generation", .string(generation)) }
            for member in JSON.record(own).object?.members ?? [] { object.append(member.key, member.value) }
            object.append("spent_usd", .usd(spent))
            return object
        }
        switch call.state {
        case .settled where told?.cost == nil:
            report(
                told?.wasHeld == true ? "call_reconciled" : "call_settled",
                fields(["cost_usd": .usd(call.cost ?? .zero), "basis": "ledger"]))
        case .held where told?.wasHeld != true:
            report(
                "call_held",
                fields(["reason": "its gateway died before it ended", "reserved_usd": .usd(call.amount)]))
        default: break
        }
    }
}
