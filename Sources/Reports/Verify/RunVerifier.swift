import PreflightCore
package import Store

/// Holds a run's directory, journal and ledger against one another. Reads only.
package struct RunVerifier: Sendable {
    let runs: RunsDirectory
    let journal: Journal?

    package init(runs: RunsDirectory, journal: Journal?) {
        self.runs = runs
        self.journal = journal
    }

    /// - Parameter id: of a run that `RunLookup` has found.
    package func verify(_ id: String) async throws -> RunVerification {
        let record = try await journal?.runs().first { $0.id == id }
        var directory = runs.run(id)
        if let record, !Files.isDirectory(directory.path) {
            directory = RunDirectory(path: record.directory, id: id)
        }
        guard Files.isDirectory(directory.path) else {
            let gone = Finding("run", .fail, "its directory \(directory.path) is gone")
            return RunVerification(run: id, directory: directory.path, isAlive: false, findings: [gone])
        }
        // Of a living run what lags behind is read first: journal, logs, ledger.
        let isAlive = HarnessLock.holder(path: directory.harnessLockPath) == .living
        let receipt = (try? Files.read(directory.summaryPath)).flatMap { try? JSON.parse($0) }
        let kept = try await trials(record, receipt)
        let trials = await evidence(of: kept, in: directory)
        let checks = RecordChecks(trials: trials, isAlive: isAlive)
        var ledger = LedgerEvidence()
        if Files.exists(runs.journalPath) {
            ledger = try await LedgerEvidence(LedgerReader(path: runs.journalPath), run: id)
        }
        let left = try await journal?.resourcesLeft().filter { $0.run == id } ?? []
        return RunVerification(
            run: id, directory: directory.path, isAlive: isAlive,
            findings: [
                life(record, checks), checks.events(), checks.state(), checks.ledger(ledger, run: id),
                checks.receipt(receipt, isFinished: record.map { $0.finishedAt != nil } ?? true),
                checks.resources(left),
                FileChecks(directory: directory, trials: trials, isAlive: isAlive).finding(),
            ],
            faults: trials.reduce(into: [:]) { faults, trial in faults[trial.name] = trial.log?.fault })
    }

    private func trials(_ record: RunRecord?, _ receipt: JSON?) async throws -> [TrialSummary] {
        if let record, let journal { return try await journal.trials(run: record.id).map(\.summary) }
        return (receipt?["trials"]?.array ?? []).compactMap(TrialSummary.init(json:))
    }

    private func evidence(of kept: [TrialSummary], in directory: RunDirectory) async -> [TrialEvidence] {
        await withTaskGroup(of: (Int, TrialEvidence).self) { group in
            for (index, summary) in kept.enumerated() {
                for (before, earlier) in summary.earlier.enumerated() {
                    group.addTask {
                        let place = directory.trial(summary.alias, attempt: before + 1)
                        return (index, TrialEvidence(place, kept: earlier, isEarlier: true))
                    }
                }
                group.addTask { (index, TrialEvidence(directory.trial(summary.attempt), kept: summary)) }
            }
            var found: [(Int, TrialEvidence)] = []
            for await one in group { found.append(one) }
            return found.sorted {
                ($0.0, $0.1.directory.attempt.number) < ($1.0, $1.1.directory.attempt.number)
            }.map(\.1)
        }
    }

    private func life(_ record: RunRecord?, _ checks: RecordChecks) -> Finding {
        let again = checks.trials.count - checks.newest.count
        let trials =
            (checks.newest.count == 1 ? "1 trial" : "\(checks.newest.count) trials")
            + (again > 0 ? " and \(again) earlier attempt\(again == 1 ? "" : "s")" : "")
        if checks.isAlive {
            return Finding("run", .pass, "it lives: \(trials), checked as far as they have come")
        }
        guard let record else {
            return Finding(
                "run", .warn, "\(trials), not in the journal: checked by its own files",
                hint: "name the directory with its journal by --runs-dir")
        }
        if let finishedAt = record.finishedAt {
            return Finding("run", .pass, "\(trials), ended \(finishedAt.iso8601Seconds)")
        }
        let names = checks.lost.map(\.kept.alias)
        return Finding(
            "run", .warn, "its harness died, \(names.count) of \(trials) are lost",
            lines: names.isEmpty ? [] : [names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")],
            hint: "`preflight status \(record.id)` tells what they spent; `preflight sweep` removes what is left")
    }
}
