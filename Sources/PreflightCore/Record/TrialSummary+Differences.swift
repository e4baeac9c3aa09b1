extension TrialSummary {
    /// What a kept summary says otherwise than this one, which was folded from the log; a sentence each.
    ///
    /// - Parameters:
    ///   - kept: of a trial that has ended.
    ///   - linesNotKept: of the agent's lines that counted and are not in the log. Its counts may be higher then.
    package func differences(from kept: TrialSummary, linesNotKept: Int = 0) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ what: String, _ log: Value, _ kept: Value, _ text: (Value) -> String) {
            if log != kept { found.append("\(what) is \(text(kept)), by the log \(text(log))") }
        }
        func words(_ value: String?) -> String { value ?? "none" }
        func usd(_ value: USD?) -> String { value.map { "\($0.decimalText) USD" } ?? "none" }
        compare("outcome", outcome?.rawValue, kept.outcome?.rawValue, words)
        compare("reason", reason, kept.reason, words)
        compare("model", model, kept.model, { $0 })
        compare("budget", budget, kept.budget, usd)
        compare("polled spend", polledSpend, kept.polledSpend, usd)
        compare("score", score, kept.score) { $0?.text ?? "none" }
        compare("exit code", exitCode, kept.exitCode) { $0.map(String.init) ?? "none" }
        let counts: [(String, KeyPath<TrialSummary, Int>)] = [
            ("events", \.events), ("tool calls", \.toolCalls), ("turns", \.turns), ("snapshots", \.snapshots),
            ("errors", \.errors), ("prompt tokens", \.usage.promptTokens),
            ("completion tokens", \.usage.completionTokens), ("cached tokens", \.usage.cachedTokens),
        ]
        guard linesNotKept == 0 else {
            for (what, path) in counts where self[keyPath: path] > kept[keyPath: path] {
                compare(what, self[keyPath: path], kept[keyPath: path], String.init)
            }
            return found
        }
        for (what, path) in counts { compare(what, self[keyPath: path], kept[keyPath: path], String.init) }
        compare("cost", cost, kept.cost, usd)
        compare("reported spend", reportedSpend, kept.reportedSpend, usd)
        compare("spend that is still unknown", unknownUpTo, kept.unknownUpTo, usd)
        return found
    }
}
