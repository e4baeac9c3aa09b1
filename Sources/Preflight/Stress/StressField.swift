import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import Synchronization

/// One run of the suite: a field of scripted agents, whose harness is killed and that is taken up again.
final class StressField: Sendable {
    struct Plan: Sendable {
        var access = Access.direct
        /// What begins with one of the program's behaviours behaves so.
        var aliases = ["worker-1", "worker-2", "worker-3", "spender-1"]
        var steps = 60
        /// Faults of the provider that trials ask for, by alias.
        var faults: [String: String] = [:]
        /// More lines of the experiment.
        var lines: [String] = []
        var environment: [String: String] = [:]
        var arguments: [String] = []
        /// How its workers end.
        var ending = Outcome.completed

        /// A limit of time ends its workers; on a slow machine it meets spenders before they have spent.
        var isTimed = false

        func mayEnd(_ alias: String, as outcome: Outcome?) -> Bool {
            guard alias.hasPrefix("spender") else { return outcome == ending }
            return outcome == .budgetExhausted || isTimed && outcome == ending
        }
    }

    enum Access: String, Sendable, CaseIterable { case direct, gateway }

    let bench: StressBench
    let plan: Plan
    let name: String
    private let state: Mutex<State>

    private struct State {
        /// A run that never began anything is given up for another one.
        var runs: [String]
        var kills: [FieldFacts.Kill] = []
        var child: StressChild?
        /// For each kill, what the logs held.
        var logs: [[String: [UInt8]]] = []
    }

    init(_ bench: StressBench, _ plan: Plan, name: String) {
        self.bench = bench
        self.plan = plan
        self.name = name
        state = Mutex(State(runs: [name]))
    }

    var runs: RunsDirectory { RunsDirectory(path: bench.directory + "/runs") }
    var runIDs: [String] { state.withLock { $0.runs } }
    var id: String { runIDs.last ?? name }
    var run: RunDirectory { runs.run(id) }
    var killCount: Int { state.withLock { $0.kills.count } }

    // MARK: Starting

    private static let pace = ["--poll", "500ms", "--settle", "3s"]

    func start(_ changes: [String: String] = [:]) throws {
        let file = "\(name).yaml"
        try Files.replace("\(bench.directory)/\(file)", with: experiment, durably: false)
        try start(
            ["run-multi", file, "--skip-check", "--run-id", id] + Self.pace + plan.arguments, changes)
    }

    private func start(_ arguments: [String], _ changes: [String: String]) throws {
        let child = try bench.start(arguments, output: logName, changes)
        state.withLock { $0.child = child }
    }

    private var logName: String { "\(name).log" }

    /// The end of what its commands have said.
    var lastWords: String {
        let text = (try? Files.read("\(bench.directory)/\(logName)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").suffix(4).joined(separator: " / ")
    }

    /// Takes the run up, or begins anew where it had not begun.
    func takeUp(_ changes: [String: String] = [:]) async throws {
        guard Files.exists(runs.journalPath), try await Journal(path: runs.journalPath).run(id) != nil else {
            return try start(changes)
        }
        guard Files.exists(run.experimentPath) else {
            state.withLock { $0.runs.append("\(name)-\($0.runs.count + 1)") }
            return try start(changes)
        }
        // Values of variables are in no record.
        try start(["resume", id] + Self.pace, changes.merging(environment) { $1 })
    }

    // MARK: Its process

    private var child: StressChild? { state.withLock { $0.child } }

    var isRunning: Bool { child?.isRunning ?? false }

    /// Its exit code, or nil when the time is up first.
    func ended(within limit: Duration) async -> Int? { await child?.ended(within: limit) }

    func crash() async { await child?.crash() }

    /// Ends the harness as a crash would, and notes how things stand.
    func kill() async throws {
        await crash()
        try await noteKill()
    }

    /// What the agents are told.
    private var environment: [String: String] {
        let faults = plan.faults.sorted { $0.key < $1.key }.map {
            JSON.Object.Member(key: $0.key, value: .string($0.value))
        }
        return plan.environment.merging([
            "STRESS_STEPS": "\(plan.steps)", "STRESS_FAULTS": JSON.object(JSON.Object(faults)).text,
        ]) { $1 }
    }

    private var experiment: String {
        let models = plan.aliases.map { alias in
            let budget = alias.hasPrefix("spender") ? StressAgent.spenderBudget : StressAgent.budget
            return "  - {id: \(StressAgent.model), alias: \(alias), budget: \(budget.decimalText)}"
        }
        let environment = environment.sorted { $0.key < $1.key }.map { "  \($0.key): \(JSON.string($0.value).text)" }
        return """
            image: \(StressAgent.image)
            access: \(plan.access.rawValue)
            models:
            \(models.joined(separator: "\n"))
            args: [python3, -c, \(JSON.string(StressAgent.program).text)]
            prompt: Go on.
            env:
            \(environment.joined(separator: "\n"))
            \(plan.lines.joined(separator: "\n"))

            """
    }

    // MARK: Killing

    /// Notes what is acknowledged once nobody writes any more.
    func noteKill() async throws {
        let logs = Dictionary(uniqueKeysWithValues: plan.aliases.map { ($0, whole(log($0))) })
        let committed = try await committed()
        let kill = FieldFacts.Kill(committed: committed, billed: billed(plan.aliases))
        state.withLock {
            $0.kills.append(kill)
            $0.logs.append(logs)
        }
    }

    func log(_ alias: String) -> [UInt8] { (try? Files.read(run.trial(alias).eventsPath)) ?? [] }

    private func whole(_ log: [UInt8]) -> [UInt8] {
        Array(log[..<(log.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0)])
    }

    func events(_ alias: String) -> [Event] { log(alias).split(separator: 0x0A).compactMap { Event(line: $0) } }

    /// How many numbers an agent has said, as far as its log has them.
    func progress(_ alias: String) -> Int { said(events(alias)).count }

    func said(_ events: [Event]) -> [Int] {
        events.compactMap { $0.source == .agent && $0.type == "progress" ? $0.fields["n"]?.int : nil }
    }

    func has(_ type: String, _ alias: String) -> Bool { events(alias).contains { $0.type == type } }

    func keyHashes(_ alias: String) -> Set<String> {
        Set(events(alias).compactMap { $0.type == "subkey_created" ? $0.fields["hash"]?.string : nil })
    }

    func billed(_ aliases: [String]) -> USD {
        let bill = bench.server.bill
        return aliases.reduce(.zero) { sum, alias in
            keyHashes(alias).reduce(sum) { $0 + bill.total(keyHash: $1) }
        }
    }

    /// What was noted at each kill, and what the logs held then.
    var acknowledged: (kills: [FieldFacts.Kill], logs: [[String: [UInt8]]]) { state.withLock { ($0.kills, $0.logs) } }

    // MARK: The ledger

    func scopes() async throws -> [LedgerReader.Scope] {
        guard plan.access == .gateway, Files.exists(runs.journalPath) else { return [] }
        return try await LedgerReader(path: runs.journalPath).scopes()
    }

    private func committed() async throws -> USD? {
        guard plan.access == .gateway else { return nil }
        let scope = try await scopes().first { $0.scope.name == id }?.scope
        return scope.map { $0.committed + $0.reserved } ?? .zero
    }
}
