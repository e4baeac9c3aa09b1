import Foundation
import PreflightCore

/// A process that writes to the ledger, and the lock that says it lives.
final class LedgerSession {
    let id: Int64
    private let lock: HarnessLock
    private let lockPath: String

    /// Takes a lock of its own and writes itself down, inside the caller's transaction.
    ///
    /// - Parameter boot: which start of the system this is.
    init(file: LedgerFile, path: String, boot: String?, at now: Timestamp) throws {
        lockPath = "\(path).\(getpid())-\(UInt32.random(in: 0..<(.max))).lock"
        lock = try HarnessLock(path: lockPath)
        let statement = try file.database.prepare(
            "INSERT INTO session (lock, started_us, first_open, boot) VALUES (?, ?, ?, ?)")
        statement.bind(0, lockPath)
        statement.bind(1, now.microseconds)
        statement.bind(2, try file.calls.newest() + 1)
        statement.bind(3, boot)
        try statement.execute()
        id = file.database.lastInsertedRowID
    }

    /// Inside the caller's transaction.
    func end(file: LedgerFile, at now: Timestamp) throws {
        try Self.end(id, file: file, at: now)
        unlink(lockPath)
    }

    private static func end(_ id: Int64, file: LedgerFile, at now: Timestamp) throws {
        let statement = try file.database.prepare("UPDATE session SET ended_us = ? WHERE id = ?")
        statement.bind(0, now.microseconds)
        statement.bind(1, id)
        try statement.execute()
        try file.dropCovers(session: id)
    }

    /// Ends sessions whose process is gone, and returns what they left.
    ///
    /// - Parameter boot: which start of the system this is. What a session had written before another start may not
    ///   have reached the disk: then its covers count.
    static func bury(file: LedgerFile, except own: Int64?, boot: String?, at now: Timestamp) throws -> Remains {
        struct Dead {
            var id: Int64
            var lock: String
            var firstOpen: Int64
            var boot: String?
        }
        var dead: [Dead] = []
        try file.database.prepare("SELECT id, lock, first_open, boot FROM session WHERE ended_us IS NULL").query {
            row in
            let session = Dead(id: row.int64(0), lock: row.text(1) ?? "", firstOpen: row.int64(2), boot: row.text(3))
            if session.id != own, HarnessLock.holder(path: session.lock) != .living { dead.append(session) }
        }
        var remains = Remains()
        guard !dead.isEmpty else { return remains }
        let calls = try file.database.prepare(
            "SELECT id, scope, amount, worst, tokens FROM call WHERE id >= ? AND state = 0 AND session = ?")
        for session in dead {
            calls.bind(0, session.firstOpen)
            calls.bind(1, session.id)
            try calls.query { row in
                remains.calls.append(
                    LostCall(
                        id: row.int64(0), scope: row.int64(1), amount: row.usd(2), worst: row.usd(3),
                        tokens: row.int(4)))
            }
            if boot == nil || session.boot != boot {
                for (scope, amount) in try file.covers(session: session.id) {
                    remains.covers.append(LostCover(session: session.id, scope: scope, amount: amount))
                }
            }
            try end(session.id, file: file, at: now)
            unlink(session.lock)
        }
        return remains
    }

    /// What dead sessions have left.
    struct Remains {
        /// Calls under way. A call is sent as soon as its row is written, so each of them may have been billed.
        var calls: [LostCall] = []
        var covers: [LostCover] = []
    }

    struct LostCall {
        var id: Int64
        var scope: Int64
        var amount: USD
        var worst: USD
        var tokens: Int
    }

    /// Calls of this sum may have been granted shortly before a power cut that the file does not know of.
    struct LostCover {
        var session: Int64
        var scope: Int64
        var amount: USD
    }
}
