package import PreflightCore
package import Store

/// The virtual keys of a ledger, for people.
package enum KeyTable {
    package static func text(_ keys: [VirtualKeyStore.Entry], at now: Timestamp, width: Int) -> String {
        guard !keys.isEmpty else { return "no keys yet" }
        var table = TextTable(
            header: ["id", "name", "key", "scope", "state", "calls/min", "expires", "models"],
            alignments: [.right, .left, .left, .left, .left, .right, .left, .left], width: width)
        table.rows = keys.map { key in
            [
                String(key.id), key.name ?? "-", key.label, key.scopeName, key.state(at: now).rawValue,
                key.callsPerMinute.map(String.init) ?? "-", key.expiresAt?.iso8601Seconds ?? "-",
                key.models.isEmpty ? "any" : key.models.joined(separator: " "),
            ]
        }
        return table.lines().joined(separator: "\n")
    }
}
