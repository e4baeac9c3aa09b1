import PreflightCore
import Reports

/// A run in a few words: a row of the list, and the head of its own page.
enum RunRow {
    static func state(_ view: RunView) -> String {
        if view.isFinished { return "ended" }
        if !view.isAlive { return "lost" }
        return view.silentFor == nil ? "running" : "silent"
    }

    /// - Parameter total: what the run may spend in all, where the ledger holds it to that.
    static func json(_ view: RunView, total: USD? = nil) -> JSON {
        let budget = total ?? view.trials.reduce(USD.zero) { $0 + $1.budget }
        let unknown = view.trials.reduce(USD.zero) { $0 + $1.totalUnknown }
        func count(_ condition: (TrialSummary) -> Bool) -> JSON { .int(view.trials.filter(condition).count) }
        return .record([
            "run": .string(view.id), "state": .string(state(view)),
            "created_at": view.createdAt.map { .string($0.iso8601) },
            "trials": .int(view.trials.count),
            "unfinished": count { $0.outcome == nil || $0.outcome == .lost && !view.isFinished },
            "completed": count { $0.outcome == .completed },
            "cost": .string(view.cost.description), "cost_usd": .usd(view.cost),
            "budget": .string(budget.description), "spent_permille": .int(view.cost.permille(of: budget)),
            "has_total": .bool(total != nil),
            "unknown": unknown > .zero ? .string("up to \(unknown) not yet billed") : nil,
            "silent": view.silentFor.map { .string("its process has not been heard of for \($0.shortText)") },
            "models": .strings(Set(view.trials.map(\.model)).sorted().prefix(6)),
        ])
    }
}

/// A trial as a row of the field.
enum TrialRow {
    static func json(_ trial: TrialSummary, trace: TrialTrace?) -> JSON {
        // What a summary tells of what it does now is handed on as it stands.
        let summary = trial.json
        let activity =
            summary["last_activity_at"]?.string
            ?? trace.flatMap { trace in
                guard trial.isRunning, let began = trace.startedAt, let last = trace.state.lastActivity else {
                    return nil
                }
                return (began + last).iso8601
            }
        let runningSince = trace.flatMap { trace -> String? in
            guard trial.isRunning, let began = trace.startedAt, let started = trace.state.containerStarted else {
                return nil
            }
            return (began + started).iso8601
        }
        let usage = trial.totalUsage
        let unknown = trial.totalUnknown
        return .record([
            "alias": .string(trial.alias), "model": .string(trial.model),
            "upstream": trial.upstream.map(JSON.string), "attempt": .int(trial.attempt.number),
            "state": .string(trial.outcome?.label.lowercased() ?? trial.phase.rawValue), "kind": .string(kind(trial)),
            "outcome": trial.outcome.map { .string($0.rawValue) },
            "reason": trial.outcome == .completed ? nil : trial.reason.map { .string(PlainText.oneLine($0)) },
            "waits_for": trial.pause.map { .string(PlainText.oneLine($0)) },
            "doing": summary["doing"], "doing_since": summary["doing_since"], "nearest": summary["nearest"],
            "activity_at": activity.map(JSON.string),
            "turns": .int(trial.totalTurns), "tools": .int(trial.toolCalls), "snapshots": .int(trial.snapshots),
            "errors": .int(trial.errors), "events": .int(trial.events),
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "cache_permille": trial.cachePermille.map(JSON.int),
            "cost": .string(trial.totalCost.description), "cost_usd": .usd(trial.totalCost),
            "budget": .string(trial.budget.description), "budget_usd": .usd(trial.budget),
            "spent_permille": .int(trial.cost.permille(of: trial.budget)),
            "unknown": unknown > .zero ? .string("up to \(unknown)") : nil,
            "started_at": trial.startedAt.map { .string($0.iso8601) },
            "runtime_s": trial.startedAt == nil ? nil : .number(trial.runtime.decimalSeconds(places: 1)),
            "running": .bool(trial.isRunning), "running_since": runningSince.map(JSON.string),
            "score": trial.score.map { .string($0.text) },
            "score_error": trial.score?.error.map { .string(PlainText.oneLine($0)) },
            "metrics": trial.score.flatMap { $0.metrics.isEmpty ? nil : .reals($0.metrics) },
        ])
    }

    /// What colour it gets: never the only thing that tells it.
    private static func kind(_ trial: TrialSummary) -> String {
        switch trial.outcome {
        case .completed: return "good"
        case .ejected, .budgetExhausted, .cancelled: return "stopped"
        case .lost: return "lost"
        case .some: return "bad"
        case nil: break
        }
        if trial.pause != nil { return "waiting" }
        return trial.phase == .pending ? "pending" : trial.isRunning ? "running" : "busy"
    }
}
