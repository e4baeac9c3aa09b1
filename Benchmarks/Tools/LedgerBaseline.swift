import Foundation
import GRDBSQLite
import PreflightCore

/// What the ledger is held against: `ledger-baseline FILE SECONDS`.
///
/// One caller, who writes one row in a transaction of its own and changes it in another, by SQLite's C API with the
/// ledger's settings: durable pairs without any sharing.
enum LedgerBaseline {
    static func run(_ arguments: [String]) throws {
        guard arguments.count == 2, let seconds = Int(arguments[1]) else {
            throw PreflightError(.usage, "ledger-baseline FILE SECONDS")
        }
        var opened: OpaquePointer?
        guard sqlite3_open(arguments[0], &opened) == SQLITE_OK, let database = opened else {
            throw PreflightError(.failed, "cannot open \(arguments[0])")
        }
        defer { sqlite3_close(database) }
        for sql in [
            "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
            "CREATE TABLE call (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, cost INTEGER, model TEXT)",
        ] {
            guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
                throw PreflightError(.failed, "\(sql): \(String(cString: sqlite3_errmsg(database)))")
            }
        }
        let insert = try prepare("INSERT INTO call (amount, model) VALUES (300000000, 'openai/gpt-4.1-mini')", database)
        let update = try prepare("UPDATE call SET cost = 412345678 WHERE id = last_insert_rowid()", database)
        defer {
            sqlite3_finalize(insert)
            sqlite3_finalize(update)
        }
        let began = ContinuousClock.now
        let usage = ProcessorTime.now
        var pairs = 0
        while ContinuousClock.now < began + .seconds(seconds) {
            for statement in [insert, update] {
                guard sqlite3_step(statement) == SQLITE_DONE else { throw PreflightError(.failed, "cannot write") }
                sqlite3_reset(statement)
            }
            pairs += 1
        }
        let elapsed = max(1, (ContinuousClock.now - began).wholeMicroseconds)
        let spent = ProcessorTime.now.microseconds - usage.microseconds
        Tools.say("\(pairs * 1_000_000 / Int(elapsed)) \(spent * 10 / Int64(max(1, pairs)))")
    }

    private static func prepare(_ sql: String, _ database: OpaquePointer) throws -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
            throw PreflightError(.failed, String(cString: sqlite3_errmsg(database)))
        }
        return statement
    }
}

/// What this process has used of the processors so far.
struct ProcessorTime {
    var microseconds: Int64

    static var now: ProcessorTime {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return ProcessorTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
