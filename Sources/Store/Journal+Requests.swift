import GRDB
package import PreflightCore

/// What owners ask of living runs. Written by other processes, answered by the harness.
extension Journal {
    /// Puts an order before the harness; returns its number. On disk when this returns.
    package func ask(
        _ order: OwnerOrder, run: String, trial: String?, who: String, at now: Timestamp
    ) async throws -> Int64 {
        let (kind, amount, reason) = order.columns
        return try await write { database in
            try database.execute(
                sql:
                    "INSERT INTO request (run, trial, kind, amount, reason, who, created_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [run, trial, kind, amount?.picodollars, reason, who, now.microseconds])
            return database.lastInsertedRowID
        }
    }

    /// Those of a run that have no answer yet, oldest first. Cheap: a harness asks several times a second.
    package func openRequests(run: String) async throws -> [OwnerRequest] {
        try await read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM request WHERE run = ? AND answered_us IS NULL ORDER BY id",
                arguments: [run]
            ).compactMap(OwnerRequest.init(row:))
        }
    }

    /// What the run's owner has made of `budget.total`; nil where that was not changed.
    package func extendedTotal(run: String) async throws -> USD? {
        try await read { database in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT target FROM request WHERE run = ? AND trial IS NULL AND done = 1 AND kind LIKE 'extend%'
                    ORDER BY id DESC LIMIT 1
                    """, arguments: [run]
            ).map(USD.init(picodollars:))
        }
    }

    package func request(_ id: Int64) async throws -> OwnerRequest? {
        try await read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM request WHERE id = ?", arguments: [id])
                .flatMap(OwnerRequest.init(row:))
        }
    }

    /// The harness begins with it, and says what budget it will lead to. False when it was withdrawn meanwhile.
    package func take(_ id: Int64, target: USD? = nil, at now: Timestamp) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: """
                    UPDATE request SET taken_us = coalesce(taken_us, ?), target = coalesce(target, ?)
                    WHERE id = ? AND answered_us IS NULL
                    """, arguments: [now.microseconds, target?.picodollars, id])
            return database.changesCount == 1
        }
    }

    package func answer(_ id: Int64, _ answer: OwnerRequest.Answer, at now: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE request SET answered_us = ?, done = ?, answer = ? WHERE id = ? AND answered_us IS NULL",
                arguments: [now.microseconds, answer.isDone, answer.text, id])
        }
    }

    /// Whoever asked does not want it any more. False when the harness has begun with it.
    package func withdraw(_ id: Int64, at now: Timestamp) async throws -> Bool {
        try await write { database in
            try database.execute(
                sql: """
                    UPDATE request SET answered_us = ?, done = 0, answer = 'withdrawn'
                    WHERE id = ? AND taken_us IS NULL AND answered_us IS NULL
                    """, arguments: [now.microseconds, id])
            return database.changesCount == 1
        }
    }

    /// Answers all that is open: the run is over.
    package func closeRequests(run: String, _ text: String, at now: Timestamp) async throws {
        try await write { database in
            try database.execute(
                sql: "UPDATE request SET answered_us = ?, done = 0, answer = ? WHERE run = ? AND answered_us IS NULL",
                arguments: [now.microseconds, text, run])
        }
    }
}

extension OwnerOrder {
    fileprivate var columns: (kind: String, amount: USD?, reason: String?) {
        switch self {
        case .stop(let isQuick): (isQuick ? "stop_now" : "stop", nil, nil)
        case .eject(let reason): ("eject", nil, reason)
        case .extend(.by(let amount)): ("extend_by", amount, nil)
        case .extend(.to(let amount)): ("extend_to", amount, nil)
        case .hold(let reason): ("hold", nil, reason)
        case .release: ("release", nil, nil)
        case .steer(let message): ("steer", nil, message)
        }
    }

    fileprivate init?(kind: String, amount: USD?, reason: String?) {
        switch (kind, amount) {
        case ("stop", _): self = .stop(isQuick: false)
        case ("stop_now", _): self = .stop(isQuick: true)
        case ("eject", _): self = .eject(reason: reason ?? "")
        case ("extend_by", let amount?): self = .extend(.by(amount))
        case ("extend_to", let amount?): self = .extend(.to(amount))
        case ("hold", _): self = .hold(reason: reason ?? "")
        case ("release", _): self = .release
        case ("steer", _): self = .steer(message: reason ?? "")
        default: return nil
        }
    }
}

extension OwnerRequest {
    fileprivate init?(row: Row) {
        func time(_ column: String) -> Timestamp? { (row[column] as Int64?).map(Timestamp.init(microseconds:)) }
        func usd(_ column: String) -> USD? { (row[column] as Int64?).map(USD.init(picodollars:)) }
        guard let order = OwnerOrder(kind: row["kind"], amount: usd("amount"), reason: row["reason"]) else {
            return nil
        }
        self.init(
            id: row["id"], run: row["run"], trial: row["trial"], order: order, who: row["who"],
            createdAt: Timestamp(microseconds: row["created_us"]), takenAt: time("taken_us"), target: usd("target"),
            answer: time("answered_us").map { _ in
                Answer(isDone: row["done"] as Bool? ?? false, text: row["answer"] as String? ?? "")
            })
    }
}
