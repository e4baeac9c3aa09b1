import PreflightCore

/// Makes the spans of one attempt at a trial.
struct OTLPSpanMaker {
    let run: String
    let attempt: AttemptReport
    /// How many calls ended together with the newest one, by what the log says of them.
    private var ending: (at: Duration, calls: [String: Int]) = (.zero, [:])

    init(run: String, attempt: AttemptReport) {
        self.run = run
        self.attempt = attempt
    }

    private var trace: String { "preflight \(run)/\(attempt.name)" }

    func trial(from start: Timestamp, to end: Timestamp) -> OTLPSpan {
        let summary = attempt.summary
        var span = OTLPSpan(
            trace: trace, key: "trial", parent: nil, name: "invoke_agent \(summary.alias)", kind: .internal,
            start: start, end: end)
        span.set("gen_ai.operation.name", .text("invoke_agent"))
        span.set("gen_ai.agent.name", .text(summary.alias))
        span.set("gen_ai.provider.name", .text(summary.upstream ?? CallEntry.openRouter))
        span.set("gen_ai.request.model", .text(summary.model))
        setUsage(summary.usage, of: &span)
        span.set("preflight.run.id", .text(run))
        span.set("preflight.trial.attempt", .int(attempt.attempt.number))
        span.set("preflight.trial.outcome", summary.outcome.map { .text($0.rawValue) })
        span.set("preflight.trial.reason", summary.reason.map { .text($0) })
        span.set("preflight.trial.cause", summary.cause.map { .text($0) })
        span.set("preflight.trial.budget_usd", .decimal(summary.budget.decimalText))
        span.set("preflight.cost_usd", .decimal(summary.cost.decimalText))
        span.set("preflight.unknown_up_to_usd", summary.unknownUpTo.map { .decimal($0.decimalText) })
        span.set("preflight.trial.tool_calls", .int(summary.toolCalls))
        span.set("preflight.trial.snapshots", .int(summary.snapshots))
        span.set("preflight.trial.score", summary.score?.value.map { .decimal(JSON.real($0).text) })
        span.set("process.exit.code", summary.exitCode.map { .int($0) })
        span.events = attempt.moments.map { moment in
            (
                start + moment.at, "preflight.\(moment.type)",
                [
                    ("preflight.kind", .text(moment.kind.rawValue)), ("preflight.text", .text(moment.text)),
                    ("preflight.spent_usd", .decimal(moment.spend.decimalText)),
                ]
            )
        }
        if let outcome = summary.outcome, outcome != .completed {
            span.failure = summary.reason ?? outcome.rawValue
            span.set("error.type", .text(summary.cause ?? outcome.rawValue))
        }
        return span
    }

    /// Its key is what the log says of it, so that whoever exports a run that went on meanwhile sends the same span again;
    /// a call that was still open then has another one, since its end was not its end. Calls that an agent tells of in one breath
    /// end at the same time and have no number: they are counted.
    private mutating func key(_ call: CallEntry) -> String {
        if call.endedAt > ending.at { ending = (call.endedAt, [:]) }
        let text =
            "call \(call.number.map { "\($0)" } ?? "") \(call.ending.rawValue) \(call.endedAt.decimalSeconds(places: 6))"
        guard call.endedAt == ending.at else { return text }
        let earlier = ending.calls[text, default: 0]
        ending.calls[text] = earlier + 1
        return earlier == 0 ? text : "\(text) \(earlier)"
    }

    mutating func span(of call: CallEntry) -> OTLPSpan {
        let operation =
            switch call.dialect {
            case "embeddings"?: "embeddings"
            case "completions"?: "text_completion"
            default: "chat"
            }
        var span = OTLPSpan(
            trace: trace, key: key(call), parent: "trial", name: "\(operation) \(call.model)", kind: .client,
            start: call.timestamp + (.zero - (call.duration ?? .zero)), end: call.timestamp)
        span.set("gen_ai.operation.name", .text(operation))
        span.set("gen_ai.provider.name", .text(call.upstream ?? CallEntry.openRouter))
        span.set("gen_ai.request.model", .text(call.model))
        span.set("gen_ai.response.model", call.servedModel.map { .text($0) })
        span.set("gen_ai.response.id", call.generation.map { .text($0) })
        span.set("gen_ai.response.finish_reasons", call.finish.isEmpty ? nil : .texts(call.finish))
        if call.isStreamed { span.set("gen_ai.request.stream", .bool(true)) }
        span.set(
            "gen_ai.response.time_to_first_chunk", call.firstToken.map { .decimal($0.decimalSeconds(places: 3)) })
        if let usage = call.usage { setUsage(usage, of: &span) }
        span.set("http.response.status_code", call.status.map { .int($0) })
        span.set("preflight.call.number", call.number.map { .int(Int($0)) })
        span.set("preflight.call.ending", .text(call.ending.rawValue))
        span.set("preflight.call.provider", call.provider.map { .text($0) })
        span.set("preflight.call.basis", call.basis.map { .text($0) })
        span.set("preflight.call.tools", call.tools.isEmpty ? nil : .texts(call.tools))
        span.set("preflight.reserved_usd", call.reserved.map { .decimal($0.decimalText) })
        span.set("preflight.cost_usd", call.cost.map { .decimal($0.decimalText) })
        if let type = Self.errorType(of: call) {
            span.failure = call.reason ?? type
            span.set("error.type", .text(type))
        }
        return span
    }

    /// A word of few: the status, or how it ended.
    private static func errorType(of call: CallEntry) -> String? {
        if let status = call.status, status >= 400 { return "\(status)" }
        return call.isAnswered ? nil : call.ending.rawValue
    }

    func span(of tool: ToolFold.Use) -> OTLPSpan {
        var span = OTLPSpan(
            trace: trace, key: "tool \(tool.number)", parent: "trial",
            name: "execute_tool \(tool.name)", kind: .internal,
            start: tool.startedAt, end: tool.endedAt)
        span.set("gen_ai.operation.name", .text("execute_tool"))
        span.set("gen_ai.tool.name", .text(tool.name))
        span.set("gen_ai.tool.call.id", tool.id.map { .text($0) })
        if tool.hasFailed {
            span.failure = "the tool failed"
            span.set("error.type", .text("tool_error"))
        }
        return span
    }

    private func setUsage(_ usage: Usage, of span: inout OTLPSpan) {
        span.set("gen_ai.usage.input_tokens", .int(usage.promptTokens))
        span.set("gen_ai.usage.output_tokens", .int(usage.completionTokens))
        span.set("gen_ai.usage.cache_read.input_tokens", .int(usage.cachedTokens))
        span.set("gen_ai.usage.cache_creation.input_tokens", .int(usage.cacheWriteTokens))
        span.set("gen_ai.usage.reasoning.output_tokens", .int(usage.reasoningTokens))
    }
}
