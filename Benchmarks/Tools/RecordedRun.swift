import Foundation
import Harness
import PreflightCore
import Store

/// Makes a run as a harness makes it, by the same recorders and the same journal, but without containers:
/// `recorded-run RUNS TRIALS EVENTS ENDED|LIVING|LOST|COLD`.
///
/// `ended` came to its end. `living` is held by this process, which says `ready` and waits for its standard input to
/// end. Of `lost` the harness died: the newest summaries in the journal are a hundred events old, as they are after a
/// second of a busy trial. Of `cold` the journal knows nothing but what was planned, so that every log must be read from
/// its beginning.
enum RecordedRun {
    private enum Fate: String { case ended, living, lost, cold }

    private static let budget = USD(cents: 50)

    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 4, let trials = Int(arguments[1]), let events = Int(arguments[2]),
            let fate = Fate(rawValue: arguments[3])
        else { throw PreflightError(.usage, "recorded-run RUNS TRIALS EVENTS ended|living|lost|cold") }
        let runs = RunsDirectory(path: arguments[0])
        try Files.createDirectory(runs.path)
        let directory = runs.run("run-\(fate.rawValue)")
        try Files.createDirectory(directory.path)
        let journal = try Journal(path: runs.journalPath)
        let plans = (0..<trials).map { TrialPlan(alias: "trial-\($0)", model: "openai/gpt-4.1-mini", budget: budget) }
        let startedAt = Timestamp.system
        try await journal.begin(directory, trials: plans.map { TrialSummary(plan: $0) }, at: startedAt)
        let lock = try HarnessLock(path: directory.harnessLockPath)
        try Files.replace(directory.lockPath, with: "{}\n")
        try Files.replace(directory.experimentPath, with: "image: preflight-agent\n")
        var summaries: [TrialSummary] = []
        for plan in plans {
            let summary = try record(plan, in: directory.trial(plan.attempt), events: events / trials, fate: fate)
            summaries.append(summary)
        }
        if fate != .cold { try await journal.update(summaries, run: directory.id, at: .system) }
        if fate == .ended {
            let result = RunResult(
                id: directory.id, directory: directory.path, trials: summaries, startedAt: startedAt,
                finishedAt: .system, wasStopped: false)
            try Files.replace(directory.summaryPath, with: result.json.prettyText + "\n")
            try await journal.finish(run: directory.id, exitStatus: 0, at: .system)
        }
        Tools.say("ready")
        if fate == .living { _ = FileHandle.standardInput.readDataToEndOfFile() }
        withExtendedLifetime(lock) {}
    }

    /// The trial's summary as the journal last got it.
    private static func record(
        _ plan: TrialPlan, in directory: TrialDirectory, events: Int, fate: Fate
    ) throws -> TrialSummary {
        try directory.create()
        let recorder = try TrialRecorder(
            plan: plan, directory: directory, policies: .standard, world: .system)
        recorder.record(
            "trial_started",
            [
                "alias": .string(plan.alias), "model": .string(plan.model), "budget": .usd(plan.budget),
                "access": "direct",
            ])
        recorder.record("subkey_created", ["name": "k", "hash": .string(plan.alias)])
        _ = recorder.recordStart(container: plan.alias)
        // Six events of the harness stand around those of the agent.
        let steps = max(1, (events - 6) / AgentScript.eventsPerStep)
        let tail = fate == .lost ? min(steps, 100 / AgentScript.eventsPerStep) : 0
        var script = AgentScript()
        feed(recorder, &script, steps: steps - tail)
        let summary = recorder.summary
        feed(recorder, &script, steps: tail)
        guard fate == .ended else { return summary }
        recorder.record("container_exited", ["exit_code": 0])
        recorder.record("spend_reconciled", ["spent": .usd(summary.cost), "settled": true])
        recorder.record(
            "trial_finished", ["outcome": "completed", "reason": "exit code 0", "cost": .usd(summary.cost)])
        try Files.replace(directory.summaryPath, with: recorder.summary.json.prettyText + "\n")
        return recorder.summary
    }

    private static func feed(_ recorder: TrialRecorder, _ script: inout AgentScript, steps: Int) {
        var bytes: [UInt8] = []
        for step in 1...max(1, steps) where step <= steps {
            script.next(into: &bytes)
            guard bytes.count >= 32 << 10 || step == steps else { continue }
            bytes.withUnsafeBytes { recorder.ingest(.stdout, $0) }
            bytes.removeAll(keepingCapacity: true)
        }
    }
}

extension World {
    static var system: World {
        let began = ContinuousClock.now
        return World(
            now: { .system }, uptime: { ContinuousClock.now - began },
            nonce: { String(repeating: "0", count: $0) })
    }
}
