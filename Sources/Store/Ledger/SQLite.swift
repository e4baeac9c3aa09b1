import GRDBSQLite
import PreflightCore

/// One connection, by SQLite's C API: the ledger's few statements run tens of thousands of times a second.
///
/// Not safe for several threads at a time: the ledger sees to that.
final class SQLite {
    private let handle: OpaquePointer
    /// Pages in the write-ahead log after the last commit that wrote, since the last checkpoint. Counted after
    /// `watchLog`.
    private(set) var logPages = 0

    /// Locks of others are waited for, 15 s at most.
    private var waits = true

    struct Failure: Error, CustomStringConvertible {
        var code: CInt
        var description: String
        /// Another connection holds a lock.
        var isBusy: Bool { code & 0xFF == SQLITE_BUSY }
    }

    init(path: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(
            path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let handle else {
            let failure = Failure(code: code, description: handle.map { String(cString: sqlite3_errmsg($0)) } ?? "")
            sqlite3_close_v2(handle)
            throw failure
        }
        self.handle = handle
        // Short naps of equal length: the default ones grow, and starve whoever came late.
        sqlite3_busy_handler(
            handle,
            { connection, tries in
                guard let connection, Unmanaged<SQLite>.fromOpaque(connection).takeUnretainedValue().waits else {
                    return 0
                }
                sqlite3_sleep(1)
                return tries < 15_000 ? 1 : 0
            }, Unmanaged.passUnretained(self).toOpaque())
        sqlite3_extended_result_codes(handle, 1)
        try run("PRAGMA journal_mode = WAL")
        // `LedgerDisk` brings the log to the disk.
        try run("PRAGMA synchronous = NORMAL")
        try run("PRAGMA foreign_keys = ON")
    }

    deinit { sqlite3_close_v2(handle) }

    /// What finds a lock taken fails at once.
    func withoutWaiting<T>(_ body: () throws -> T) rethrows -> T {
        waits = false
        defer { waits = true }
        return try body()
    }

    /// Counts the pages of the write-ahead log. No commit makes a checkpoint any more: its time is the caller's to
    /// choose.
    func watchLog() {
        sqlite3_wal_hook(
            handle,
            { connection, _, _, pages in
                guard let connection else { return SQLITE_OK }
                Unmanaged<SQLite>.fromOpaque(connection).takeUnretainedValue().logPages = Int(pages)
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Takes the log's pages into the file, as far as no other connection needs them. One that fails loses nothing: the
    /// pages stay in the log, and the next one takes them.
    func checkpoint() {
        logPages = 0
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    func run(_ sql: String) throws {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    func prepare(_ sql: String) throws -> Statement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        return Statement(statement, of: self)
    }

    var lastInsertedRowID: Int64 { sqlite3_last_insert_rowid(handle) }
    /// Changes with each transaction that writes: with this connection's own when it commits, with those of others when
    /// this one reads or begins to write after them.
    var version: UInt32 {
        var version: UInt32 = 0
        sqlite3_file_control(handle, nil, SQLITE_FCNTL_DATA_VERSION, &version)
        return version
    }
    /// Rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// The write-ahead log beside the file. Links in the file's path are followed.
    var logPath: String {
        guard let file = sqlite3_db_filename(handle, "main"), let log = sqlite3_filename_wal(file) else { return "" }
        return String(cString: log)
    }

    /// Ends a transaction that may have failed in any state.
    func rollback() {
        if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    fileprivate func failure(_ code: CInt) -> Failure {
        Failure(code: code, description: String(cString: sqlite3_errmsg(handle)))
    }

    /// A prepared statement. Values are bound and columns read by position, from 0.
    final class Statement {
        private let handle: OpaquePointer
        private unowned let connection: SQLite

        fileprivate init(_ handle: OpaquePointer, of connection: SQLite) {
            self.handle = handle
            self.connection = connection
        }

        deinit { sqlite3_finalize(handle) }

        func bind(_ index: CInt, _ value: Int64) { sqlite3_bind_int64(handle, index + 1, value) }
        func bind(_ index: CInt, _ value: Int) { sqlite3_bind_int64(handle, index + 1, Int64(value)) }
        func bind(_ index: CInt, _ value: USD) { sqlite3_bind_int64(handle, index + 1, value.picodollars) }
        func bind(_ index: CInt, _ value: Int64?) {
            if let value { bind(index, value) } else { sqlite3_bind_null(handle, index + 1) }
        }

        func bind(_ index: CInt, _ value: String?) {
            guard var value else { return void(sqlite3_bind_null(handle, index + 1)) }
            // SQLITE_TRANSIENT: the bytes are copied before this returns.
            let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            value.withUTF8 { bytes in
                _ = bytes.withMemoryRebound(to: CChar.self) {
                    sqlite3_bind_text(handle, index + 1, $0.baseAddress, CInt($0.count), transient)
                }
            }
        }

        private func void(_: CInt) {}

        /// Runs a statement that gives no rows.
        func execute() throws {
            let code = sqlite3_step(handle)
            sqlite3_reset(handle)
            guard code == SQLITE_DONE else { throw connection.failure(code) }
        }

        /// Calls `row` for each row.
        func query(_ row: (Statement) throws -> Void) throws {
            defer { sqlite3_reset(handle) }
            while true {
                let code = sqlite3_step(handle)
                if code == SQLITE_DONE { return }
                guard code == SQLITE_ROW else { throw connection.failure(code) }
                try row(self)
            }
        }

        func int64(_ column: CInt) -> Int64 { sqlite3_column_int64(handle, column) }
        func int(_ column: CInt) -> Int { Int(sqlite3_column_int64(handle, column)) }
        func usd(_ column: CInt) -> USD { USD(picodollars: sqlite3_column_int64(handle, column)) }
        func optional(_ column: CInt) -> Int64? {
            sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
        }
        func text(_ column: CInt) -> String? {
            sqlite3_column_text(handle, column).map { String(cString: $0) }
        }
    }
}
