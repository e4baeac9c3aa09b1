package import Containers
package import OpenRouter
package import PreflightCore
package import Store

/// Finds and removes what dead runs left: containers, networks and sub-keys. Never those of a living run.
package struct Sweeper: Sendable {
    let docker: Docker
    let management: OpenRouterClient?
    let journal: Journal?
    let runs: RunsDirectory
    let world: World
    /// The only runs whose things are looked for; nil for all.
    let only: Set<String>?
    /// Locks of dead runs, held so that nobody takes these runs up meanwhile.
    private var held: [HarnessLock] = []

    package init(
        docker: Docker, management: OpenRouterClient?, journal: Journal?, runs: RunsDirectory, world: World,
        only: Set<String>? = nil
    ) {
        self.only = only
        self.docker = docker
        self.management = management
        self.journal = journal
        self.runs = runs
        self.world = world
    }

    /// Something left, and whether it may be taken.
    package struct Finding: Sendable, Equatable {
        package enum Kind: String, Sendable { case container, network, subkey }

        package var kind: Kind
        package var name: String
        package var run: String
        /// A sub-key's hash.
        package var handle: String?
        /// What a sub-key has spent, as far as OpenRouter shows it.
        package var spent: USD?
        /// Its entry in the journal, where it has one.
        package var entry: Int64?
        /// Where the lock of its run lies, as far as that is known.
        package var lock: String?
        /// Why it must not be taken without being asked to; nil when it may.
        package var keepReason: String?
    }

    package struct Outcome: Sendable {
        package var removed: [Finding] = []
        package var kept: [Finding] = []
        package var failed: [(finding: Finding, error: String)] = []
        /// What could not be looked at, and why.
        package var blind: [String] = []

        package var isClean: Bool { removed.isEmpty && failed.isEmpty && kept.isEmpty }
    }

    /// Looks at the engine, the journal and OpenRouter. What cannot be looked at is told in `blind`.
    package func find() async -> Outcome {
        var outcome = Outcome()
        var entries: [Resource] = []
        if let journal {
            do { entries = try await journal.resourcesLeft() } catch { outcome.blind.append("journal: \(error)") }
        }
        // Of what others have made nothing need be known.
        if let only { entries.removeAll { !only.contains($0.run) } }
        do {
            outcome.removed += try await findContainers(entries) + findNetworks(entries)
        } catch {
            outcome.blind.append("docker: \(error)")
        }
        if let management {
            do {
                outcome.removed += try await findKeys(entries, management)
            } catch {
                outcome.blind.append("sub-keys: \(error)")
            }
        } else if journal == nil || entries.contains(where: { $0.kind == .subkey }) {
            // Keys that this journal does not know would be kept in any case.
            outcome.blind.append("sub-keys: no management key; set OR_ADMIN_KEY")
        }
        if let only { outcome.removed.removeAll { !only.contains($0.run) } }
        outcome.kept = outcome.removed.filter { $0.keepReason != nil }
        outcome.removed = outcome.removed.filter { $0.keepReason == nil }
        return outcome
    }

    /// Removes what may be taken; with `force` also what is only probably dead. Closes journal entries of what is gone.
    ///
    /// A dead run is held by its lock meanwhile. One that somebody has taken up since it was found keeps what it has.
    package func sweep(force: Bool) async -> Outcome {
        let found = await find()
        var outcome = Outcome(blind: found.blind)
        outcome.kept = force ? [] : found.kept
        let all = found.removed + (force ? found.kept : [])
        let sweeper = await holding(all.compactMap(\.lock))
        var wanted: [Finding] = []
        for var finding in all {
            if sweeper.mayTake(finding) {
                wanted.append(finding)
            } else {
                finding.keepReason = "its run was taken up meanwhile"
                outcome.kept.append(finding)
            }
        }
        // A harness that lives all the same, unseen, is to notice that the run is not its own any more.
        for run in Set(wanted.map(\.run)) where sweeper.life(ofRun: run) != .living {
            try? await journal?.takeLease(run: run, holder: "sweep", until: world.now())
        }
        for finding in wanted {
            do {
                try await remove(finding)
                outcome.removed.append(finding)
            } catch {
                outcome.failed.append((finding, "\(error)"))
            }
        }
        if found.blind.isEmpty { await sweeper.closeEntries() }
        return outcome
    }

    /// Itself with the locks of dead runs: of those, and of all that the journal has entries of.
    private func holding(_ paths: [String]) async -> Sweeper {
        let entries = (try? await journal?.resourcesLeft()) ?? []
        let runs = Set(entries.map(\.run)).filter { only?.contains($0) ?? true }
        var sweeper = self
        for path in Set(paths + runs.map { Self.lockPath(run: $0, in: self.runs) })
        where !sweeper.holds(path) && HarnessLock.holder(path: path) == .nobody {
            if let lock = HarnessLock(ofDead: path) { sweeper.held.append(lock) }
        }
        return sweeper
    }

    /// By the file: one directory may have several names.
    private func holds(_ lock: String) -> Bool { held.contains { $0.isInPlace(lock) } }

    /// Nobody else has taken its run up, as far as can be told.
    private func mayTake(_ finding: Finding) -> Bool {
        guard let lock = finding.lock else { return true }
        return holds(lock) || HarnessLock.holder(path: lock) != .living
    }

    private func remove(_ finding: Finding) async throws {
        switch finding.kind {
        case .container: try await docker.remove(finding.name)
        case .network: try await docker.removeNetwork(finding.name)
        case .subkey:
            guard let management, let hash = finding.handle else { return }
            // Afterwards nobody can tell any more.
            if finding.entry != nil { try await keepSpend(of: finding) }
            try await management.deleteSubKey(hash: hash)
        }
        if let entry = finding.entry { try await journal?.gone(entry, at: world.now()) }
    }

    /// Writes down what a lost trial's key had spent.
    private func keepSpend(of finding: Finding) async throws {
        guard let journal, let spent = finding.spent, let (run, name) = Names.parseSubKey(finding.name) else { return }
        let attempt = TrialAttempt(name: name)
        try await LedgerEnvelope.settleLost(
            trial: attempt.alias, of: run, spent: spent, ledger: runs.journalPath, now: world.now)
        guard
            var trial = try await journal.trials(run: run).map(\.summary).first(where: { $0.alias == attempt.alias }),
            trial.note(spent: spent, by: attempt)
        else { return }
        try await journal.update([trial], run: run, at: world.now())
    }

    /// Entries of dead runs whose thing was looked for and not found are closed.
    private func closeEntries() async {
        guard let journal, let entries = try? await journal.resourcesLeft() else { return }
        let left = await find()
        guard left.blind.isEmpty else { return }
        let stillThere = Set((left.removed + left.kept).compactMap(\.entry))
        for entry in entries where only?.contains(entry.run) ?? true {
            guard !stillThere.contains(entry.id), life(ofRun: entry.run) != .living else { continue }
            try? await journal.absent(entry, at: world.now())
        }
    }
}

