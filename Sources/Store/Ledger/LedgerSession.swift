import Foundation
import PreflightCore

/// A process that writes to the ledger, and the lock that says it lives.
final class LedgerSession {
    let id: Int64
    private let lock: HarnessLock
    private let lockPath: String

    /// Takes a lock of its own and writes itself down, inside the caller's transaction.
    init(file: LedgerFile, path: String, at now: Timestamp) throws {
        lockPath = "\(path).\(getpid())-\(UInt32.random(in: 0..<(.max))).lock"
        lock = try HarnessLock(path: lockPath)
        let statement = try file.database.prepare("INSERT INTO session (lock, started_us, first_open) VALUES (?, ?, ?)")
        statement.bind(0, lockPath)
        statement.bind(1, now.microseconds)
        statement.bind(2, try file.calls.newest() + 1)
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
    }

    /// Ends sessions whose process is gone, and returns the calls that they left under way.
    ///
    /// A call is sent as soon as its reservation is on the disk, so each of them may have been billed.
    static func bury(file: LedgerFile, except own: Int64?, at now: Timestamp) throws -> [LostCall] {
        var dead: [(id: Int64, lock: String, firstOpen: Int64)] = []
        try file.database.prepare("SELECT id, lock, first_open FROM session WHERE ended_us IS NULL").query { row in
            let id = row.int64(0)
            let lock = row.text(1) ?? ""
            if id != own, HarnessLock.holder(path: lock) != .living { dead.append((id, lock, row.int64(2))) }
        }
        guard !dead.isEmpty else { return [] }
        var lost: [LostCall] = []
        let calls = try file.database.prepare(
            "SELECT id, scope, amount, worst, tokens FROM call WHERE id >= ? AND state = 0 AND session = ?")
        for session in dead {
            calls.bind(0, session.firstOpen)
            calls.bind(1, session.id)
            try calls.query { row in
                lost.append(
                    LostCall(
                        id: row.int64(0), scope: row.int64(1), amount: row.usd(2), worst: row.usd(3),
                        tokens: row.int(4)))
            }
            try end(session.id, file: file, at: now)
            unlink(session.lock)
        }
        return lost
    }

    struct LostCall {
        var id: Int64
        var scope: Int64
        var amount: USD
        var worst: USD
        var tokens: Int
    }
}
