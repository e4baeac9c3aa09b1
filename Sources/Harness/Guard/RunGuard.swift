package import Containers
import PreflightCore
package import Store

/// Stands beside a harness, in a process of its own, and ends the harness's containers where the harness cannot.
///
/// Docker has no limit of time for a container, and an image need not hold anything that could end it from inside. So
/// somebody outside must, who does not die with the harness. While the harness lives the guard does nothing. A harness
/// that takes the run over takes its lock, and the guard goes back to watching.
package struct RunGuard: Sendable {
    let directory: RunDirectory
    let docker: Docker
    let world: World
    /// How long a container may outlive its harness, where its newest harness has not said so; nil for as long as its
    /// wall limit says.
    let grace: Duration?
    let pace: Pace
    let say: @Sendable (String) -> Void

    package struct Pace: Sendable {
        /// Between two looks at the lock.
        package var lock = Duration.seconds(1)
        /// Between two looks at the engine, once nobody watches.
        package var engine = Duration.seconds(5)
        /// Between two looks at a living harness's lease.
        package var lease = Duration.seconds(30)
        /// What a living harness is late by when its containers are ended for it.
        package var lateness = Duration.seconds(30)
        /// How long its lease must stand still for that: more than two renewals.
        package var standstill = Duration.seconds(12)
        /// How long an engine that does not answer is asked.
        package var patience = Duration.seconds(86_400)

        package init() {}
    }

    package init(
        directory: RunDirectory, docker: Docker, world: World, grace: Duration?, pace: Pace = Pace(),
        say: @escaping @Sendable (String) -> Void
    ) {
        self.directory = directory
        self.docker = docker
        self.world = world
        self.grace = grace
        self.pace = pace
        self.say = say
    }

    /// Returns once the run is over, or nothing of it is left.
    package func watch() async {
        var nextLook = world.uptime() + pace.lease
        var silent: Silent?
        while !Task.isCancelled {
            if isWatched {
                if world.uptime() >= nextLook {
                    silent = await relieve(silent)
                    nextLook = world.uptime() + (silent == nil ? pace.lease : pace.standstill)
                }
                try? await world.clock.sleep(for: pace.lock)
            } else {
                silent = nil
                if await standIn() { return }
            }
        }
    }

    /// A lease that had lapsed when it was looked at.
    private struct Silent {
        var until: Timestamp?
        /// By a clock that never jumps: one that is set forward makes every lease lapse until it is renewed.
        var since: Duration
    }

    private var isWatched: Bool { HarnessLock.holder(path: directory.harnessLockPath) == .living }

    /// The run's directory lies beside the journal that knows it.
    private func openJournal() throws -> Journal {
        try Journal(path: RunsDirectory(path: Files.parent(of: directory.path)).journalPath)
    }

    /// A harness that holds its lock and stands still cannot end what is overdue. Gives its lease, where that has lapsed:
    /// nothing is done before a second look finds the same one.
    private func relieve(_ silent: Silent?) async -> Silent? {
        do {
            let now = world.now()
            guard let record = try await openJournal().run(directory.id), let silence = record.silence(at: now) else {
                return nil
            }
            guard let silent, silent.until == record.leaseUntil, world.uptime() - silent.since >= pace.standstill
            else { return Silent(until: record.leaseUntil, since: world.uptime()) }
            for container in try await containers() where container.isRunning {
                guard let until = container.until, until + pace.lateness < now else { continue }
                say("the harness is silent for \(silence.shortText); \(container.name) is past its wall limit")
                try await end(container)
            }
            return silent
        } catch {
            say("could not look after a silent harness: \(error)")
            return nil
        }
    }
}

// MARK: Nobody watches

