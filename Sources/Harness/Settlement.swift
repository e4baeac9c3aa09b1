import OpenRouter
import PreflightCore

/// The last look at a finished trial's spend: OpenRouter is asked until the figure can be believed, or the time is up.
struct Settlement: Sendable {
    let runner: TrialRunner
    let key: ProvisionedKey
    let endedWell: Bool

    struct Result: Sendable {
        var isSettled: Bool
        /// The most that may still turn up; nil when nothing can.
        var unknownUpTo: USD?
        var note: String
    }

    func reconcile() async -> Result {
        let recorder = runner.recorder
        let pace = runner.pace
        let began = runner.world.uptime()
        var lastGrowth = began
        var quietReads = 0
        while true {
            // A quick stop does not wait for late figures; it says so.
            let isRushed = runner.stop.urgency == .quick
            let before = recorder.trialState.polledSpend
            let spent = try? await runner.provisioner.spend(of: key, timeout: .seconds(isRushed ? 2 : 5))
            if let spent {
                if spent > before || !recorder.trialState.hasSpendData {
                    recorder.record("budget_poll", ["spent": .usd(spent)])
                }
                quietReads = spent > before ? 1 : quietReads + 1
                if spent > before { lastGrowth = runner.world.uptime() }
            }
            let now = runner.world.uptime()
            let isTimeUp =
                isRushed || now - lastGrowth + pace.settlePoll > pace.settle || now - began > pace.settle * 4
            let rule = SettlementRule(
                state: recorder.trialState, endedWell: endedWell, canRead: spent != nil, quietReads: quietReads,
                isTimeUp: isTimeUp)
            switch rule.answer {
            case .settled(let note): return Result(isSettled: true, unknownUpTo: nil, note: note)
            case .unknown(let note): return Result(isSettled: false, unknownUpTo: rest, note: note)
            case .readAgain: await runner.pause(pace.settlePoll)
            }
        }
    }

    private var rest: USD {
        let state = runner.recorder.trialState
        return max(.zero, (state.budget ?? runner.plan.budget) - state.spend)
    }

    /// A key that is gone shows nothing any more. What a sweep saw of it is the last word where nobody could have used it
    /// for so long that it would have shown more; twice as long as is waited elsewhere, since a sweep looks first and
    /// deletes later.
    func afterSweep(quiet: Duration) -> Result {
        let state = runner.recorder.trialState
        guard quiet >= runner.pace.settle * 2, state.polledSpend >= state.reportedSpend else {
            return Result(
                isSettled: false, unknownUpTo: rest,
                note: "a sweep deleted the sub-key too soon for its usage to be the last word")
        }
        return Result(isSettled: true, note: "what the sub-key showed when a sweep deleted it")
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
