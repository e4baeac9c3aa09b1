extension TrialState {
    /// The figures that a verdict rests on.
    func evidence(at elapsed: Duration) -> JSON {
        var figures =
            JSON.record([
                "spent_usd": .usd(spend), "budget_usd": budget.map(JSON.usd), "calls": isMetered ? .int(calls) : nil,
                "turns": .int(turns), "tool_calls": .int(toolCalls), "errors": .int(errors),
                "snapshots": .int(snapshots), "output_files": .int(outputFiles),
                "running_s": .number(running(at: elapsed).decimalSeconds(places: 3)),
                "idle_s": .number(idle(at: elapsed).decimalSeconds(places: 3)),
            ]).object ?? JSON.Object()
        guard let habits else { return .object(figures) }
        figures.append("repeated_permille", .int(habits.repeatedPermille))
        figures.append("cost_per_minute_usd", .usd(habits.spending.lastMinute(at: elapsed)))
        if !habits.lastTool.text.isEmpty { figures.append("last_call", .string(habits.lastTool.text)) }
        if !habits.lastAnswer.text.isEmpty { figures.append("last_answer", .string(habits.lastAnswer.text)) }
        if habits.newAt != nil { figures.append("last_new", .string(habits.newWhat)) }
        return .object(figures)
    }
}
