import Console
import Foundation
import PreflightCore
import Store
import Synchronization
import TestSupport

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A dashboard over a runs directory of its own, on a free port.
struct DashboardBench: Sendable {
    static let token = "the-token-of-this-page"
    static let start = Timestamp(seconds: 1_773_316_800)
    static let budget = USD(cents: 10)

    let runs: RunsDirectory
    let journal: Journal
    let run: RunDirectory
    let url: String

    func send(
        _ path: String, method: String = "GET", token: String? = DashboardBench.token, headers: [String: String] = [:]
    ) async throws -> ConsoleBench.Answer {
        guard let address = URL(string: url + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: address, timeoutInterval: 30)
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let session = URLSession(configuration: .ephemeral)
        defer { session.finishTasksAndInvalidate() }
        let (data, response) = try await session.data(for: request)
        guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var fields: [String: String] = [:]
        for (name, value) in http.allHeaderFields { fields["\(name)".lowercased()] = "\(value)" }
        return ConsoleBench.Answer(
            status: http.statusCode, headers: fields, text: String(decoding: data, as: UTF8.self))
    }

    func get(_ path: String) async throws -> JSON { try await send(path).json }

    /// Follows the run until `body` returns; it is given what has come so far.
    func following(lastEventID: String? = nil, _ body: (Collector) async throws -> Void) async throws {
        guard let address = URL(string: url + "/api/stream?run=\(run.id)") else { throw URLError(.badURL) }
        var request = URLRequest(url: address, timeoutInterval: 60)
        request.setValue("Bearer \(Self.token)", forHTTPHeaderField: "Authorization")
        if let lastEventID { request.setValue(lastEventID, forHTTPHeaderField: "Last-Event-ID") }
        let collector = Collector()
        let session = URLSession(configuration: .ephemeral, delegate: collector, delegateQueue: nil)
        defer { session.invalidateAndCancel() }
        session.dataTask(with: request).resume()
        try await body(collector)
    }

    static func event(_ source: Event.Source, _ type: String, _ fields: JSON = [:], at seconds: Int) -> Event {
        Event(
            timestamp: start + .seconds(seconds), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    static func beginning(_ alias: String) -> [Event] {
        [
            event(
                .harness, "trial_started",
                ["alias": .string(alias), "model": "m/one", "budget": .usd(budget), "access": "gateway"], at: 0),
            event(.harness, "container_started", at: 2),
        ]
    }

    static func call(spent: USD, at seconds: Int) -> Event {
        event(
            .gateway, "call_settled",
            ["model": "m/one", "status": 200, "cost_usd": .usd(spent), "spent_usd": .usd(spent)], at: seconds)
    }

    static let end = [
        event(.harness, "container_exited", ["exit_code": 0], at: 30),
        event(.harness, "trial_finished", ["outcome": "completed", "reason": "exit code 0"], at: 31),
    ]

    /// Appends events to a trial's log, and tells the journal as its recorder would.
    func write(_ events: [Event], _ alias: String) async throws {
        let plan = TrialPlan(alias: alias, model: "m/one", budget: Self.budget)
        let trial = run.trial(plan.attempt)
        try trial.create()
        var log = try EventLog(trial)
        var state = log.found.state
        for event in events {
            log.append(event)
            state.apply(event)
        }
        try log.flush()
        let summary = TrialSummary(
            plan: plan, state: state, at: log.mark.elapsed, startedAt: Self.start, log: log.mark)
        try await journal.update([summary], run: run.id, at: Self.start)
    }
}

/// A run `run-1` of these trials, none of which has begun.
func withDashboard(
    _ aliases: [String] = ["a", "b"], bounds: DashboardOptions.Bounds? = nil,
    _ body: (DashboardBench) async throws -> Void
) async throws {
    try await withTemporaryDirectory { path in
        let runs = RunsDirectory(path: path)
        let run = runs.run("run-1")
        let journal = try Journal(path: runs.journalPath)
        try Files.createDirectory(run.path)
        let trials = aliases.map {
            TrialSummary(plan: TrialPlan(alias: $0, model: "m/one", budget: DashboardBench.budget))
        }
        try await journal.begin(run, trials: trials, at: DashboardBench.start)
        var options = DashboardOptions(token: Secret(DashboardBench.token), version: "1.2.3")
        options.bounds.pace = .milliseconds(50)
        if let bounds { options.bounds = bounds }
        let doors = DashboardDoors(runs: runs, now: { DashboardBench.start + .seconds(60) })
        try await DashboardServer.withServer(options, doors: doors) { bound in
            try await body(DashboardBench(runs: runs, journal: journal, run: run, url: bound.url))
        }
    }
}
