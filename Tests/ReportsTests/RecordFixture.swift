import PreflightCore
import Reports
import Store
import TestSupport

/// A run whose harness is gone, or holds its lock, made of the parts that a harness makes it of.
struct RecordFixture: Sendable {
    let runs: RunsDirectory
    let journal: Journal
    let run: RunDirectory

    static let start = Timestamp(seconds: 1_773_316_800)
    static let budget = USD(cents: 10)

    static func plan(_ alias: String) -> TrialPlan { TrialPlan(alias: alias, model: "m", budget: budget) }

    /// A run with the trials named, none of which has begun.
    static func with(_ aliases: [String], _ body: (RecordFixture) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in
            let runs = RunsDirectory(path: path)
            let fixture = RecordFixture(
                runs: runs, journal: try Journal(path: runs.journalPath), run: runs.run("run-1"))
            try Files.createDirectory(fixture.run.path)
            for path in [fixture.run.experimentPath, fixture.run.lockPath, fixture.run.harnessLockPath] {
                try Files.replace(path, with: "{}\n", durably: false)
            }
            try await fixture.journal.begin(
                fixture.run, trials: aliases.map { TrialSummary(plan: plan($0)) }, at: start)
            try await body(fixture)
        }
    }

    static func event(_ source: Event.Source, _ type: String, _ fields: JSON = [:], at seconds: Int) -> Event {
        Event(
            timestamp: start + .seconds(seconds), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    static func beginning(_ alias: String, access: String = "direct") -> [Event] {
        [
            event(
                .harness, "trial_started",
                ["alias": .string(alias), "model": "m", "budget": .usd(budget), "access": .string(access)], at: 0),
            event(.harness, "subkey_created", at: 1), event(.harness, "container_started", at: 2),
        ]
    }

    static func end(_ cost: USD, at seconds: Int) -> [Event] {
        [
            event(.harness, "container_exited", ["exit_code": 0], at: seconds),
            event(.harness, "spend_reconciled", ["spent": .usd(cost), "settled": true], at: seconds),
            event(.harness, "trial_finished", ["outcome": "completed", "reason": "exit code 0"], at: seconds),
        ]
    }

    /// Appends events to a trial's log; its summary then, as its recorder would have it.
    @discardableResult
    func write(_ events: [Event], _ alias: String) throws -> TrialSummary {
        try write(events, Self.plan(alias))
    }

    func write(_ events: [Event], _ plan: TrialPlan) throws -> TrialSummary {
        let trial = run.trial(plan.attempt)
        try trial.create()
        var log = try EventLog(trial)
        var state = log.found.state
        for event in events {
            log.append(event)
            state.apply(event)
        }
        try log.flush()
        return TrialSummary(
            plan: plan, state: state, at: log.mark.elapsed, startedAt: Self.start, log: log.mark)
    }

    /// A call in the ledger, and how it ended; its number.
    func call(
        _ ledger: Ledger, _ alias: String, worst: USD, _ resolution: LedgerResolution? = nil
    ) async throws -> Int {
        let above = try await ledger.scope(named: run.id)
        let scope = try await ledger.scope(named: "\(run.id)/\(alias)", parent: above)
        let grant = try await ledger.reserve(
            BudgetAsk(base: worst, perOutputToken: .zero, wantedOutput: 1), scope: scope, model: "m")
        if let resolution { await ledger.resolve(grant.call, resolution) }
        return Int(grant.call.row)
    }

    func status() async throws -> [TrialSummary] {
        try await RunLookup.find(run.id, in: runs, journal: journal).trials
    }

    func verify() async throws -> RunVerification {
        try await RunVerifier(runs: runs, journal: journal).verify(run.id)
    }
}

extension RunVerification {
    subscript(_ name: String) -> Finding? { findings.first { $0.name == name } }
}
