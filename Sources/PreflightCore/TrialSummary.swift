/// A trial's account: what the status table shows while it runs, and its receipt afterwards.
package struct TrialSummary: Hashable, Sendable {
    package var alias: String
    package var model: String
    /// The upstream that serves it; nil for OpenRouter.
    package var upstream: String?
    package var phase: Phase
    package var outcome: Outcome?
    /// Why it ended, in a sentence.
    package var reason: String?
    /// A stable word for what stands behind its outcome.
    package var cause: String?
    package var budget: USD
    /// The larger of what the provider and the agent's answers said.
    package var cost: USD
    package var polledSpend: USD
    package var reportedSpend: USD
    /// The most that may still turn up on the bill: what the key could have spent unseen. Nil once reconciled.
    package var unknownUpTo: USD?
    package var events: Int
    package var toolCalls: Int
    package var turns: Int
    package var snapshots: Int
    package var errors: Int
    package var usage: Usage
    package var startedAt: Timestamp?
    /// How long the container has run, or ran.
    package var runtime: Duration
    package var isRunning: Bool
    package var exitCode: Int?
    /// While it has not ended: what it does now, in a word or by a tool's name, and since when.
    package var doing: String?
    package var doingSince: Timestamp?
    /// The last sign of life, while its container runs.
    package var lastActivity: Timestamp?
    /// Why its calls wait for the provider now.
    package var pause: String?
    /// How long they have waited in outages that are over.
    package var pausedFor: Duration
    /// Why its calls wait for its owner now, and how long they have in holds that are over.
    package var hold: String?
    package var heldFor: Duration
    /// What policies and hooks had to tell that did not end it, the newest.
    package var warnings: [String]
    /// Its measure at the checkpoints of races, by the race's rule.
    package var raceMarks: [String: String]
    /// What its scorer made of its output; nil where nothing has been scored.
    package var score: TrialScore?
    package var lastStderr: [String]
    /// What could not be given back, each by its kind and name.
    package var left: [String]
    /// How far its event log goes; nil while it has none.
    package var log: LogMark?
    /// While it runs: the policy that is nearest to firing.
    package var nearest: Nearness?
    /// While it has not ended: from where its log tells the rest.
    package var checkpoint: TrialCheckpoint?
    /// Attempts at it that failed, oldest first. Everything else tells of the newest attempt alone.
    package var earlier: [TrialSummary]

    package init(
        plan: TrialPlan, state: TrialState = TrialState(), at elapsed: Duration = .zero, startedAt: Timestamp? = nil,
        lastStderr: [String] = [], log: LogMark? = nil, nearest: Nearness? = nil
    ) {
        alias = plan.alias
        model = plan.model
        upstream = plan.upstream
        phase = state.phase
        outcome = state.outcome
        reason = state.reason
        cause = state.cause
        budget = state.budget ?? plan.budget
        cost = state.spend
        polledSpend = state.polledSpend
        reportedSpend = state.reportedSpend
        unknownUpTo = state.unknownUpTo
        events = state.events
        toolCalls = state.toolCalls
        turns = state.turns
        snapshots = state.snapshots
        errors = state.errors
        usage = state.usage
        self.startedAt = startedAt
        runtime = state.running(at: elapsed)
        isRunning = state.containerStarted != nil && state.containerExited == nil && state.outcome == nil
        exitCode = state.exitCode
        if state.outcome == nil, let startedAt {
            doing = state.doing?.text
            doingSince = state.doing.map { startedAt + $0.since }
        }
        if isRunning, let startedAt, let started = state.containerStarted {
            lastActivity = startedAt + max(state.lastActivity ?? started, started)
        }
        pause = state.outcome == nil ? state.pause?.reason : nil
        pausedFor = state.pausedFor
        hold = state.outcome == nil ? state.hold?.reason : nil
        heldFor = state.heldFor
        warnings = state.warnings
        raceMarks = state.raceMarks
        score = state.score
        self.lastStderr = lastStderr
        left = state.left
        self.log = log
        self.nearest = state.outcome == nil ? nearest : nil
        checkpoint = state.outcome == nil ? log.map { TrialCheckpoint(state, at: $0) } : nil
        earlier = plan.earlier
    }

    package var attempt: TrialAttempt { TrialAttempt(alias: alias, number: earlier.count + 1) }

    package var source: ModelSource { ModelSource(model: model, upstream: upstream) }

    package var cachePermille: Int? { totalUsage.cachePermille }
}