// MARK: Who lives

extension Sweeper {
    enum Life: Sendable, Equatable { case living, dead, unknown }

    /// Whether the run of that name in this runs directory lives.
    func life(ofRun run: String) -> Life { life(lockPath: Self.lockPath(run: run, in: runs)) }

    func life(lockPath: String?) -> Life {
        guard let lockPath else { return .unknown }
        if holds(lockPath) { return .dead }
        return switch HarnessLock.holder(path: lockPath) {
        case .living: .living
        case .nobody: .dead
        case .unknown: .unknown
        }
    }

    /// Runs hold a lock in their directory; checks, which have none, hold one beside the journal.
    package static func lockPath(run: String, in runs: RunsDirectory) -> String {
        run.hasPrefix(checkPrefix) ? "\(runs.path)/.\(run).lock" : runs.run(run).harnessLockPath
    }

    package static let checkPrefix = "check-"

    private func keepReason(_ life: Life, until: Timestamp?) -> String? {
        guard life == .unknown else { return nil }
        if let until, until < world.now() { return nil }
        return "its run is not known here and may live elsewhere"
    }
}

// MARK: Looking

extension Sweeper {
    private func findContainers(_ entries: [Resource]) async throws -> [Finding] {
        try await docker.containers(label: Names.runLabel).compactMap { container in
            let entry = entries.first { $0.kind == .container && $0.name == container.name }
            let life = life(lockPath: container.labels[Names.lockLabel])
            guard life != .living else { return nil }
            let until = container.labels[Names.untilLabel].flatMap { Int64($0) }.map(Timestamp.init(seconds:))
            return Finding(
                kind: .container, name: container.name, run: container.labels[Names.runLabel] ?? "", entry: entry?.id,
                lock: container.labels[Names.lockLabel],
                // Its own harness, wherever it is, ends it at its time, and is given a while for that.
                keepReason: keepReason(life, until: (until ?? entry?.until).map { $0 + .seconds(600) }))
        }
    }

    private func findNetworks(_ entries: [Resource]) async throws -> [Finding] {
        try await docker.networks(label: Names.runLabel).compactMap { network in
            let entry = entries.first { $0.kind == .network && $0.name == network.name }
            let life = life(lockPath: network.labels[Names.lockLabel])
            guard life != .living else { return nil }
            return Finding(
                kind: .network, name: network.name, run: network.labels[Names.runLabel] ?? "", entry: entry?.id,
                lock: network.labels[Names.lockLabel], keepReason: keepReason(life, until: entry?.until))
        }
    }

    /// By the journal's hashes, and by name where a crash came between making a key and writing down its hash.
    private func findKeys(_ entries: [Resource], _ management: OpenRouterClient) async throws -> [Finding] {
        let keyEntries = entries.filter { $0.kind == .subkey }
        return try await management.subKeys().compactMap { key in
            guard let (run, _) = Names.parseSubKey(key.name) else { return nil }
            let entry =
                keyEntries.first { $0.handle == key.hash }
                ?? keyEntries.first { $0.handle == nil && key.isPerhaps(named: $0.name, until: $0.until) }
            // Without an entry it is of another journal, perhaps on another machine, even if a run here has that name.
            // With one its lock was taken before it: where the lock is gone, its holder is.
            var life = entry == nil ? Life.unknown : life(ofRun: run)
            if entry != nil, life == .unknown { life = .dead }
            guard life != .living else { return nil }
            return Finding(
                kind: .subkey, name: key.name, run: run, handle: key.hash, spent: key.usage, entry: entry?.id,
                lock: entry.map { _ in Self.lockPath(run: run, in: runs) },
                keepReason: keepReason(life, until: key.expiresAt ?? entry?.until))
        }
    }
}
