package import PreflightCore
package import Store

/// Calls of a ledger, one record each: for lists, files and requests.
package enum CallRecord {
    package static let columns = [
        "id", "time", "resolved", "scope", "model", "state", "reserved", "cost", "tokens", "generation",
    ]

    /// Amounts are exact decimals in dollars; the cost of a call that is not settled is null.
    package static func json(_ call: LedgerReader.Call) -> JSON {
        .record([
            "id": .int(Int(call.id.row)), "time": .string(call.createdAt.iso8601),
            "resolved": call.resolvedAt.map { .string($0.iso8601) } ?? .null, "scope": .string(call.scopeName),
            "model": call.model.map(JSON.string) ?? .null, "state": .string("\(call.state)"),
            "reserved": .usd(call.amount), "cost": call.cost.map(JSON.usd) ?? .null, "tokens": .int(call.tokens),
            "generation": call.generation.map(JSON.string) ?? .null,
        ])
    }

    /// A line of a file that spreadsheets read, in the order of `columns`, without its end.
    package static func csv(_ call: LedgerReader.Call) -> String {
        [
            "\(call.id.row)", call.createdAt.iso8601, call.resolvedAt?.iso8601 ?? "", call.scopeName,
            call.model ?? "", "\(call.state)", call.amount.decimalText, call.cost?.decimalText ?? "",
            "\(call.tokens)", call.generation ?? "",
        ].map(CSV.field).joined(separator: ",")
    }
}

/// Calls whose cost is unknown, for people.
package enum HeldTable {
    package static func text(_ calls: [LedgerReader.Call], width: Int) -> String {
        guard !calls.isEmpty else { return "no call is held" }
        var table = TextTable(
            header: ["id", "time", "scope", "held", "generation", "model"],
            alignments: [.right, .left, .left, .right, .left, .left], width: width)
        table.rows = calls.map { call in
            [
                "\(call.id.row)", call.createdAt.iso8601Seconds, call.scopeName, call.amount.description,
                PlainText.oneLine(call.generation ?? "-"), PlainText.oneLine(call.model ?? "-"),
            ]
        }
        return table.lines().joined(separator: "\n")
    }
}