// MARK: Over all attempts

extension TrialSummary {
    package var totalCost: USD { earlier.reduce(cost) { $0 + $1.cost } }
    /// The most that may still turn up on the bill.
    package var totalUnknown: USD { earlier.reduce(unknownUpTo ?? .zero) { $0 + ($1.unknownUpTo ?? .zero) } }
    package var totalUsage: Usage { earlier.reduce(usage) { $0 + $1.usage } }
    /// Of the newest attempt alone: what is on its bill, and what may still turn up.
    package var mostSpent: USD { cost + (unknownUpTo ?? .zero) }
    package var totalTurns: Int { earlier.reduce(turns) { $0 + $1.turns } }

    /// Takes what an attempt's sub-key turned out to have spent; false where that is no news.
    package mutating func note(spent: USD, by attempt: TrialAttempt) -> Bool {
        if earlier.indices.contains(attempt.number - 1) {
            return earlier[attempt.number - 1].note(spent: spent)
        }
        return attempt.number == earlier.count + 1 && note(spent: spent)
    }

    private mutating func note(spent: USD) -> Bool {
        guard spent > polledSpend else { return false }
        polledSpend = spent
        let raise = max(.zero, spent - cost)
        cost += raise
        // That much of what might still turn up has turned up.
        unknownUpTo = unknownUpTo.flatMap { $0 > raise ? $0 - raise : nil }
        return true
    }

    /// What the trial becomes when it is run again.
    ///
    /// - Parameter plan: as it was planned at the run's beginning.
    package func runAgain(as plan: TrialPlan) -> TrialPlan {
        var last = self
        last.earlier = []
        last.checkpoint = nil
        last.nearest = nil
        var plan = plan
        plan.earlier = earlier + [last]
        return plan
    }
}

extension TrialSummary {
    package var json: JSON {
        .record([
            "alias": .string(alias),
            "model": .string(model),
            "upstream": upstream.map(JSON.string),
            "phase": .string(phase.rawValue),
            "outcome": outcome.map { .string($0.rawValue) },
            "reason": reason.map(JSON.string),
            "cause": cause.map(JSON.string),
            "budget_usd": .usd(budget),
            "cost_usd": .usd(cost),
            "polled_usd": .usd(polledSpend),
            "reported_usd": .usd(reportedSpend),
            "unknown_up_to_usd": unknownUpTo.map(JSON.usd),
            "events": .int(events),
            "tool_calls": .int(toolCalls),
            "turns": .int(turns),
            "snapshots": .int(snapshots),
            "errors": .int(errors),
            "prompt_tokens": .int(usage.promptTokens),
            "completion_tokens": .int(usage.completionTokens),
            "cached_tokens": .int(usage.cachedTokens),
            "cache_write_tokens": .int(usage.cacheWriteTokens),
            "reasoning_tokens": .int(usage.reasoningTokens),
            "started_at": startedAt.map { .string($0.iso8601) },
            "runtime_s": .number(runtime.decimalSeconds(places: 3)),
            "running": .bool(isRunning),
            "exit_code": exitCode.map(JSON.int),
            "doing": doing.map(JSON.string),
            "doing_since": doingSince.map { .string($0.iso8601) },
            "last_activity_at": lastActivity.map { .string($0.iso8601) },
            "waits_for": pause.map(JSON.string),
            "paused_s": pausedFor > .zero ? .number(pausedFor.decimalSeconds(places: 3)) : nil,
            "held": hold.map(JSON.string),
            "held_s": heldFor > .zero ? .number(heldFor.decimalSeconds(places: 3)) : nil,
            "warnings": warnings.isEmpty ? nil : .strings(warnings),
            "races": raceMarks.isEmpty
                ? nil
                : .object(
                    JSON.Object(
                        raceMarks.sorted { $0.key < $1.key }.map {
                            .init(key: $0.key, value: $0.value.isEmpty ? .null : .number($0.value))
                        })),
            "score": score?.json,
            "last_stderr": lastStderr.isEmpty ? nil : .strings(lastStderr),
            "left": left.isEmpty ? nil : .strings(left),
            "log": log?.json,
            "nearest": nearest?.json,
            "checkpoint": checkpoint?.json,
            "attempt": earlier.isEmpty ? nil : .int(attempt.number),
            "total_usd": earlier.isEmpty ? nil : .usd(totalCost),
            "earlier": earlier.isEmpty ? nil : .array(earlier.map(\.json)),
        ])
    }

