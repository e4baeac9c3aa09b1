package import Store

extension KeyRing {
    /// Takes the keys that a store holds now.
    package func load(_ store: VirtualKeyStore) async throws {
        var keys: [KeyDigest: VirtualKey] = [:]
        for entry in try await store.all() { keys[entry.digest] = VirtualKey(entry) }
        replaceStored(with: keys)
    }

    /// Follows a store until it is cancelled: what others make or revoke is known here within `pause`.
    ///
    /// - Parameter fail: Told once when the store cannot be read, and again after it could. The keys stay what they
    ///   were; they buy nothing while the ledger, which is in the same file, cannot be written.
    package func watch(
        _ store: VirtualKeyStore, every pause: Duration = .milliseconds(500),
        clock: any Clock<Duration> = ContinuousClock(), fail: @Sendable (any Error) -> Void = { _ in }
    ) async {
        var known: VirtualKeyStore.Version?
        var hasFailed = false
        while !Task.isCancelled {
            do {
                // Before the keys: one that is made in between is seen the next time.
                let version = try await store.version()
                if version != known {
                    try await load(store)
                    known = version
                }
                hasFailed = false
            } catch {
                if !hasFailed, !(error is CancellationError) { fail(error) }
                hasFailed = true
            }
            do { try await clock.sleep(for: pause) } catch { return }
        }
    }
}

extension VirtualKey {
    fileprivate convenience init(_ entry: VirtualKeyStore.Entry) {
        self.init(
            id: String(entry.id), label: entry.label, scope: entry.scope, scopeName: entry.scopeName,
            models: entry.models.map(ModelPattern.init), expiresAt: entry.expiresAt,
            callsPerMinute: entry.callsPerMinute)
        if entry.revokedAt != nil { revoke() }
    }
}
