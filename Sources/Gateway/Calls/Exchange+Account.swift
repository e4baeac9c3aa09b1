import NIOCore
import PreflightCore
import Store

/// What is answered without a model: the key's budget, the price of a call, and free reading at the upstream.
extension Exchange {
    /// OpenRouter's `/key` and `/credits`, telling of the virtual key's own budget.
    func tellBudget(_ key: VirtualKey, _ endpoint: Endpoint) {
        let ledger = gateway.ledger
        let scope = key.scope
        let standing = context.loop.makeFutureWithTask { try await ledger.standing(of: scope) }
        standing.whenComplete { [self] result in
            switch result {
            case .success(let standing):
                finish(.json(endpoint == .credits ? Self.credits(standing) : Self.keyInfo(standing, key)))
            case .failure(let error):
                finish(Refusal.unavailable("The ledger cannot be read: \(error)", retryAfter: 5).response(in: dialect))
            }
        }
    }

    static func keyInfo(_ standing: LedgerStanding, _ key: VirtualKey) -> JSON {
        let scope = standing.scope
        // Where a parent is tighter, its headroom is what this key can still spend.
        let limit = scope.limits.cap(.total) ?? standing.headroom.map { $0 + scope.committed }
        let reset = [BudgetWindow.daily, .weekly, .monthly].first { scope.limits.money[$0] != nil }
        return [
            "data": .record([
                "label": .string(key.label), "limit": limit.map(JSON.usd) ?? .null,
                "limit_remaining": standing.headroom.map { .usd(max(.zero, $0)) } ?? .null,
                "limit_reset": reset.map { .string($0.rawValue) } ?? .null, "usage": .usd(scope.committed),
                "usage_daily": .usd(scope.spent.daily), "usage_weekly": .usd(scope.spent.weekly),
                "usage_monthly": .usd(scope.spent.monthly), "is_free_tier": false, "is_management_key": false,
                "is_provisioning_key": false,
                "expires_at": key.expiresAt.map { .string($0.iso8601Seconds) } ?? .null,
                "rate_limit": [
                    "requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore.",
                ],
            ])
        ]
    }

    static func credits(_ standing: LedgerStanding) -> JSON {
        let used = standing.scope.committed
        let total = standing.headroom.map { max(.zero, $0) + used } ?? used
        return ["data": ["total_credits": .usd(total), "total_usage": .usd(used)]]
    }

    /// A dry run: the call's worst and expected cost, and what the budget says to it.
    func tellPrice(_ ask: BudgetAsk, _ key: VirtualKey) {
        let ledger = gateway.ledger
        let scope = key.scope
        let verdict = context.loop.makeFutureWithTask { try await ledger.judge(ask, scope: scope) }
        let upstream = upstream.name
        // Answers to others may have been longer than this one can be.
        let expected = min(ask.wantedOutput, context.outputs.quantile(500, of: subjectOfCall(key)) ?? 1024)
        let prompt = facts.map { context.prompts.expectedTokens(bound: ask.promptTokens, model: $0.model) }
        verdict.whenComplete { [self] result in
            let decision: JSON
            switch result {
            case .success(let verdict): decision = verdict.decision.json(binding: verdict.binding)
            case .failure(let error): decision = ["decision": "refused", "reason": .string("\(error)")]
            }
            finish(
                .json(
                    .record([
                        "model": facts.map { .string($0.model) }, "upstream": .string(upstream),
                        "scope": .string(key.scopeName),
                        "prompt_tokens_bound": .int(ask.promptTokens), "prompt_tokens_expected": prompt.map(JSON.int),
                        "max_output_tokens": .int(ask.wantedOutput),
                        "worst_case_usd": .usd(ask.cost(output: ask.wantedOutput)),
                        "least_usd": .usd(ask.cost(output: ask.leastOutput)),
                        "expected_usd": .usd(expectedCost(ask, prompt: prompt ?? ask.promptTokens, output: expected)),
                        "budget": decision,
                    ])))
        }
    }

    private func subjectOfCall(_ key: VirtualKey) -> OutputLearning.Subject {
        OutputLearning.Subject(key: key.scopeName, model: facts?.model ?? "")
    }

    /// The bound's price, scaled to the prompt that is expected, and an answer of the usual length.
    private func expectedCost(_ ask: BudgetAsk, prompt: Int, output: Int) -> USD {
        let share = ask.promptTokens > 0 ? min(1000, prompt * 1000 / ask.promptTokens + 1) : 1000
        return ask.base.share(permille: share) + ask.perOutputToken * output
    }

    /// Anthropic counts for itself; elsewhere the count is reckoned here.
    func countTokens(_ key: VirtualKey) {
        if let first = rules.first(for: key), first.upstream.kind == .anthropic { return read(key) }
        do throws(CallRefusal) {
            let facts = try request.body.withBytes { (bytes) throws(CallRefusal) in
                try CallFacts.read(bytes, dialect: .messages)
            }
            let bound = facts.prompt.tokenBound(models: facts.models) ?? 0
            let known = context.prompts.tokenBound(of: facts)
            let count = known ?? context.prompts.expectedTokens(bound: bound, model: facts.model)
            finish(.json(["input_tokens": .int(count)]))
        } catch { finish(Refusal(error).response(in: .messages)) }
    }

    /// Reads at the key's upstream, or the first, for free.
    func read(_ key: VirtualKey) {
        candidates = rules.first(for: key).map { [$0] } ?? []
        guard !candidates.isEmpty else { return finish(Refusal.unknownPath(request.path).response(in: dialect)) }
        send()
    }
}

extension BudgetDecision {
    /// - Parameter scope: whose limit binds the call.
    fileprivate func json(binding scope: String?) -> JSON {
        let scope = scope.map(JSON.string)
        return switch self {
        case .granted(let grant):
            .record([
                "decision": "granted", "scope": scope, "output_tokens": .int(grant.ceiling),
                "reserved_usd": .usd(grant.amount), "remaining_usd": grant.headroom.map { .usd($0) },
            ])
        case .wait:
            .record(["decision": "wait", "scope": scope, "reason": "calls under way hold what is missing"])
        case .refused(let shortage):
            .record(["decision": "refused", "scope": scope, "reason": .string(shortage.description)])
        }
    }
}
