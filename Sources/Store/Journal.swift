import Foundation
import GRDB
package import PreflightCore

/// The SQLite file of a runs directory: what was made outside and must be given back, and how each trial stands.
///
/// An intent is written before anything is made outside, and what came of it after, so that a crash between the two
/// leaves a trace to sweep by. Several processes may share the file.
package struct Journal: Sendable {
    private let pool: DatabasePool

    package init(path: String) throws {
        do { pool = try Schema.open(path) } catch let error as DatabaseError {
            throw PreflightError(
                .failed, "cannot open the journal \(path): \(error.message ?? "SQLite \(error.resultCode.rawValue)")",
                hint: "check the disk and the permissions, or choose another place with --runs-dir")
        }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do { return try await pool.write(body) } catch let error as DatabaseError { throw Self.translate(error) }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do { return try await pool.read(body) } catch let error as DatabaseError { throw Self.translate(error) }
    }

    private static func translate(_ error: DatabaseError) -> PreflightError {
        PreflightError(.failed, "the journal failed: \(error.message ?? "SQLite \(error.resultCode.rawValue)")")
    }
}

// MARK: Runs and trials

/// A run as the journal knows it.
package struct RunRecord: Sendable, Equatable {
    package var id: String
    package var directory: String
    package var createdAt: Timestamp
    package var finishedAt: Timestamp?
    package var exitStatus: Int?
    /// Until when its harness has said that it watches it.
    package var leaseUntil: Timestamp?

    init(row: Row) {
        func time(_ column: String) -> Timestamp? { (row[column] as Int64?).map(Timestamp.init(microseconds:)) }
        id = row["id"]
        directory = row["directory"]
        createdAt = Timestamp(microseconds: row["created_us"])
        finishedAt = time("finished_us")
        exitStatus = row["exit_status"]
        leaseUntil = time("lease_us")
    }

    /// How long nobody has heard of its harness, once its lease has lapsed.
    package func silence(at now: Timestamp) -> Duration? {
        guard finishedAt == nil, let leaseUntil, leaseUntil < now else { return nil }
        return now - leaseUntil + Journal.leaseLength
    }
}

extension Journal {
    /// Records a new run with its planned trials. Throws when the id is taken.
    package func begin(_ run: RunDirectory, trials: [TrialSummary], at now: Timestamp) async throws {
        let rows = trials.map { ($0.alias, $0.json.text) }
        try await write { database in
            guard try Int.fetchOne(database, sql: "SELECT 1 FROM run WHERE id = ?", arguments: [run.id]) == nil else {
                throw PreflightError(
                    .usage, "there is a run \(run.id) already", hint: "choose another --run-id, or leave it out")
            }
            try database.execute(
                sql: "INSERT INTO run (id, directory, created_us) VALUES (?, ?, ?)",
                arguments: [run.id, run.path, now.microseconds])
            for (position, row) in rows.enumerated() {
                try database.execute(
                    sql: "INSERT INTO trial (run, alias, position, updated_us, summary) VALUES (?, ?, ?, ?, ?)",
                    arguments: [run.id, row.0, position, now.microseconds, row.1])
            }
        }
    }

    package func update(_ summaries: [TrialSummary], run: String, at now: Timestamp) async throws {
        let rows = summaries.map { ($0.alias, $0.json.text) }
        try await write { database in
            let statement = try database.cachedStatement(
                sql: "UPDATE trial SET summary = ?, updated_us = ? WHERE run = ? AND alias = ?")
            for row in rows { try statement.execute(arguments: [row.1, now.microseconds, run, row.0]) }
        }
    }

    package func finish(run: String, exitStatus: Int32, at now: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE run SET finished_us = ?, exit_status = ? WHERE id = ?",
                arguments: [now.microseconds, exitStatus, run])
        }
    }

    /// A run that has ended goes on with these trials, which are to begin again. In one step: whoever looks finds the run
    /// as it was, or one that has not ended.
    package func reopen(_ trials: [TrialSummary], run: String, at now: Timestamp) async throws {
        let rows = trials.map { ($0.alias, $0.json.text) }
        try await write { database in
            for row in rows {
                try database.execute(
                    sql: "UPDATE trial SET summary = ?, updated_us = ? WHERE run = ? AND alias = ?",
                    arguments: [row.1, now.microseconds, run, row.0])
            }
            try database.execute(
                sql: "UPDATE run SET finished_us = NULL, exit_status = NULL WHERE id = ?", arguments: [run])
        }
    }

    /// All runs, newest first.
    package func runs() async throws -> [RunRecord] {
        try await read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM run ORDER BY created_us DESC, id DESC")
                .map(RunRecord.init(row:))
        }
    }

    /// The trials of a run in the order planned, and when each was last written.
    package func trials(run: String) async throws -> [(summary: TrialSummary, updatedAt: Timestamp)] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT summary, updated_us FROM trial WHERE run = ? ORDER BY position", arguments: [run]
            ).compactMap { row in
                let text: String = row["summary"]
                guard let json = try? JSON.parse(text), let summary = TrialSummary(json: json) else { return nil }
                return (summary, Timestamp(microseconds: row["updated_us"]))
            }
        }
    }
}

