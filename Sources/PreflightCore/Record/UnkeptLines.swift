/// What those lines of an agent say that are not kept: the log has their sums, so that its fold still knows all that
/// counts.
package struct UnkeptLines: Sendable {
    /// The fold of them all.
    private var sum = TrialState()
    /// The same when the log was told last.
    private var told = TrialState()

    package init() {}

    /// - Parameter state: of the trial, which says whose figures count.
    package mutating func take(_ event: Event, _ state: TrialState) {
        // What was counted in a line that is kept is not counted again.
        if sum.events == 0 { sum.remember(responsesOf: state) }
        sum.isMetered = state.isMetered
        sum.apply(event)
    }

    /// What `lines_not_kept` tells of those since the last time; nil where there are none.
    package mutating func takeFields() -> JSON.Object? {
        guard sum.events > told.events else { return nil }
        func count(_ path: KeyPath<TrialState, Int>) -> JSON? {
            let difference = sum[keyPath: path] - told[keyPath: path]
            return difference == 0 ? nil : .int(difference)
        }
        let usage = JSON.record([
            "prompt_tokens": count(\.usage.promptTokens), "completion_tokens": count(\.usage.completionTokens),
            "cached_tokens": count(\.usage.cachedTokens), "cache_write_tokens": count(\.usage.cacheWriteTokens),
            "reasoning_tokens": count(\.usage.reasoningTokens),
        ])
        let hasCost = sum.reportedSpend > told.reportedSpend || sum.hasReportedCost != told.hasReportedCost
        let fields = JSON.record([
            "lines": count(\.events), "events": count(\.spokenEvents), "tool_calls": count(\.toolCalls),
            "turns": count(\.turns), "snapshots": count(\.snapshots), "errors": count(\.errors),
            "budget_refusals": count(\.budgetRefusals),
            "last_error": sum.errors > told.errors ? sum.lastError.map(JSON.string) : nil,
            "usage": usage.object?.isEmpty ?? true ? nil : usage,
            "cost_usd": hasCost ? .usd(sum.reportedSpend - told.reportedSpend) : nil,
            "agent_ended": sum.agentEnded && !told.agentEnded ? true : nil,
        ])
        told = sum
        return fields.object
    }
}

extension TrialState {
    /// Applies the sums of lines that are not kept.
    mutating func applyUnkept(_ event: Event) {
        // A log that somebody edited says anything.
        func count(_ key: String) -> Int { min(max(0, event.fields[key]?.int ?? 0), 1 << 40) }
        func used(_ key: String) -> Int { max(0, event.fields["usage"]?[key]?.int ?? 0) }
        linesNotKept += count("lines")
        events += count("lines")
        spokenEvents += count("events")
        toolCalls += count("tool_calls")
        turns += count("turns")
        snapshots += count("snapshots")
        errors += count("errors")
        lastError = event.fields["last_error"]?.string ?? lastError
        lastActivity = event.elapsed
        if event.fields["agent_ended"]?.bool == true { agentEnded = true }
        if event.fields["usage"] != nil { budgetRefusalsInARow = 0 }
        budgetRefusals += count("budget_refusals")
        budgetRefusalsInARow += count("budget_refusals")
        usage =
            usage
            + Usage(
                promptTokens: used("prompt_tokens"), completionTokens: used("completion_tokens"),
                cachedTokens: used("cached_tokens"), cacheWriteTokens: used("cache_write_tokens"),
                reasoningTokens: used("reasoning_tokens"))
        guard let cost = event.fields["cost_usd"]?.usd() else { return }
        reportedSpend += cost
        hasSpendData = true
        hasReportedCost = true
    }
}
