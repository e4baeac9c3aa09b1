import PreflightCore
import Synchronization

/// Calls the hooks of policies that fire, beside the trials: a recorder never waits for one, and a hook that fails is a
/// warning.
///
/// A hook's end is an event, so that a process that takes the run over calls those alone whose end is not written.
final class FieldHooks: Sendable {
    private struct Job: Sendable {
        var trial: TrialPlan
        var firing: Int
        var policy: JSON
        var hook: PolicyHook
        var payload: JSON
    }

    private struct Pending {
        var firings: [Int: JSON] = [:]
        /// Those of them whose end is being written down.
        var ending: Set<Int> = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Hooks that are under way at the same time.
    private static let width = 8
    /// How long the end of a trial waits for its hooks.
    private static let patience = Duration.seconds(45)

    private let run: String
    private let rules: [PolicyRule]
    private let world: World
    private let jobs: AsyncStream<Job>
    private let input: AsyncStream<Job>.Continuation
    /// By the attempt's name.
    private let pending = Mutex<[String: Pending]>([:])

    init(run: String, _ rules: [PolicyRule], world: World) {
        self.run = run
        self.rules = rules
        self.world = world
        // Bounded by what one trial may call.
        (jobs, input) = AsyncStream.makeStream()
    }

    func take(_ event: Event, of trial: TrialPlan, _ state: TrialState) {
        guard event.type == FiredPolicy.eventType, event.source == .harness, state.firings <= TrialState.mostHooks
        else {
            return
        }
        submit(event, firing: state.firings, of: trial, state)
    }

    /// What an earlier process has not seen the end of.
    func takeUp(_ state: TrialState, of trial: TrialPlan) {
        for owed in state.owedHooks { submit(owed.event, firing: owed.firing, of: trial, state) }
    }

    private func submit(_ event: Event, firing: Int, of trial: TrialPlan, _ state: TrialState) {
        guard let rule = event.fields["rule"]?.int, rules.indices.contains(rule), let hook = rules[rule].hook else {
            return
        }
        let policy = event.fields["policy"] ?? .null
        pending.withLock { $0[trial.attempt.name, default: Pending()].firings[firing] = policy }
        input.yield(
            Job(
                trial: trial, firing: firing, policy: policy, hook: hook,
                payload: HookPayload.json(run: run, trial, firing: firing, event, state)))
    }

    /// Calls them until it is cancelled.
    func attend(_ controls: [TrialControl], report: @escaping @Sendable (FieldEvent) -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await job in jobs {
                if running >= Self.width {
                    await group.next()
                    running -= 1
                }
                running += 1
                let control = controls.first { $0.plan.alias == job.trial.alias }
                group.addTask { await self.call(job, control, report) }
            }
            group.cancelAll()
        }
    }

    private func call(_ job: Job, _ control: TrialControl?, _ report: @Sendable (FieldEvent) -> Void) async {
        guard isOpen(job) else { return }
        let began = world.uptime()
        let result = await HookCall(
            hook: job.hook, payload: job.payload, run: run, trial: job.trial.alias, world: world
        ).perform()
        // Cut off by the field's end: whoever goes on calls it again.
        guard !Task.isCancelled else { return }
        end(job) {
            control?.record(
                result.error == nil ? "hook_done" : "hook_failed",
                [
                    "firing": .int(job.firing), "policy": job.policy, "attempts": .int(result.attempts),
                    "took_s": .number((world.uptime() - began).decimalSeconds(places: 3)),
                    "error": result.error.map(JSON.string),
                ])
        }
        if let error = result.error {
            report(.warning("\(job.trial.alias): the hook of \(job.policy.string ?? "a policy") failed: \(error)"))
        }
    }

    private func isOpen(_ job: Job) -> Bool {
        pending.withLock { $0[job.trial.attempt.name]?.firings[job.firing] != nil }
    }

    private func end(_ job: Job, _ record: () -> Void) {
        let isMine = pending.withLock { pending in
            guard pending[job.trial.attempt.name]?.firings[job.firing] != nil else { return false }
            return pending[job.trial.attempt.name]?.ending.insert(job.firing).inserted ?? false
        }
        guard isMine else { return }
        record()
        let waiting = pending.withLock { pending in
            guard var entry = pending[job.trial.attempt.name] else { return [CheckedContinuation<Void, Never>]() }
            entry.firings[job.firing] = nil
            let waiting = entry.firings.isEmpty ? entry.waiting : []
            if entry.firings.isEmpty { entry.waiting = [] }
            pending[job.trial.attempt.name] = entry
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits for the hooks of a trial, since its log ends with its end; those that take longer are written down as
    /// failed.
    func settle(_ trial: TrialPlan, isQuick: Bool, _ record: (String, KeyValuePairs<String, JSON?>) -> Void) async {
        let name = trial.attempt.name
        await within(isQuick ? .seconds(1) : Self.patience) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isIdle = self.pending.withLock { pending in
                        guard let entry = pending[name], !entry.firings.isEmpty, !Task.isCancelled else { return true }
                        pending[name]?.waiting.append(continuation)
                        return false
                    }
                    if isIdle { continuation.resume() }
                }
            } onCancel: {
                self.wake(name)
            }
        }
        let left = pending.withLock { pending in
            defer { pending[name] = nil }
            guard let entry = pending[name] else { return [Int: JSON]() }
            return entry.firings.filter { !entry.ending.contains($0.key) }
        }
        for (firing, policy) in left.sorted(by: { $0.key < $1.key }) {
            record(
                "hook_failed",
                ["firing": .int(firing), "policy": policy, "error": "it took longer than the end of the trial waits"])
        }
    }

    private func wake(_ name: String) {
        let waiting = pending.withLock { pending in
            defer { pending[name]?.waiting = [] }
            return pending[name]?.waiting ?? []
        }
        for continuation in waiting { continuation.resume() }
    }
}