// MARK: Resources

/// Something made outside that must be given back.
package struct Resource: Sendable, Equatable {
    package enum Kind: String, Sendable { case subkey, container, network }

    package enum State: String, Sendable {
        /// About to be made; whether it was is not known.
        case intended
        case made
        case gone
    }

    package var id: Int64
    package var kind: Kind
    package var run: String
    package var trial: String?
    package var name: String
    /// A sub-key's hash.
    package var handle: String?
    package var state: State
    /// When it ends by itself.
    package var until: Timestamp?
    /// When somebody ended it for its harness, which was dead or stood still; nil where nobody did.
    package var endedAt: Timestamp?
    /// When its state changed last.
    package var updatedAt: Timestamp

    /// It was ended because its time was over.
    package var wasOverdue: Bool {
        guard let until, let endedAt else { return false }
        // A container's label tells its time in whole seconds.
        return endedAt.secondsSince1970 >= until.secondsSince1970
    }
}

extension Journal {
    /// Writes down that something is about to be made; returns its number. On disk when this returns.
    package func intend(
        _ kind: Resource.Kind, name: String, run: String, trial: String?, until: Timestamp? = nil, at now: Timestamp
    ) async throws -> Int64 {
        try await write { database in
            try database.execute(
                sql: """
                    INSERT INTO resource (kind, run, trial, name, state, until_us, created_us, updated_us)
                    VALUES (?, ?, ?, ?, 'intended', ?, ?, ?)
                    """,
                arguments: [
                    kind.rawValue, run, trial, name, until?.microseconds, now.microseconds, now.microseconds,
                ])
            return database.lastInsertedRowID
        }
    }

    package func made(_ id: Int64, handle: String?, at now: Timestamp) async throws {
        try await setState(.made, of: id, handle: handle, at: now)
    }

    package func gone(_ id: Int64, at now: Timestamp) async throws {
        try await setState(.gone, of: id, handle: nil, at: now)
    }

    /// It never was, and is not there: who looks later need not wonder what became of it.
    package func forget(_ id: Int64) async throws {
        try await write { try $0.execute(sql: "DELETE FROM resource WHERE id = ?", arguments: [id]) }
    }

    /// It was looked for and is not there. Whether a container ever ran that nobody has seen go stands in its trial's log.
    package func absent(_ entry: Resource, at now: Timestamp) async throws {
        if entry.kind == .container, entry.endedAt == nil {
            try await forget(entry.id)
        } else {
            try await gone(entry.id, at: now)
        }
    }

    /// Somebody is about to end it for its harness. It is not gone yet.
    package func ended(_ id: Int64, at now: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE resource SET ended_us = ? WHERE id = ? AND ended_us IS NULL",
                arguments: [now.microseconds, id])
        }
    }

    private func setState(_ state: Resource.State, of id: Int64, handle: String?, at now: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE resource SET state = ?, handle = coalesce(?, handle), updated_us = ? WHERE id = ?",
                arguments: [state.rawValue, handle, now.microseconds, id])
        }
    }

    /// Everything that may still exist outside, oldest first.
    package func resourcesLeft() async throws -> [Resource] {
        try await resources("state <> 'gone'", [])
    }

    /// Everything that was ever made outside for a run, oldest first.
    package func resources(run: String) async throws -> [Resource] { try await resources("run = ?", [run]) }

    /// What is known of an entry now.
    package func resource(_ id: Int64) async throws -> Resource? { try await resources("id = ?", [id]).first }

    private func resources(_ condition: String, _ arguments: StatementArguments) async throws -> [Resource] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM resource WHERE \(condition) ORDER BY id", arguments: arguments
            ).compactMap { row in
                guard let kind = Resource.Kind(rawValue: row["kind"]),
                    let state = Resource.State(rawValue: row["state"])
                else { return nil }
                return Resource(
                    id: row["id"], kind: kind, run: row["run"], trial: row["trial"], name: row["name"],
                    handle: row["handle"], state: state,
                    until: (row["until_us"] as Int64?).map(Timestamp.init(microseconds:)),
                    endedAt: (row["ended_us"] as Int64?).map(Timestamp.init(microseconds:)),
                    updatedAt: Timestamp(microseconds: row["updated_us"]))
            }
        }
    }
}
