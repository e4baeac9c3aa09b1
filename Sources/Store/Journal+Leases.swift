import GRDB
package import PreflightCore

/// Until when a harness has said that it watches its run.
///
/// The lock says exactly who lives on this machine; the lease says who has been heard of, and is what a harness goes by
/// that was asleep: while its lease has lapsed it spends nothing.
extension Journal {
    package static let leaseLength = Duration.seconds(30)

    /// Makes `holder` the one who may renew the run's lease.
    package func takeLease(run: String, holder: String, until: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE run SET holder = ?, lease_us = ? WHERE id = ?",
                arguments: [holder, until.microseconds, run])
        }
    }

    /// False when somebody else has taken the run.
    package func renewLease(run: String, holder: String, until: Timestamp) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: "UPDATE run SET lease_us = ? WHERE id = ? AND holder = ?",
                arguments: [until.microseconds, run, holder])
            return database.changesCount == 1
        }
    }

    package func run(_ id: String) async throws -> RunRecord? {
        try await read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM run WHERE id = ?", arguments: [id]).map(RunRecord.init(row:))
        }
    }
}