    package init?(json: JSON) {
        guard let alias = json["alias"]?.string, let model = json["model"]?.string,
            let phase = json["phase"]?.string.flatMap(Phase.init(rawValue:)), let budget = json["budget_usd"]?.usd()
        else { return nil }
        self.init(plan: TrialPlan(alias: alias, model: model, upstream: json["upstream"]?.string, budget: budget))
        self.phase = phase
        outcome = json["outcome"]?.string.flatMap(Outcome.init(rawValue:))
        reason = json["reason"]?.string
        cause = json["cause"]?.string
        cost = json["cost_usd"]?.usd() ?? .zero
        polledSpend = json["polled_usd"]?.usd() ?? .zero
        reportedSpend = json["reported_usd"]?.usd() ?? .zero
        unknownUpTo = json["unknown_up_to_usd"]?.usd()
        func count(_ key: String) -> Int { json[key]?.int ?? 0 }
        events = count("events")
        toolCalls = count("tool_calls")
        turns = count("turns")
        snapshots = count("snapshots")
        errors = count("errors")
        usage = Usage(
            promptTokens: count("prompt_tokens"), completionTokens: count("completion_tokens"),
            cachedTokens: count("cached_tokens"), cacheWriteTokens: count("cache_write_tokens"),
            reasoningTokens: count("reasoning_tokens"))
        startedAt = json["started_at"]?.string.flatMap(Timestamp.init(iso8601:))
        runtime = json["runtime_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
        isRunning = json["running"]?.bool ?? false
        exitCode = json["exit_code"]?.int
        doing = json["doing"]?.string
        doingSince = json["doing_since"]?.string.flatMap(Timestamp.init(iso8601:))
        lastActivity = json["last_activity_at"]?.string.flatMap(Timestamp.init(iso8601:))
        pause = json["waits_for"]?.string
        pausedFor = json["paused_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
        hold = json["held"]?.string
        heldFor = json["held_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
        warnings = json["warnings"]?.array?.compactMap(\.string) ?? []
        raceMarks = Dictionary(
            (json["races"]?.object?.members ?? []).map { ($0.key, $0.value.numberText ?? "") }, uniquingKeysWith: { $1 }
        )
        score = json["score"].flatMap(TrialScore.init(json:))
        lastStderr = json["last_stderr"]?.array?.compactMap(\.string) ?? []
        left = json["left"]?.array?.compactMap(\.string) ?? []
        log = json["log"].flatMap(LogMark.init(json:))
        nearest = json["nearest"].flatMap(Nearness.init(json:))
        checkpoint = json["checkpoint"].flatMap(TrialCheckpoint.init(json:))
        earlier = json["earlier"]?.array?.compactMap(TrialSummary.init(json:)) ?? []
    }
}
