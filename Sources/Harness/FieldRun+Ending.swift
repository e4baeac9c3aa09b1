import Containers
import PreflightCore
import Store

/// What is written and said at the end.
extension FieldRun {
    /// Writes the run's receipt.
    func finish(_ trials: [TrialSummary], since startedAt: Timestamp, history: RunHistory = RunHistory()) async throws
        -> RunResult
    {
        let world = workshop.world
        let result = RunResult(
            id: directory.id, directory: directory.path, trials: trials, startedAt: startedAt,
            finishedAt: world.now(), wasStopped: stop.urgency > .none, history: history, breaker: breaker.trip,
            left: await leftBehind() ?? trials.flatMap(\.left) + left.all)
        let status: ExitStatus = result.isWell ? .success : .no
        // A run that the journal calls finished has its receipt.
        try Files.replace(directory.summaryPath, with: result.json.prettyText + "\n")
        MarkedStep.runReceiptWritten.pass()
        try await workshop.journal.finish(run: directory.id, exitStatus: status.rawValue, at: world.now())
        return result
    }

    /// What the journal does not know to be given back: the last word, since what one attempt left another process may
    /// have removed. Nil where it cannot be read.
    private func leftBehind() async -> [String]? {
        // Whoever is in a hurry leaves it to a sweep.
        if stop.urgency < .quick { await shielded { _ = await within(.seconds(60)) { await removeOnceMore() } } }
        guard let resources = try? await workshop.journal.resourcesLeft() else { return nil }
        return resources.filter { $0.run == directory.id }.map { resource in
            switch resource.kind {
            case .subkey: "sub-key \(resource.name)"
            case .container: "container \(resource.name)"
            case .network: "network \(resource.name)"
            }
        }
    }

    /// Of containers and networks that could not be removed in their time. A docker command of a killed harness may have
    /// been making one then: what is not there is looked for again before its entry is closed.
    private func removeOnceMore() async {
        let absent = await remove(await resourcesLeft())
        guard !absent.isEmpty else { return }
        try? await workshop.world.clock.sleep(for: plan.pace.lateStart)
        for resource in await remove(absent) {
            try? await workshop.journal.gone(resource.id, at: workshop.world.now())
        }
    }

    /// Containers first: a network in use cannot be removed.
    private func resourcesLeft() async -> [Resource] {
        let own = (try? await workshop.journal.resourcesLeft())?.filter { $0.run == directory.id } ?? []
        return own.filter { $0.kind == .container } + own.filter { $0.kind == .network }
    }

    /// Removes what is there; returns what is not.
    private func remove(_ resources: [Resource]) async -> [Resource] {
        var absent: [Resource] = []
        for resource in resources {
            do {
                if resource.kind == .container {
                    _ = try await workshop.docker.container(resource.name)
                    try await workshop.docker.remove(resource.name)
                } else {
                    try await workshop.docker.removeNetwork(resource.name)
                }
                try await workshop.journal.gone(resource.id, at: workshop.world.now())
            } catch let failure as DockerFailure where failure.kind == .noSuchObject {
                absent.append(resource)
            } catch {
                report(.warning("\(resource.name) stays: \(error); `preflight sweep` removes it"))
            }
        }
        return absent
    }

    func recordFailedStart(_ error: any Error) async {
        let failed = plan.trials.map { trial in
            var summary = TrialSummary(plan: trial)
            summary.phase = .finished
            summary.outcome = .harnessFailed
            summary.reason = "the run did not start: \((error as? PreflightError)?.message ?? "\(error)")"
            return summary
        }
        let now = workshop.world.now()
        do {
            try await workshop.journal.update(failed, run: directory.id, at: now)
            try await workshop.journal.finish(run: directory.id, exitStatus: ExitStatus.failed.rawValue, at: now)
        } catch {
            report(.warning("the journal does not hold the run's failure: \(error)"))
        }
    }
}
