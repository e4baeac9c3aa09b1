import GRDB

/// The tables of a runs directory's SQLite file, made and brought up to date by whoever opens it first.
enum Schema {
    /// Opens the file beside others, with the tables that this version knows.
    static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(15)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try bringUpToDate(pool)
        return pool
    }

    /// Others may do the same at the same time: whoever comes second to a step finds it done, or its name taken among those
    /// that are done. All of its own step is undone then, and it looks again.
    private static func bringUpToDate(_ pool: DatabasePool) throws {
        for _ in 0..<10 {
            do { return try migrator.migrate(pool) } catch let error as DatabaseError {
                guard [.SQLITE_ERROR, .SQLITE_CONSTRAINT].contains(error.resultCode) else { throw error }
            }
        }
        try migrator.migrate(pool)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { try $0.execute(sql: journal) }
        migrator.registerMigration("2") { try $0.execute(sql: ledger) }
        migrator.registerMigration("3") { try $0.execute(sql: openCalls) }
        migrator.registerMigration("requests and leases") { try $0.execute(sql: requestsAndLeases) }
        migrator.registerMigration("covers") { try $0.execute(sql: covers) }
        migrator.registerMigration("ends") { try $0.execute(sql: ends) }
        migrator.registerMigration("orders of actions") { try $0.execute(sql: ordersOfActions) }
        return migrator
    }

    private static let journal = """
        CREATE TABLE run (
            id TEXT PRIMARY KEY, directory TEXT NOT NULL, created_us INTEGER NOT NULL,
            finished_us INTEGER, exit_status INTEGER
        ) STRICT;
        CREATE TABLE trial (
            run TEXT NOT NULL REFERENCES run(id), alias TEXT NOT NULL, position INTEGER NOT NULL,
            updated_us INTEGER NOT NULL, summary TEXT NOT NULL,
            PRIMARY KEY (run, alias)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE resource (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('subkey', 'container', 'network')),
            run TEXT NOT NULL, trial TEXT, name TEXT NOT NULL,
            handle TEXT, state TEXT NOT NULL CHECK (state IN ('intended', 'made', 'gone')),
            until_us INTEGER, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX resource_left ON resource(run) WHERE state <> 'gone';
        """

    /// Money is in picodollars. `scope` holds sums of `call`, kept in the same transactions, so that a decision reads
    /// a few rows. A call's `state`: 0 under way, 1 settled, 2 released, 3 held.
    private static let ledger = """
        CREATE TABLE session (
            id INTEGER PRIMARY KEY, lock TEXT NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER
        ) STRICT;
        CREATE TABLE scope (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES scope(id),
            limits TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
            spent INTEGER NOT NULL DEFAULT 0, spent_daily INTEGER NOT NULL DEFAULT 0,
            spent_weekly INTEGER NOT NULL DEFAULT 0, spent_monthly INTEGER NOT NULL DEFAULT 0,
            reserved INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0,
            tokens INTEGER NOT NULL DEFAULT 0, reserved_tokens INTEGER NOT NULL DEFAULT 0,
            calls INTEGER NOT NULL DEFAULT 0, open_calls INTEGER NOT NULL DEFAULT 0,
            first_call_us INTEGER, day INTEGER, created_us INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE call (
            id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, session INTEGER NOT NULL, state INTEGER NOT NULL,
            amount INTEGER NOT NULL, worst INTEGER NOT NULL, tokens INTEGER NOT NULL, cost INTEGER,
            created_us INTEGER NOT NULL, resolved_us INTEGER, model TEXT, generation TEXT
        ) STRICT;
        CREATE INDEX call_open ON call(state) WHERE state IN (0, 3);
        CREATE TABLE virtual_key (
            id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, label TEXT NOT NULL, name TEXT,
            scope INTEGER NOT NULL REFERENCES scope(id), models TEXT NOT NULL DEFAULT '[]',
            calls_per_minute INTEGER, expires_us INTEGER, created_us INTEGER NOT NULL, revoked_us INTEGER
        ) STRICT;
        """

    /// Every call is under way once, so an index of those cost each one two changes of it. Instead a session says from
    /// which call on it may have some; only held calls, which are few, are in an index.
    private static let openCalls = """
        DROP INDEX call_open;
        CREATE INDEX call_held ON call(state) WHERE state = 3;
        ALTER TABLE session ADD COLUMN first_open INTEGER NOT NULL DEFAULT 0;
        """

    /// What owners ask of a run, and until when its harness has said that it lives. `holder` names the harness that
    /// may renew; amounts are in picodollars.
    private static let requestsAndLeases = """
        CREATE TABLE request (
            id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run(id), trial TEXT,
            kind TEXT NOT NULL CHECK (kind IN ('stop', 'stop_now', 'eject', 'extend_by', 'extend_to')),
            amount INTEGER, reason TEXT, who TEXT NOT NULL, created_us INTEGER NOT NULL,
            taken_us INTEGER, target INTEGER, answered_us INTEGER, done INTEGER, answer TEXT
        ) STRICT;
        CREATE INDEX request_open ON request(run) WHERE answered_us IS NULL;
        ALTER TABLE run ADD COLUMN lease_us INTEGER;
        ALTER TABLE run ADD COLUMN holder TEXT;
        """

    /// When a guard ended what its harness could not.
    private static let ends = "ALTER TABLE resource ADD COLUMN ended_us INTEGER;"
    /// Owners may ask for more than an end and money. A check of a column cannot be changed, so the table is made anew.
    private static let ordersOfActions = """
        ALTER TABLE request RENAME TO request_before;
        DROP INDEX request_open;
        CREATE TABLE request (
            id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run(id), trial TEXT,
            kind TEXT NOT NULL CHECK (
                kind IN ('stop', 'stop_now', 'eject', 'extend_by', 'extend_to', 'hold', 'release', 'steer')),
            amount INTEGER, reason TEXT, who TEXT NOT NULL, created_us INTEGER NOT NULL,
            taken_us INTEGER, target INTEGER, answered_us INTEGER, done INTEGER, answer TEXT
        ) STRICT;
        INSERT INTO request (
            id, run, trial, kind, amount, reason, who, created_us, taken_us, target, answered_us, done, answer)
        SELECT id, run, trial, kind, amount, reason, who, created_us, taken_us, target, answered_us, done, answer
        FROM request_before;
        DROP TABLE request_before;
        CREATE INDEX request_open ON request(run) WHERE answered_us IS NULL;
        """

    /// What a session may have granted in a scope without the disk knowing of the calls: counts only after a power cut,
    /// which `boot`, the name of the system's start, tells.
    private static let covers = """
        ALTER TABLE session ADD COLUMN boot TEXT;
        CREATE TABLE cover (
            session INTEGER NOT NULL REFERENCES session(id), scope INTEGER NOT NULL, amount INTEGER NOT NULL,
            PRIMARY KEY (session, scope)
        ) STRICT, WITHOUT ROWID;
        """
}
