import OpenRouter
import PreflightCore

/// The last look at a finished trial's spend: OpenRouter's figure is late, so it is asked until it stands still.
struct Settlement: Sendable {
    let runner: TrialRunner
    let key: ProvisionedKey

    struct Result: Sendable {
        var isSettled: Bool
        /// The most that may still turn up; nil when nothing can.
        var unknownUpTo: USD?
        var note: String
    }

    func reconcile() async -> Result {
        let recorder = runner.recorder
        let client = runner.provisioner.management.with(retry: .none)
        let deadline = runner.world.uptime() + runner.pace.settle
        var quietReads = 0
        var lastError: String?
        while true {
            // A quick stop does not wait for late figures; it says so.
            let isRushed = runner.stop.urgency == .quick
            do {
                let spent = try await client.subKey(hash: key.hash, timeout: .seconds(isRushed ? 2 : 5)).usage
                lastError = nil
                let before = recorder.trialState
                if spent > before.polledSpend || !before.hasSpendData {
                    recorder.record("budget_poll", ["spent": .usd(spent)])
                }
                quietReads = spent > before.polledSpend ? 1 : quietReads + 1
            } catch {
                lastError = "\(error)"
            }
            let state = recorder.trialState
            // An agent that reports its costs says what to wait for; a silent one is given a third reading.
            // What never ran spent nothing: one reading is enough.
            let neverRan = state.containerStarted == nil && state.spend == .zero && quietReads >= 1
            let isComplete =
                neverRan
                ? true
                : state.reportedSpend > .zero
                    ? state.polledSpend >= state.reportedSpend && quietReads >= 2 : quietReads >= 3
            if isComplete { return Result(isSettled: true, unknownUpTo: nil, note: "the sub-key's usage stands still") }
            if isRushed || runner.world.uptime() + runner.pace.settlePoll > deadline { break }
            await runner.pause(runner.pace.settlePoll)
        }
        let state = recorder.trialState
        let rest = max(.zero, (state.budget ?? runner.plan.budget) - state.spend)
        let note =
            lastError.map { "the sub-key's usage could not be read: \($0)" }
            ?? "the sub-key's usage may still grow: it shows \(state.polledSpend), the agent reported \(state.reportedSpend)"
        return Result(isSettled: false, unknownUpTo: rest, note: note)
    }
}

extension TrialRunner {
    /// Waits, unless a quick stop is asked for meanwhile.
    func pause(_ duration: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await world.clock.sleep(for: duration) }
            group.addTask { await stop.wait(for: .quick) }
            await group.next()
            group.cancelAll()
        }
    }
}