extension RunGuard {
    /// Ends what is left, each at its time. False when somebody watches again.
    private func standIn() async -> Bool {
        let orphanedAt = world.now()
        do {
            if try await openJournal().run(directory.id)?.finishedAt != nil { return true }
        } catch { say("the journal cannot be read: \(error)") }
        say("nobody watches \(directory.id) any more")
        var nextLook = world.uptime()
        var lastAnswer = world.uptime()
        var emptyLooks = 0
        // Of the journal, from before the first look that found nothing: what is written later is of who takes the run up.
        var entries: Set<Int64> = []
        var told: Set<String> = []
        while !Task.isCancelled {
            if isWatched {
                say("\(directory.id) is watched again")
                return false
            }
            if world.uptime() >= nextLook {
                do {
                    if emptyLooks == 0 { entries = Set(await entriesLeft().map(\.id)) }
                    // Read each time: a harness may have come, and died again, between two of these looks.
                    let rule = OrphanRule(orphanedAt: orphanedAt, grace: newestGrace)
                    let left = try await look(rule, &told)
                    lastAnswer = world.uptime()
                    // The engine may still be starting what the harness asked for last.
                    emptyLooks = left == 0 ? emptyLooks + 1 : 0
                    if emptyLooks >= 3 { return await close(entries) }
                } catch {
                    if told.insert("\(error)").inserted { say("docker: \(error)") }
                    guard world.uptime() - lastAnswer < pace.patience else { return true }
                }
                nextLook = world.uptime() + pace.engine
            }
            try? await world.clock.sleep(for: pace.lock)
        }
        return true
    }

    /// Ends what is due; how many are left.
    private func look(_ rule: OrphanRule, _ told: inout Set<String>) async throws -> Int {
        var left = 0
        for container in try await containers() {
            let time = rule.end(of: container.until)
            guard time <= world.now() else {
                left += 1
                if told.insert(container.name).inserted {
                    say("\(container.name) may go on until \(time.iso8601Seconds)")
                }
                continue
            }
            // Whoever has taken the run over meanwhile has taken its containers.
            guard !isWatched else { return left + 1 }
            try await end(container)
        }
        return left
    }

    private func end(_ container: Charge) async throws {
        if container.isRunning {
            // First: who looks at what is left must find why.
            await note(.ended, await entries(of: container))
            try? await docker.stop(container.name, grace: .seconds(2))
        }
        try await docker.remove(container.name)
        say("removed container \(container.name)")
        await note(.gone, await entries(of: container))
    }

    /// Networks go when no container is left; keys expire by themselves, and a sweep deletes them. False when somebody
    /// has taken the run up meanwhile: then it is not the guard's any more.
    private func close(_ entries: Set<Int64>) async -> Bool {
        do {
            for network in try await docker.networks(label: "\(Names.runLabel)=\(directory.id)")
            where network.labels[Names.lockLabel] == directory.harnessLockPath {
                guard !isWatched else { return false }
                try await docker.removeNetwork(network.name)
                say("removed network \(network.name)")
            }
            guard !isWatched else { return false }
            // The engine has none of them any more, also of those whose removal was not confirmed.
            await note(.absent, await entriesLeft().filter { $0.kind != .subkey && entries.contains($0.id) })
        } catch { say("docker: \(error)") }
        guard !isWatched else { return false }
        say("nothing of \(directory.id) runs any more; `preflight sweep` deletes its sub-keys before they expire")
        return true
    }

    /// What its newest harness was told.
    private var newestGrace: Duration? {
        guard let bytes = try? Files.read(directory.guardGracePath) else { return grace }
        return Quantity.duration(String(decoding: bytes, as: UTF8.self))
    }

    private enum Fate { case ended, gone, absent }

    private func entriesLeft() async -> [Resource] {
        do { return try await openJournal().resourcesLeft().filter { $0.run == directory.id } } catch {
            say("the journal does not say what is left: \(error)")
            return []
        }
    }

    private func entries(of container: Charge) async -> [Resource] {
        await entriesLeft().filter { $0.kind == .container && $0.name == container.name }
    }

    /// Writes down what becomes of entries.
    private func note(_ fate: Fate, _ entries: [Resource]) async {
        do {
            let journal = try openJournal()
            for entry in entries {
                switch fate {
                case .ended: try await journal.ended(entry.id, at: world.now())
                case .gone: try await journal.gone(entry.id, at: world.now())
                case .absent: try await journal.absent(entry, at: world.now())
                }
            }
        } catch { say("the journal does not know yet what is ended or gone: \(error)") }
    }

    private struct Charge {
        var name: String
        var isRunning: Bool
        var until: Timestamp?
    }

    /// The run's containers: those that carry its lock, so that none of a namesake elsewhere is touched.
    private func containers() async throws -> [Charge] {
        try await docker.containers(label: "\(Names.runLabel)=\(directory.id)").compactMap { container in
            guard container.labels[Names.lockLabel] == directory.harnessLockPath else { return nil }
            return Charge(
                name: container.name, isRunning: container.isRunning,
                until: container.labels[Names.untilLabel].flatMap { Int64($0) }.map(Timestamp.init(seconds:)))
        }
    }
}
