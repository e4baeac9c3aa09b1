package import PreflightCore
import Store

/// When a run was taken up again, and when trials of it were run again; it stands in `lock.json`, oldest first.
package struct RunHistory: Sendable {
    package var resumed: [JSON] = []
    package var retried: [JSON] = []

    package init() {}

    /// Writes it down behind what is there already, and gives it all.
    static func append(
        resumed: JSON? = nil, retried: JSON? = nil, to directory: RunDirectory
    ) throws -> RunHistory {
        let lock = try JSON.parse(try Files.read(directory.lockPath)).object ?? JSON.Object()
        var history = RunHistory()
        history.resumed = (lock["resumed"]?.array ?? []) + (resumed.map { [$0] } ?? [])
        history.retried = (lock["retried"]?.array ?? []) + (retried.map { [$0] } ?? [])
        var all = JSON.Object(lock.members.filter { $0.key != "resumed" && $0.key != "retried" })
        for (key, entries) in [("resumed", history.resumed), ("retried", history.retried)] where !entries.isEmpty {
            all.append(key, .array(entries))
        }
        try Files.replace(directory.lockPath, with: JSON.object(all).prettyText + "\n")
        return history
    }
}
