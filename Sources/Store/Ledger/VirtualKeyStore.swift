import GRDB
package import PreflightCore

/// The virtual keys of a ledger's file, by the digests of their texts.
///
/// A key is only ever made and revoked, never changed, so what a gateway knows of it cannot be out of date in part.
package struct VirtualKeyStore: Sendable {
    private let pool: DatabasePool
    private let path: String

    package init(path: String) throws {
        self.path = path
        do { pool = try Schema.open(path) } catch let error as DatabaseError {
            throw Self.translate(error, path)
        }
    }

    /// A key as the file has it.
    package struct Entry: Sendable, Equatable {
        package var id: Int64
        package var digest: KeyDigest
        package var label: String
        package var name: String?
        package var scope: ScopeID
        package var scopeName: String
        /// Names, or beginnings with `*` behind them; empty for any model.
        package var models: [String]
        package var callsPerMinute: Int?
        package var expiresAt: Timestamp?
        package var createdAt: Timestamp
        package var revokedAt: Timestamp?
    }

    /// What a new key may do.
    package struct Terms: Sendable {
        package var name: String?
        package var models: [String]
        /// 1…1,000,000.
        package var callsPerMinute: Int?
        package var expiresAt: Timestamp?

        package init(
            name: String? = nil, models: [String] = [], callsPerMinute: Int? = nil, expiresAt: Timestamp? = nil
        ) {
            self.name = name
            self.models = models
            self.callsPerMinute = callsPerMinute
            self.expiresAt = expiresAt
        }
    }

    /// Makes a key. Its text is returned, and kept nowhere.
    ///
    /// - Throws: `PreflightError` with code `usage` for terms that make no sense, and for a name that a key which is
    ///   not revoked has already.
    package func create(
        _ terms: Terms, scope: ScopeID, at now: Timestamp
    ) async throws -> (key: Entry, text: Secret) {
        try terms.check(at: now)
        let text = KeyText.random()
        let digest = KeyDigest(of: text)
        let models = JSON.strings(terms.models).text
        let key = try await write { database in
            if let name = terms.name, try Self.find(name, in: database).contains(where: { $0.revokedAt == nil }) {
                throw PreflightError(.usage, "there is a key \(name) already", hint: "choose another name")
            }
            try database.execute(
                sql: """
                    INSERT INTO virtual_key
                        (hash, label, name, scope, models, calls_per_minute, expires_us, created_us)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    digest.hex, KeyText.label(of: text), terms.name, scope.row, models, terms.callsPerMinute,
                    terms.expiresAt?.microseconds, now.microseconds,
                ])
            return try Self.entries("virtual_key.id = ?", [database.lastInsertedRowID], in: database).first
        }
        guard let key else { throw PreflightError(.failed, "the new key is not in \(path)") }
        return (key, Secret(text))
    }

    /// All keys, the revoked ones too, oldest first.
    package func all() async throws -> [Entry] {
        try await read { try Self.entries("1", [], in: $0) }
    }

    /// Revokes the key of that id, label, name or text.
    ///
    /// - Returns: the key, and false when it was revoked before.
    /// - Throws: `PreflightError` with code `usage` when there is none, or more than one.
    package func revoke(_ name: String, at now: Timestamp) async throws -> (key: Entry, isNew: Bool) {
        try await write { database in
            let found = try Self.find(name, in: database)
            let living = found.filter { $0.revokedAt == nil }
            if living.count > 1 {
                let ids = living.map { String($0.id) }.joined(separator: ", ")
                throw PreflightError(.usage, "more than one key is meant", hint: "name one by its id: \(ids)")
            }
            guard var key = living.first ?? found.last else { throw try Self.unknown(name, in: database) }
            guard key.revokedAt == nil else { return (key, false) }
            try database.execute(
                sql: "UPDATE virtual_key SET revoked_us = ? WHERE id = ?", arguments: [now.microseconds, key.id])
            key.revokedAt = now
            return (key, true)
        }
    }

    /// Differs when keys were made or revoked in between.
    package struct Version: Sendable, Equatable {
        fileprivate var newest: Int64
        fileprivate var count: Int
        fileprivate var revoked: Int
    }

    /// Cheap enough to be asked for several times a second. SQLite's own `data_version` changes with every call of
    /// the ledger, and would say too much.
    package func version() async throws -> Version {
        try await read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT ifnull(MAX(id), 0), COUNT(*), COUNT(revoked_us) FROM virtual_key")
            return Version(newest: row?[0] ?? 0, count: row?[1] ?? 0, revoked: row?[2] ?? 0)
        }
    }
}

// MARK: Rows

extension VirtualKeyStore {
    private static func find(_ name: String, in database: Database) throws -> [Entry] {
        try entries(
            "virtual_key.id = ? OR virtual_key.label = ? OR virtual_key.name = ? OR virtual_key.hash = ?",
            [Int64(name) ?? -1, name, name, KeyDigest(of: name).hex], in: database)
    }

    /// What was given may be a key's text: it is not repeated.
    private static func unknown(_ name: String, in database: Database) throws -> PreflightError {
        guard !name.hasPrefix(KeyText.prefix) else { return PreflightError(.usage, "there is no such key") }
        let names = try entries("virtual_key.revoked_us IS NULL", [], in: database).flatMap {
            [$0.name, $0.label].compactMap(\.self)
        }
        return PreflightError(
            .usage, "there is no key '\(name.prefix(80))'",
            hint: NearestName.hint(String(name.prefix(80)), among: names) ?? "`preflight keys list` shows them")
    }

    private static func entries(
        _ condition: String, _ arguments: StatementArguments, in database: Database
    ) throws -> [Entry] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT virtual_key.*, scope.name AS scope_name FROM virtual_key
                JOIN scope ON scope.id = virtual_key.scope WHERE \(condition) ORDER BY virtual_key.id
                """, arguments: arguments
        ).map { row in
            // A list that cannot be read must not become "any model".
            let models = try JSON.parse(row["models"] as String).array?.compactMap(\.string)
            guard let models else {
                throw PreflightError(.failed, "the models of key \(row["id"] as Int64) are broken")
            }
            return Entry(
                id: row["id"], digest: KeyDigest(hex: row["hash"]), label: row["label"], name: row["name"],
                scope: ScopeID(row: row["scope"]), scopeName: row["scope_name"], models: models,
                callsPerMinute: row["calls_per_minute"],
                expiresAt: (row["expires_us"] as Int64?).map(Timestamp.init(microseconds:)),
                createdAt: Timestamp(microseconds: row["created_us"]),
                revokedAt: (row["revoked_us"] as Int64?).map(Timestamp.init(microseconds:)))
        }
    }

    private func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do { return try await pool.write(body) } catch let error as DatabaseError { throw Self.translate(error, path) }
    }

    private func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do { return try await pool.read(body) } catch let error as DatabaseError { throw Self.translate(error, path) }
    }

    private static func translate(_ error: DatabaseError, _ path: String) -> PreflightError {
        PreflightError(
            .failed, "the keys in \(path) failed: \(error.message ?? "SQLite \(error.resultCode.rawValue)")",
            hint: "check the disk and the permissions, or choose another place with --runs-dir")
    }
}

