import Containers
import Harness
import OpenRouter
import PreflightCore
import Store
import TestSupport

extension Bench {
    /// What a harness leaves that dies as soon as the only trial of its field runs: its record, a key and a container.
    /// Returns when the run began.
    ///
    /// - Parameters:
    ///   - field: of one trial, `a`.
    ///   - script: what its container runs.
    func leaveBehind(_ field: FieldRun, _ script: String) async throws -> Timestamp {
        let directory = field.directory
        let now = world.now()
        let until = now + .seconds(3600)
        let plan = TrialPlan(alias: "a", model: "google/gemini-2.5-flash", budget: USD(cents: 5))
        try await journal.begin(directory, trials: [TrialSummary(plan: plan)], at: now)
        let trial = directory.trial(plan.attempt)
        try trial.create()
        try Files.replace(directory.lockPath, with: "{}\n")
        let recorder = try TrialRecorder(plan: plan, directory: trial, policies: PolicyList(), world: world)
        recorder.record(
            "trial_started",
            [
                "alias": .string(plan.alias), "model": .string(plan.model), "budget": .usd(plan.budget),
                "access": "direct",
            ])
        let key = try await provisioner.create(run: directory.id, trial: "a", limit: plan.budget, expiresAt: until)
        recorder.record("subkey_created", ["name": .string(key.name), "hash": .string(key.hash)])
        let name = Names.container(run: directory.id, trial: "a", nonce: "000000")
        _ = try await journal.intend(.container, name: name, run: directory.id, trial: "a", until: until, at: now)
        // As the harness asks for it, as far as following it goes.
        try await docker.command([
            "run", "--detach", "--init", "--name", name, "--network", "none", "--label",
            "\(Names.runLabel)=\(directory.id)", "--label", "\(Names.trialLabel)=a", "--label",
            "\(Names.lockLabel)=\(directory.harnessLockPath)", "--log-driver", "json-file", Self.image, "bash", "-c",
            script,
        ])
        _ = recorder.recordStart(container: name)
        return now
    }

    /// - Parameter began: of a field that is taken up again.
    func run(_ field: FieldRun, since began: Timestamp?) async throws -> RunResult {
        guard let began else { return try await run(field) }
        return try await field.resume(Resumption(who: "test", at: world.now()), startedAt: began)
    }

    /// Whether anything that the trial has printed is in its log.
    func hasHeard(_ alias: String, of field: FieldRun) throws -> Bool {
        try events(field.directory.id, alias).contains { $0.source == .agent }
    }
}
