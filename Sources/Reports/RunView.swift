package import PreflightCore
package import Store

/// A run as it stands now: what its trials did, and whether its harness lives.
package struct RunView: Sendable {
    package var id: String
    package var directory: String
    package var createdAt: Timestamp?
    package var isAlive: Bool
    package var trials: [TrialSummary]
    /// When it came to its end, as its journal or its receipt says.
    package var finishedAt: Timestamp?
    /// How long a harness that holds its lock has not been heard of; nil while all is well.
    package var silentFor: Duration?

    package init(id: String, directory: String, createdAt: Timestamp?, isAlive: Bool, trials: [TrialSummary]) {
        self.id = id
        self.directory = directory
        self.createdAt = createdAt
        self.isAlive = isAlive
        self.trials = trials
    }

    /// Of all attempts.
    package var cost: USD { trials.reduce(.zero) { $0 + $1.totalCost } }
    /// It has come to its end. A trial that is lost may be taken up again, as long as nothing says that the run is over.
    package var isFinished: Bool {
        finishedAt != nil || trials.allSatisfy { $0.outcome != nil && $0.outcome != .lost }
    }

    /// Reads a run from the journal. A trial that has not ended, and that nobody watches any more, is told by its log.
    package static func read(_ record: RunRecord, journal: Journal, ledger path: String) async throws -> RunView {
        let directory = RunDirectory(path: record.directory, id: record.id)
        var trials = try await journal.trials(run: record.id).map(\.summary)
        let isAlive = HarnessLock.holder(path: directory.harnessLockPath) == .living
        if !isAlive, trials.contains(where: { $0.outcome == nil }) {
            trials = await LostTrials(directory: directory, ledgerPath: path).summaries(trials)
        }
        // Of use to nobody but the fold.
        for index in trials.indices { trials[index].checkpoint = nil }
        var view = RunView(
            id: record.id, directory: record.directory, createdAt: record.createdAt, isAlive: isAlive, trials: trials)
        view.finishedAt = record.finishedAt
        return view
    }

    /// Reads a run directory that no journal knows, such as one that was moved here.
    package static func read(_ directory: RunDirectory) throws -> RunView? {
        guard Files.exists(directory.summaryPath) else { return nil }
        let json = try JSON.parse(try Files.read(directory.summaryPath))
        var view = RunView(
            id: directory.id, directory: directory.path,
            createdAt: json["started_at"]?.string.flatMap(Timestamp.init(iso8601:)), isAlive: false,
            trials: (json["trials"]?.array ?? []).compactMap(TrialSummary.init(json:)))
        view.finishedAt = json["finished_at"]?.string.flatMap(Timestamp.init(iso8601:))
        return view
    }

    /// With what was scored after the run had ended.
    package func withNewestScores() -> RunView {
        guard finishedAt != nil else { return self }
        var view = self
        let directory = RunDirectory(path: directory, id: id)
        view.trials = trials.map { $0.withNewestScores(in: directory) }
        return view
    }

    package var json: JSON {
        .record([
            "run": .string(id), "directory": .string(directory),
            "created_at": createdAt.map { .string($0.iso8601) }, "alive": .bool(isAlive),
            "silent_s": silentFor.map { .number($0.decimalSeconds(places: 0)) },
            "cost_usd": .usd(cost), "trials": .array(trials.map(\.json)),
        ])
    }
}

/// Finds a run by its name, a unique prefix of it, or `latest`.
package enum RunLookup {
    package static func find(_ name: String, in runs: RunsDirectory, journal: Journal?, at now: Timestamp? = nil)
        async throws -> RunView
    {
        let records = try await journal?.runs() ?? []
        let id = try resolve(name, among: ids(records, runs))
        if let journal, let record = records.first(where: { $0.id == id }) {
            var view = try await RunView.read(record, journal: journal, ledger: runs.journalPath)
            if view.isAlive, let now { view.silentFor = record.silence(at: now) }
            return view.withNewestScores()
        }
        guard let view = try RunView.read(runs.run(id)) else {
            throw PreflightError(.usage, "run \(id) has no summary.json and is not in \(runs.journalPath)")
        }
        return view.withNewestScores()
    }

    /// All runs of a directory, those that no journal knows at the end.
    package static func ids(in runs: RunsDirectory, journal: Journal?) async throws -> [String] {
        ids(try await journal?.runs() ?? [], runs)
    }

    /// The runs that names, prefixes or `latest` mean; each once.
    package static func ids(
        named names: [String], in runs: RunsDirectory, journal: Journal?
    ) async throws -> [String] {
        let all = try await ids(in: runs, journal: journal)
        return try names.reduce(into: []) { found, name in
            let id = try resolve(name, among: all)
            if !found.contains(id) { found.append(id) }
        }
    }

    private static func ids(_ records: [RunRecord], _ runs: RunsDirectory) -> [String] {
        let known = records.map(\.id)
        return known + directories(runs).filter { !known.contains($0) }
    }

    /// - Parameter ids: newest first.
    static func resolve(_ name: String, among ids: [String]) throws(PreflightError) -> String {
        guard let newest = ids.first else {
            throw PreflightError(.usage, "there are no runs yet", hint: "`preflight run-multi` makes one")
        }
        if name == "latest" { return newest }
        if ids.contains(name) { return name }
        let matches = ids.filter { $0.hasPrefix(name) || $0.hasPrefix("run-" + name) }
        if matches.count == 1, let match = matches.first { return match }
        if matches.count > 1 {
            throw PreflightError(
                .usage, "'\(name)' names \(matches.count) runs", hint: matches.prefix(5).joined(separator: ", "))
        }
        let near = ids.sorted { NearestName.distance(name, $0) < NearestName.distance(name, $1) }.prefix(3)
        throw PreflightError(.usage, "there is no run '\(name)'", hint: "nearest: \(near.joined(separator: ", "))")
    }

    private static func directories(_ runs: RunsDirectory) -> [String] {
        Files.list(runs.path).filter { Files.exists(runs.run($0).summaryPath) }.sorted(by: >)
    }
}
