import PreflightCore

/// A report as text that reads well as it is, and as Markdown.
extension RunReport {
    package var markdown: String {
        var text = Markdown()
        text.heading(1, title ?? id)
        var facts = [id]
        if let startedAt { facts.append("began \(Figures.time(startedAt))") }
        if let finishedAt { facts.append("ended \(Figures.time(finishedAt))") }
        text.paragraph("\(facts.joined(separator: ", ")): \(headline).")
        text.list(warnings)
        writeScores(into: &text)
        writeTrials(into: &text)
        writeMoney(into: &text)
        writeStops(into: &text)
        writeModels(into: &text)
        writeMoments(into: &text)
        writeProvenance(into: &text)
        return text.text
    }

    private func writeTrials(into text: inout Markdown) {
        text.heading(2, "Trials")
        text.table(
            ["trial", "model", "outcome", "cost", "of cap", "time", "calls", "tools", "tokens", "cache"]
                + (isScored ? ["score"] : []) + ["why"],
            numbers: 3..<(isScored ? 11 : 10),
            trials.map { trial in
                let summary = trial.summary
                let usage = summary.totalUsage
                return [
                    summary.alias, "\(summary.source)", summary.outcome?.words ?? summary.phase.rawValue,
                    "\(summary.totalCost)",
                    Figures.share(Figures.permille(summary.cost, ofCap: summary.budget)),
                    summary.startedAt == nil ? "-" : summary.runtime.shortText, Figures.count(trial.calls.settled),
                    Figures.count(summary.toolCalls), Figures.count(usage.promptTokens + usage.completionTokens),
                    Figures.share(usage.cachePermille),
                ] + (isScored ? [summary.score?.text ?? "-"] : []) + [Self.why(summary)]
            })
    }

    private func writeMoney(into text: inout Markdown) {
        let money = money
        text.heading(2, "Money")
        text.table(
            ["", "dollars"], numbers: 1..<2,
            [
                ["of record", "\(money.ofRecord)"], ["of retries", "\(money.ofRetries)"],
                ["held", isMetered ? "\(money.held)" : "not known"],
                ["may turn up, at most", isSettled ? "\(money.unknown)" : "not known"],
                ["budgets", "\(money.budgets)"],
            ])
    }

    private func writeStops(into text: inout Markdown) {
        let stops = stops
        guard !stops.isEmpty else { return }
        text.heading(2, "Stops by cause")
        text.table(
            ["outcome", "cause", "trials", "which"], numbers: 2..<3,
            stops.map {
                [$0.outcome.words, $0.cause.isEmpty ? "-" : $0.cause, "\($0.trials.count)", Self.list($0.trials)]
            })
    }

    private func writeModels(into text: inout Markdown) {
        let models = models
        guard !models.isEmpty else { return }
        text.heading(2, "Calls by model")
        text.table(
            [
                "model", "calls", "p50", "p90", "p99", "longest", "first token p50", "in", "out", "read", "written",
                "cost",
            ], numbers: 1..<12,
            models.map { source, calls in
                let latency = calls.latency.calls
                return [
                    "\(source)", Figures.count(calls.settled), Figures.latency(latency.quantile(permille: 500)),
                    Figures.latency(latency.quantile(permille: 900)), Figures.latency(latency.quantile(permille: 990)),
                    latency.count > 0 ? Figures.latency(latency.longest) : "-",
                    Figures.latency(calls.latency.firstToken.quantile(permille: 500)),
                    Figures.count(calls.usage.promptTokens), Figures.count(calls.usage.completionTokens),
                    Figures.count(calls.usage.cachedTokens), Figures.count(calls.usage.cacheWriteTokens),
                    "\(calls.cost)",
                ]
            })
    }

    private func writeMoments(into text: inout Markdown) {
        let all = allMoments
        guard !all.isEmpty else { return }
        text.heading(2, "Decisions and troubles")
        text.table(
            ["trial", "at", "spent", "what"], numbers: 1..<3,
            all.flatMap { attempt, moments in
                moments.map { [attempt.name, $0.at.shortText, "\($0.spend)", $0.text] }
            })
    }

    private func writeProvenance(into text: inout Markdown) {
        let made = provenance
        text.heading(2, "Provenance")
        let facts: [(String, String?)] = [
            ("Preflight", made.preflight), ("Docker", made.docker), ("image", made.image), ("image id", made.imageID),
            ("image digest", made.imageDigests.isEmpty ? nil : made.imageDigests.joined(separator: ", ")),
            ("architecture", made.architecture), ("models at", made.baseURL),
            ("prices of", made.pricesAt.map(Figures.time)),
            ("experiment, SHA-256", made.experimentDigest), ("prompt, SHA-256", made.promptDigest),
        ]
        text.table(["", "is"], facts.compactMap { name, value in value.map { [name, $0] } })
        let served = served
        guard !served.isEmpty else { return }
        text.table(
            ["model asked for", "model that answered", "provider", "upstream", "calls"], numbers: 4..<5,
            served.map { serving, calls in
                [
                    serving.model, serving.servedModel ?? "-", serving.provider ?? "-", serving.upstream ?? "-",
                    Figures.count(calls),
                ]
            })
    }
}