extension VirtualKeyStore.Terms {
    /// - Throws: `PreflightError` with code `usage` for terms that make no sense.
    package func check(at now: Timestamp) throws(PreflightError) {
        if let name {
            guard Names.isValid(name), Int64(name) == nil, !name.hasPrefix(KeyText.prefix) else {
                throw PreflightError(
                    .usage, "'\(name.prefix(80))' cannot name a key",
                    hint: "letters, digits, '-', '_' and '.', not digits alone", place: "name")
            }
        }
        for model in models {
            guard !model.isEmpty, !model.dropLast().contains("*"), model.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw PreflightError(
                    .usage, "'\(model.prefix(80))' is no model, nor the beginning of one with * behind it",
                    place: "models")
            }
        }
        if let callsPerMinute, !(1...1_000_000).contains(callsPerMinute) {
            throw PreflightError(
                .usage, "calls per minute are 1…1000000, not \(callsPerMinute)", place: "calls_per_minute")
        }
        if let expiresAt, expiresAt <= now {
            throw PreflightError(.usage, "the key would have expired already", place: "expires")
        }
    }
}

extension VirtualKeyStore.Entry {
    package enum State: String, Sendable { case good, expired, revoked }

    package func state(at now: Timestamp) -> State {
        if revokedAt != nil { return .revoked }
        return expiresAt.map { $0 <= now } ?? false ? .expired : .good
    }

    /// Without the digest, which is of no use to anybody.
    package func json(at now: Timestamp) -> JSON {
        .record([
            "id": .int(Int(id)), "label": .string(label), "name": name.map(JSON.string) ?? .null,
            "scope": .string(scopeName), "models": .strings(models),
            "calls_per_minute": callsPerMinute.map(JSON.int) ?? .null,
            "expires": expiresAt.map { .string($0.iso8601Seconds) } ?? .null,
            "created": .string(createdAt.iso8601Seconds),
            "revoked": revokedAt.map { .string($0.iso8601Seconds) } ?? .null, "state": .string(state(at: now).rawValue),
        ])
    }
}
