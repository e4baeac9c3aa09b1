import PreflightCore
import Reports
import Store

/// One run that somebody looks at: how it stands, in parts that each know when they changed last.
///
/// A follower says up to which number it has seen; it gets the parts that changed since. So nothing is queued for those
/// who read slowly, and one that comes back after a break gets what it missed, once.
actor RunWatch {
    nonisolated let id: String
    private let doors: DashboardDoors
    private let record: RecordAccess
    private let reader: TraceReader

    private struct Part {
        var value: JSON
        var changed: Int
    }

    private var parts: [String: Part] = [:]
    /// Goes up by one with every round that changed something.
    private var version = 0
    /// Numbers of another process, or of another watch, mean nothing here.
    private let epoch = "\(UInt64.random(in: 0..<(.max)))"

    private(set) var view: RunView?
    /// What the ledger lets the run spend in all; nil where it does not hold it to anything.
    private var total: USD?
    private var traces: [String: TrialTrace] = [:]
    private var refreshing: Task<Void, any Error>?
    private var refreshed: ContinuousClock.Instant?
    private var tracing: Task<Void, Never>?

    init(id: String, doors: DashboardDoors, record: RecordAccess, reader: TraceReader) {
        self.id = id
        self.doors = doors
        self.record = record
        self.reader = reader
    }

    /// Looks anew, unless that was done a moment ago.
    func refresh() async throws {
        if let refreshing { return try await refreshing.value }
        // A run that nobody runs changes when somebody takes it up, no sooner.
        let pause = view.map { $0.isAlive ? Duration.milliseconds(400) : .seconds(3) } ?? .zero
        if let refreshed, ContinuousClock.now - refreshed < pause { return }
        let task = Task { try await self.look() }
        refreshing = task
        defer { refreshing = nil }
        try await task.value
        refreshed = .now
    }

    private func look() async throws {
        let journal = try await record.journal()
        let now = doors.now()
        let view = try await RunLookup.find(id, in: doors.runs, journal: journal, at: now)
        self.view = view
        let ledger = await budgets(of: view, at: now)
        publish(view, ledger, at: now)
        readTraces(view)
    }

    private func budgets(of view: RunView, at now: Timestamp) async -> JSON? {
        guard let reader = try? await record.ledger(), let scopes = try? await reader.scopes() else { return nil }
        total = scopes.first { $0.scope.name == view.id }?.scope.limits.money.total
        return LedgerRows.json(BudgetReport(scopes, at: now), run: view.id)
    }

    private func publish(_ view: RunView, _ ledger: JSON?, at now: Timestamp) {
        let next = version + 1
        var hasChanged = false
        func put(_ key: String, _ value: JSON) {
            guard parts[key]?.value != value else { return }
            parts[key] = Part(value: value, changed: next)
            hasChanged = true
        }
        for trial in view.trials {
            put("trial/\(trial.alias)", TrialRow.json(trial, trace: traces[trial.attempt.name]))
        }
        put("order", .strings(view.trials.map(\.alias)))
        put("head", RunHead.json(view, total: total, traces: traces, at: now))
        if let ledger { put("ledger", ledger) }
        put("verdicts", VerdictRows.json(view, traces: traces))
        // Curves are pictures, and fetched when their number has changed.
        put("curves", .int(traces.values.reduce(0) { $0 + $1.lines }))
        if hasChanged { version = next }
    }

    /// Reads logs on in the background: the table does not wait for them.
    private func readTraces(_ view: RunView) {
        guard tracing == nil else { return }
        tracing = Task {
            var told = ContinuousClock.now
            for trial in view.trials where trial.startedAt != nil {
                await readOn(trial.attempt)
                guard ContinuousClock.now - told > .seconds(1) else { continue }
                told = .now
                publishAgain()
            }
            tracing = nil
            publishAgain()
        }
    }

    private func publishAgain() {
        if let view { publish(view, parts["ledger"]?.value, at: doors.now()) }
    }

    private func readOn(_ attempt: TrialAttempt) async {
        let path = RunDirectory(path: view?.directory ?? "", id: id).trial(attempt).eventsPath
        // A trial that was begun again has another log, and another name.
        let key = attempt.name
        var hasMore = true
        while hasMore, !Task.isCancelled {
            let old = traces[key] ?? TrialTrace()
            let (trace, more) = await reader.read(old, path)
            if trace.offset != old.offset { traces[key] = trace }
            hasMore = more
        }
    }

    /// The course of an attempt, read to its end.
    func trace(_ attempt: TrialAttempt) async -> TrialTrace {
        await readOn(attempt)
        return traces[attempt.name] ?? TrialTrace()
    }

    /// Those of all attempts that somebody looked at, by their names, as far as they are read.
    var allTraces: [String: TrialTrace] { traces }

    struct News: Sendable {
        /// What a follower names when it comes back.
        var id: String
        var version: Int
        /// Nil where nothing has changed.
        var parts: JSON?
        /// Nothing more will change.
        var isOver: Bool
    }

    /// What changed since an earlier version; everything for a follower that has none of this watch.
    func news(since version: Int?) -> News {
        var members: [JSON.Object.Member] = []
        for (key, part) in parts where part.changed > version ?? 0 {
            members.append(.init(key: key, value: part.value))
        }
        let isSettled = tracing == nil
        return News(
            id: "\(epoch).\(self.version)", version: self.version,
            parts: members.isEmpty ? nil : .object(JSON.Object(members.sorted { $0.key < $1.key })),
            isOver: isSettled && !(view?.isAlive ?? false))
    }

    /// Nil when the number is of another watch.
    nonisolated func version(fromEventID text: String?) -> Int? {
        guard let parts = text?.split(separator: "."), parts.count == 2, parts[0] == epoch else { return nil }
        return Int(parts[1])
    }
}
