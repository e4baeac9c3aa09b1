import PreflightCore
import Store

/// The sub-keys of a trial whose harness has died: what is left of them, and a new one for a container that lives.
extension TrialRunner {
    /// A key whose making was not seen to its end is found by its name, and deleted: its hash is not known.
    func keys(_ remains: TrialRemains) -> [ProvisionedKey] {
        remains.keys.compactMap { entry in
            entry.handle.map { ProvisionedKey(hash: $0, key: Secret(""), name: entry.name, entry: entry.id) }
        }
    }

    func deleteUnknownKeys(_ remains: TrialRemains) async {
        let unknown = remains.keys.filter { $0.handle == nil }
        guard !unknown.isEmpty else { return }
        await provisioner.deleteUnknown(
            named: Names.subKey(run: runID, trial: plan.attempt.name), but: Set(remains.keys.compactMap(\.handle)),
            entries: unknown.map(\.id))
    }

    /// The trial's key with those before it; nil where the journal knows of none.
    func key(_ remains: TrialRemains) -> ProvisionedKey? {
        guard usesOpenRouter else { return nil }
        var known = keys(remains)
        guard var key = known.popLast() else {
            // Swept: OpenRouter says that there is no such key.
            return recorder.trialState.keyHash.map {
                ProvisionedKey(
                    hash: $0, key: Secret(""), name: Names.subKey(run: runID, trial: plan.attempt.name), entry: 0)
            }
        }
        key.earlier = known
        return key
    }

    /// The old key's text died with its process. The new one may spend what is left of the trial's budget.
    func renewKey(_ remains: TrialRemains, _ access: ModelAccess) async throws -> ProvisionedKey? {
        guard usesOpenRouter else { return nil }
        let old = keys(remains)
        for key in old {
            let isDisabled = await provisioner.disable(key, within: pace.disable)
            recorder.record(isDisabled ? "subkey_disabled" : "subkey_not_disabled", ["hash": .string(key.hash)])
        }
        let budget = recorder.trialState.budget ?? plan.budget
        let committed = try await access.committed(plan.attempt.name)
        // OpenRouter wants a limit; the ledger is the wall before it.
        let limit = max(budget - committed, USD(picodollars: 1_000_000))
        var key = try await provisioner.create(
            run: runID, trial: plan.attempt.name, limit: limit, expiresAt: lastExpiry,
            keeping: Set(old.map(\.hash)), patience: keyPatience(most: min(pace.giveBack, max(.zero, wallLeft))))
        recordKey(key, limit: limit, expiresAt: lastExpiry)
        key.earlier = old
        return key
    }

    /// Of its time. While a new key is waited for, nobody watches its container.
    var wallLeft: Duration { recorder.startedAt + runPlan.experiment.limits.wall - world.now() }

    /// When keys of a trial that has begun expire.
    var lastExpiry: Timestamp {
        max(recorder.startedAt + runPlan.experiment.limits.wall, world.now()) + pace.keyGrace
    }
}
