import Containers
import OpenRouter
package import PreflightCore
import Store

/// A trial of a run as the run takes it up: kept as it is, gone on with, or begun.
struct TrialStart: Sendable {
    struct Remains: Sendable {
        var remains: TrialRemains
        var recorder: TrialRecorder
    }

    var plan: TrialPlan
    /// It has ended.
    var kept: TrialSummary?
    /// What a dead harness has left of it; nil where that is nothing.
    var remains: Remains?

    init(_ plan: TrialPlan) { self.plan = plan }

    /// What nothing of `budget.total` is left for any more: of attempts that have ended.
    var spentBefore: USD {
        let earlier = (kept?.earlier ?? plan.earlier).reduce(USD.zero) { $0 + $1.mostSpent }
        return earlier + (kept?.mostSpent ?? .zero)
    }

    /// It has its place in the field already.
    var hasBegun: Bool { remains.map { $0.remains.answer != .begin } ?? false }
}

extension FieldRun {
    /// Takes up the run of a dead harness, and runs it to its end: what has ended is kept, what lives is watched again,
    /// what has not begun begins.
    ///
    /// - Parameters:
    ///   - startedAt: of the run.
    /// - Throws: `refused` where its harness lives, the engine cannot be asked, or no sub-key can be made for a container
    ///   that lives.
    package func resume(
        _ resumption: Resumption, startedAt: Timestamp
    ) async throws -> RunResult {
        try await takingOver {
            try await withdrawOrders()
            let search = try await RemainsSearch(run: directory.id, workshop: workshop, resumption: resumption)
            let starts = try await starts(search)
            try await checkKeys(for: starts)
            let history = try RunHistory.append(resumed: resumption.json, to: directory)
            return try await goOn(starts, search, history, startedAt: startedAt)
        }
    }

    /// Behind the gateway a container that lives needs a new sub-key. One that gets none would be ended, so nothing is
    /// touched while OpenRouter does not let us manage keys.
    private func checkKeys(for starts: [TrialStart]) async throws {
        let needsKey = starts.contains { $0.plan.upstream == nil && $0.remains?.remains.answer == .attach }
        guard plan.access != nil, needsKey else { return }
        do { _ = try await workshop.management.subKeys() } catch {
            throw PreflightError(
                .refused, "containers live, and no new sub-keys can be made for them: \(error)", hint: error.hint)
        }
    }

    /// With the lock, the lease and the guard of a run that nobody watches.
    func takingOver<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        let harnessLock = try HarnessLock(path: directory.harnessLockPath)
        defer { withExtendedLifetime(harnessLock) {} }
        try await lease.take()
        directory.removeTemporaries(of: plan.trials.map(\.alias))
        do { try beginGuard?(directory) } catch {
            report(.warning("no guard: should this process be killed, containers run on (\(error))"))
        }
        return try await body()
    }

    func goOn(
        _ starts: [TrialStart], _ search: RemainsSearch, _ history: RunHistory, startedAt: Timestamp
    ) async throws -> RunResult {
        let since = workshop.world.now()
        report(.runStarted(id: directory.id, directory: directory.path, trials: starts.count { $0.kept == nil }))
        let trials =
            plan.access == nil
            ? try await withNetwork(of: search, starts) { try await runTrials(starts, network: $0, since: since) }
            : try await runTrials(starts, network: "", since: since)
        return try await finish(trials, since: startedAt, history: history)
    }

    private func starts(_ search: RemainsSearch) async throws -> [TrialStart] {
        let known = try await workshop.journal.trials(run: directory.id).map(\.summary)
        return try await withThrowingTaskGroup(of: (Int, TrialStart).self) { group in
            for (index, trial) in plan.trials.enumerated() {
                let kept = known.first { $0.alias == trial.alias }
                group.addTask { (index, try await start(trial, kept, search)) }
            }
            var found: [(Int, TrialStart)] = []
            for try await one in group { found.append(one) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func start(_ trial: TrialPlan, _ kept: TrialSummary?, _ search: RemainsSearch) async throws -> TrialStart {
        var start = TrialStart(trial)
        if let kept, kept.outcome != nil {
            if receipt(of: trial) == nil { try writeReceipt(kept, of: trial) }
            start.kept = kept
            return start
        }
        // Who wanted to run it again may have died before there was room.
        if let last = trial.earlier.indices.last {
            try directory.moveAside(TrialAttempt(alias: trial.alias, number: last + 1))
        }
        guard Files.exists(directory.trial(trial.attempt).eventsPath) else { return start }
        let recorder = try recorder(trial, lastStderr: kept?.lastStderr ?? [])
        if let budget = recorder.trialState.budget { start.plan.budget = budget }
        let remains = try await search.remains(of: trial.attempt, recorder.found, kept: kept)
        if remains.answer == .keep {
            let known = receipt(of: trial)
            if known == nil { try writeReceipt(recorder.summary, of: trial) }
            start.kept = known ?? recorder.summary
        } else {
            start.remains = TrialStart.Remains(remains: remains, recorder: recorder)
        }
        return start
    }

    /// Of a trial that is known to have ended; nil where a crash, or a full disk, has come before it.
    private func receipt(of trial: TrialPlan) -> TrialSummary? {
        guard let bytes = try? Files.read(directory.trial(trial.attempt).summaryPath),
            let json = try? JSON.parse(bytes)
        else { return nil }
        return TrialSummary(json: json)
    }

    private func writeReceipt(_ summary: TrialSummary, of trial: TrialPlan) throws {
        let path = directory.trial(trial.attempt).summaryPath
        // One that ended before it began has no directory.
        guard Files.isDirectory(Files.parent(of: path)) else { return }
        try Files.replace(path, with: summary.json.prettyText + "\n")
    }

    /// With the network that there is, or a new one where trials are still to begin.
    private func withNetwork<T: Sendable>(
        of search: RemainsSearch, _ starts: [TrialStart], _ body: (String) async throws -> T
    ) async throws -> T {
        let left = search.resources.filter { $0.kind == .network && $0.trial == nil && $0.state != .gone }
        let names: [String]
        do {
            names = try await workshop.docker.networks(label: "\(Names.runLabel)=\(directory.id)").map(\.name)
        } catch let failure as DockerFailure {
            throw PreflightError(
                .refused, "the run's network cannot be looked for: \(failure.message)", hint: failure.hint)
        }
        if let present = left.last(where: { names.contains($0.name) }) {
            return try await removing(network: present.name, entry: present.id, after: body)
        }
        for entry in left { try await workshop.journal.gone(entry.id, at: workshop.world.now()) }
        guard starts.contains(where: { $0.kept == nil && !$0.hasBegun }) else { return try await body("") }
        return try await withNetwork(body)
    }
}
