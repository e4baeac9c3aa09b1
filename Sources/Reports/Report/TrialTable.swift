import PreflightCore

/// One line for each attempt at a trial, for spreadsheets.
package enum TrialTable {
    package static let columns = [
        "run", "trial", "attempt", "newest", "model", "upstream", "outcome", "cause", "reason", "budget_usd",
        "cost_usd", "unknown_up_to_usd", "held_usd", "started_at", "runtime_s", "calls", "calls_refused",
        "calls_failed", "calls_held", "turns", "tool_calls", "snapshots", "errors", "prompt_tokens",
        "completion_tokens", "reasoning_tokens", "cached_tokens", "cache_write_tokens", "latency_p50_s",
        "latency_p90_s", "latency_p99_s", "first_token_p50_s", "exit_code",
        "score", "score_error", "scorer",
    ]

    package static var header: String { CSV.line(columns) }

    /// - Parameter isNewest: no other attempt followed.
    package static func line(_ attempt: AttemptReport, run: String, isNewest: Bool) -> String {
        let (summary, calls) = (attempt.summary, attempt.calls)
        let usage = summary.usage
        func seconds(_ digest: LatencyDigest, _ permille: Int) -> String {
            digest.quantile(permille: permille)?.decimalSeconds(places: 3) ?? ""
        }
        let texts = [
            run, summary.alias, "\(attempt.attempt.number)", isNewest ? "1" : "0", summary.model,
            summary.upstream ?? "", summary.outcome?.rawValue ?? "", summary.cause ?? "", summary.reason ?? "",
        ]
        let money = [
            summary.budget.decimalText, summary.cost.decimalText,
            summary.outcome == nil ? "" : (summary.unknownUpTo ?? .zero).decimalText,
            attempt.isMetered ? calls.heldCost.decimalText : "", summary.startedAt?.iso8601 ?? "",
            summary.runtime.decimalSeconds(places: 3),
        ]
        let counts = [
            calls.settled, calls.refused, calls.failed, calls.held, summary.turns, summary.toolCalls,
            summary.snapshots, summary.errors, usage.promptTokens, usage.completionTokens, usage.reasoningTokens,
            usage.cachedTokens, usage.cacheWriteTokens,
        ].map(String.init)
        let latencies = [
            seconds(calls.latency.calls, 500), seconds(calls.latency.calls, 900), seconds(calls.latency.calls, 990),
            seconds(calls.latency.firstToken, 500), summary.exitCode.map(String.init) ?? "",
        ]
        let score = [
            summary.score?.value.map { JSON.real($0).text } ?? "", summary.score?.error ?? "",
            summary.score?.scorer ?? "",
        ]
        return CSV.line(texts + money + counts + latencies + score)
    }
}

extension RunReport {
    /// One line for each attempt, the header first.
    package var csv: String {
        trials.reduce(TrialTable.header) { text, trial in
            trial.attempts.enumerated().reduce(text) {
                $0 + TrialTable.line($1.element, run: id, isNewest: $1.offset == trial.attempts.count - 1)
            }
        }
    }
}
