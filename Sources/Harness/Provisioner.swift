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

    /// How it goes on with an outage of the management API.
    package struct Patience: Sendable {
        package var rule: OutageRule
        /// Told of the first failure that it waits after.
        package var tell: @Sendable (OpenRouterError) -> Void
        /// Waits between two attempts; false where no key is wanted any more.
        package var wait: @Sendable (Duration) async -> Bool

        package init(
            limit: Duration, tell: @escaping @Sendable (OpenRouterError) -> Void,
            wait: @escaping @Sendable (Duration) async -> Bool
        ) {
            rule = OutageRule(limit: limit)
            self.tell = tell
            self.wait = wait
        }
    }

    /// Makes the sub-key of one trial.
    ///
    /// - Parameters:
    ///   - kept: hashes of keys of the same name that are not to be deleted.
    ///   - patience: with an outage; nil for three attempts.
    ///
    /// The intent is on disk before OpenRouter is asked. When the answer is lost, keys of this name and expiry are looked
    /// for and deleted before another attempt is made: their text is shown once, so such a key is of no use.
    package func create(
        run: String, trial: String, limit: USD, expiresAt: Timestamp, keeping kept: Set<String> = [],
        patience: Patience? = nil
    ) async throws -> ProvisionedKey {
        let name = Names.subKey(run: run, trial: trial)
        let entry = try await journal.intend(
            .subkey, name: name, run: run, trial: trial, until: expiresAt, at: world.now())
        MarkedStep.subKeyIntended.pass()
        // Shielded: a cancelled caller must not leave the key that it may have made.
        func clean() async -> Bool { await shielded { await deleteAll(named: name, until: expiresAt, but: kept) } }
        let began = world.uptime()
        var attempt = 1
        // After a lost answer the entry stays: a key that turns up late is still to be swept.
        var mayAppear = false
        while true {
            let failure: OpenRouterError
            do throws(OpenRouterError) {
                return try await make(name, limit: limit, expiresAt: expiresAt, entry: entry)
            } catch { failure = error }
            mayAppear = mayAppear || failure.isOfLostAnswer
            var isClean = failure.isOfLostAnswer ? await clean() : true
            repeat {
                let next = Self.pause(after: failure, attempt, lasting: world.uptime() - began, patience?.rule)
                if attempt == 1, next != nil { patience?.tell(failure) }
                guard let pause = next, isClean || patience != nil, !Task.isCancelled, await wait(pause, patience)
                else {
                    if !mayAppear { try await journal.gone(entry, at: world.now()) }
                    throw failure
                }
                attempt += 1
                if !isClean { isClean = await clean() }
            } while !isClean
        }
    }

    private func make(
        _ name: String, limit: USD, expiresAt: Timestamp, entry: Int64
    ) async throws(OpenRouterError) -> ProvisionedKey {
        let (subKey, key) = try await management.createSubKey(name: name, limit: limit, expiresAt: expiresAt)
        MarkedStep.subKeyMade.pass()
        let provisioned = ProvisionedKey(hash: subKey.hash, key: key, name: name, entry: entry)
        try await remember(provisioned)
        MarkedStep.subKeyNoted.pass()
        return provisioned
    }

    /// Before the next attempt; nil where there is to be none.
    private static func pause(
        after failure: OpenRouterError, _ attempt: Int, lasting: Duration, _ rule: OutageRule?
    ) -> Duration? {
        let asked: Duration? = if case .rateLimited(let wait) = failure.kind { wait } else { nil }
        if failure.isOfOutage, let pause = rule?.pause(after: attempt, lasting: lasting, asked: asked) { return pause }
        return failure.isOfLostAnswer && attempt < 3 ? .seconds(attempt) : nil
    }

    private func wait(_ pause: Duration, _ patience: Patience?) async -> Bool {
        if let patience { return await patience.wait(pause) }
        try? await world.clock.sleep(for: pause)
        return true
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
        for id in entries {
            guard let entry = try? await journal.resource(id),
                await deleteAll(named: name, until: entry.until, but: kept)
            else { continue }
            try? await journal.gone(id, at: world.now())
        }
    }

    /// What a trial has spent with all its keys, as far as OpenRouter shows it by now.
    func spend(of key: ProvisionedKey, timeout: Duration) async throws(OpenRouterError) -> USD {
        let client = management.with(retry: .none)
        var sum = try await client.spend(ofSubKey: key.hash, timeout: timeout)
        for earlier in key.earlier { sum += try await client.spend(ofSubKey: earlier.hash, timeout: timeout) }
        return sum
    }

    private func deleteAll(named name: String, until expiry: Timestamp?, but kept: Set<String>) async -> Bool {
        do {
            for key in try await management.subKeys()
            where key.isPerhaps(named: name, until: expiry) && !kept.contains(key.hash) {
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

extension SubKey {
    /// Whether it may be the key that was intended so. A run of the same name, in another directory or on another machine,
    /// has keys of the same names; when each is to expire tells them apart.
    func isPerhaps(named name: String, until expiry: Timestamp?) -> Bool {
        guard self.name == name else { return false }
        guard let expiry, let expiresAt else { return true }
        // Sent in whole seconds.
        return expiry.secondsSince1970 == expiresAt.secondsSince1970
    }
}

extension OpenRouterError {
    /// What was asked for may have been done.
    fileprivate var isOfLostAnswer: Bool { [.interrupted, .server, .unreadable].contains(kind) }

    /// It passes by itself.
    fileprivate var isOfOutage: Bool {
        switch kind {
        case .unreachable, .interrupted, .server, .rateLimited: true
        default: false
        }
    }
}
