import OpenRouter
import PreflightCore

/// Changing budgets. A raise goes from the outermost wall to the innermost, so that at every moment what is allowed is
/// covered by what is above it.
extension OwnerDesk {
    func extend(
        _ control: TrialControl, _ request: OwnerRequest, _ change: BudgetExtension
    ) async throws -> OwnerRequest.Answer? {
        switch control.beginChange() {
        case .over: return no(over(control))
        case .waitsForItsTurn: return no("\(control.plan.alias) has not begun: extend it once it runs")
        case .notYet: return nil
        case .begun(let reach):
            defer { control.endChange() }
            return try await extend(control, reach, request, change)
        }
    }

    private func extend(
        _ control: TrialControl, _ reach: TrialControl.Reach, _ request: OwnerRequest, _ change: BudgetExtension
    ) async throws -> OwnerRequest.Answer? {
        let alias = control.plan.alias
        let state = reach.runner.recorder.trialState
        let budget = state.budget ?? control.plan.budget
        let committed = max(state.spend, try await reach.scope?.standing().committed ?? .zero)
        var request = request
        let target = request.target ?? change.target(from: budget)
        request.target = target
        let total = target > budget ? try await total.standing().limit : nil
        let rule = ExtensionRule(name: alias, budget: budget, committed: committed, total: total)
        if let refusal = rule.refusal(of: target) { return no(refusal) }
        // Held first: what OpenRouter may be allowed to spend must be there.
        if target > control.held {
            guard await envelope.resize(control.held, to: target, for: alias) else {
                return no("budget.total has no room for \(target - control.held) more: extend the run first")
            }
            control.setHeld(target)
        }
        guard try await take(request) else {
            await giveBack(control, to: budget)
            return nil
        }
        // On record before OpenRouter is asked: a crash in between leaves this line and an open order.
        control.note(request)
        switch await setLimits(target, from: budget, reach) {
        case .done:
            await giveBack(control, to: target)
            control.record(
                "budget_extended",
                [
                    "budget": .usd(target), "was": .usd(budget), "who": .string(request.who),
                    "request": .number(String(request.id)),
                ])
            reach.runner.writeBudgetFile()
            // More money is the owner's word to go on.
            let isReleased = target > budget && control.release(request)
            return done("\(alias): budget \(budget) -> \(target)\(isReleased ? ", and its calls go on" : "")")
        case .failed(let why):
            await giveBack(control, to: budget)
            control.record("budget_not_extended", ["budget": .usd(budget), "error": .string(why)])
            return no("\(alias): the budget stays \(budget): \(why)")
        case .unknown(let why):
            // What OpenRouter may allow stays held.
            control.record("budget_not_extended", ["budget": .usd(budget), "error": .string(why)])
            return no("\(alias): OpenRouter may or may not have taken \(target): \(why); ask again")
        }
    }

    /// Less of the envelope is held than before.
    private func giveBack(_ control: TrialControl, to amount: USD) async {
        guard amount < control.held else { return }
        _ = await envelope.resize(control.held, to: amount, for: control.plan.alias)
        control.setHeld(amount)
    }

    private enum Result {
        case done
        case failed(String)
        case unknown(String)
    }

    private func setLimits(_ target: USD, from budget: USD, _ reach: TrialControl.Reach) async -> Result {
        do {
            if let scope = reach.scope, target < budget, !(try await scope.set(target)) {
                return .failed("more than that is committed by now")
            }
            let key = await setLimit(target, of: reach)
            guard case .done = key else { return key }
            if let scope = reach.scope, target > budget, !(try await scope.set(target)) {
                return .failed("the ledger did not take it")
            }
            return .done
        } catch {
            return .failed("\(error)")
        }
    }

    /// Where the answer is lost, the key is looked at.
    private func setLimit(_ target: USD, of reach: TrialControl.Reach) async -> Result {
        // Without a key at OpenRouter the ledger alone holds the budget.
        guard let hash = reach.key?.hash else { return .done }
        let management = reach.runner.provisioner.management
        let failure = await within(.seconds(20)) { () -> String? in
            do throws(OpenRouterError) {
                try await management.setLimit(target, ofSubKey: hash)
                return nil
            } catch { return "\(error)" }
        }
        if case .some(nil) = failure { return .done }
        let why = failure.flatMap(\.self) ?? "OpenRouter did not answer within 20s"
        let seen = await within(.seconds(10)) { try? await management.subKey(hash: hash).limit }
        guard let seen, let limit = seen else { return .unknown(why) }
        return limit == target ? .done : .failed(why)
    }

    func extendTotal(_ request: OwnerRequest, _ change: BudgetExtension) async throws -> OwnerRequest.Answer? {
        let standing = try await total.standing()
        guard let limit = standing.limit else {
            return no("the run has no budget.total to extend: name a trial")
        }
        var request = request
        let target = request.target ?? change.target(from: limit)
        request.target = target
        let rule = ExtensionRule(name: "the run", budget: limit, committed: standing.committed)
        if let refusal = rule.refusal(of: target) { return no(refusal) }
        guard try await take(request) else { return nil }
        let running = controls.filter { $0.hasBegun && !$0.isOver }
        for control in running { control.note(request) }
        guard try await total.set(target) else { return no("more than \(target) is committed by now") }
        for control in running {
            control.record(
                "total_extended", ["total": .usd(target), "was": .usd(limit), "who": .string(request.who)])
        }
        return done("budget.total \(limit) -> \(target)")
    }
}
