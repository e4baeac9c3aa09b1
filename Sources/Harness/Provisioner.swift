package import OpenRouter
package import PreflightCore
package import Store

/// A sub-key that exists, and the entry of the journal that remembers to delete it.
package struct ProvisionedKey: Sendable {
    package var hash: String
    package var key: Secret
    package var name: String
    package var entry: Int64
    /// Those that the trial had before it was resumed: disabled, and part of what it has spent.
    package var earlier: [ProvisionedKey] = []
}

/// Makes and deletes sub-keys, so that one intent never leaves two keys and no key is forgotten.
package struct Provisioner: Sendable {
    let management: OpenRouterClient
    let journal: Journal
    let world: World

    package init(management: OpenRouterClient, journal: Journal, world: World) {
        self.management = management
        self.journal = journal
        self.world = world
    }

    /// Makes the sub-key of one trial.
    ///
    /// - Parameter kept: hashes of keys of the same name that are not to be deleted.
    ///
    /// The intent is on disk before OpenRouter is asked. When the answer is lost, keys of this name are looked for and
    /// deleted before another attempt is made: their text is shown once, so such a key is of no use.
    package func create(
        run: String, trial: String, limit: USD, expiresAt: Timestamp, keeping kept: Set<String> = []
    ) async throws -> ProvisionedKey {
        let name = Names.subKey(run: run, trial: trial)
        let entry = try await journal.intend(
            .subkey, name: name, run: run, trial: trial, until: expiresAt, at: world.now())
        MarkedStep.subKeyIntended.pass()
        var attempt = 1
        while true {
            do throws(OpenRouterError) {
                let (subKey, key) = try await management.createSubKey(name: name, limit: limit, expiresAt: expiresAt)
                MarkedStep.subKeyMade.pass()
                let provisioned = ProvisionedKey(hash: subKey.hash, key: key, name: name, entry: entry)
                try await remember(provisioned)
                MarkedStep.subKeyNoted.pass()
                return provisioned
            } catch {
                let mayExist = [.interrupted, .server, .unreadable].contains(error.kind)
                if mayExist {
                    // Shielded: a cancelled caller must not leave the key that it may have made.
                    let cleaned = await shielded { await deleteAll(named: name, but: kept) }
                    guard cleaned else { throw error }
                }
                guard mayExist, attempt < 3, !Task.isCancelled else {
                    // After a lost answer the entry stays: a key that turns up late is still to be swept.
                    if !mayExist { try await journal.gone(entry, at: world.now()) }
                    throw error
                }
                try? await world.clock.sleep(for: .seconds(attempt))
                attempt += 1
            }
        }
    }

    /// A key whose hash cannot be written down is deleted at once.
    private func remember(_ key: ProvisionedKey) async throws(OpenRouterError) {
        do {
            try await journal.made(key.entry, handle: key.hash, at: world.now())
        } catch {
            _ = await shielded { try? await management.deleteSubKey(hash: key.hash) }
            throw OpenRouterError(kind: .rejected, call: "journal", message: "\(error)")
        }
    }

    /// Deletes keys whose making nobody has seen to its end, and closes their entries.
    func deleteUnknown(named name: String, but kept: Set<String>, entries: [Int64]) async {
        guard await deleteAll(named: name, but: kept) else { return }
        for entry in entries { try? await journal.gone(entry, at: world.now()) }
    }

    /// What a trial has spent with all its keys, as far as OpenRouter shows it by now.
    func spend(of key: ProvisionedKey, timeout: Duration) async throws(OpenRouterError) -> USD {
        let client = management.with(retry: .none)
        var sum = try await client.spend(ofSubKey: key.hash, timeout: timeout)
        for earlier in key.earlier { sum += try await client.spend(ofSubKey: earlier.hash, timeout: timeout) }
        return sum
    }

    private func deleteAll(named name: String, but kept: Set<String>) async -> Bool {
        do {
            for key in try await management.subKeys() where key.name == name && !kept.contains(key.hash) {
                try await management.deleteSubKey(hash: key.hash)
            }
            return true
        } catch {
            return false
        }
    }

    /// Stops a key from being accepted; false when OpenRouter could not be told in time.
    package func disable(_ key: ProvisionedKey, within limit: Duration) async -> Bool {
        let client = management.with(retry: .none)
        return await Harness.within(limit) {
            (try? await client.disableSubKey(hash: key.hash, timeout: limit)) != nil
        } ?? false
    }

    /// Deletes the key and verifies that it is gone. An error leaves it in the journal, for a later sweep.
    ///
    /// - Parameter isHurried: try once, for seconds only; what fails is left to a sweep.
    package func delete(_ key: ProvisionedKey, isHurried: Bool = false) async throws {
        try await remove(key, isHurried: isHurried)
        try await journal.gone(key.entry, at: world.now())
    }

    /// The same, without a word to the journal.
    func remove(_ key: ProvisionedKey, isHurried: Bool) async throws(OpenRouterError) {
        let client = isHurried ? management.with(retry: .none) : management
        let limit: Duration = isHurried ? .seconds(3) : .seconds(15)
        try await client.deleteSubKey(hash: key.hash, timeout: limit)
        do throws(OpenRouterError) {
            _ = try await client.subKey(hash: key.hash, timeout: limit)
            throw OpenRouterError(kind: .server, call: "DELETE /keys", message: "the key is still there after deletion")
        } catch  where error.kind == .notFound {
        }
        MarkedStep.subKeyDeleted.pass()
    }
}
