import PreflightCore

/// `report.html`.
extension RunReport {
    package var html: String {
        HTMLPage.make(title: "\(title ?? id): Preflight report") { page in
            writeHeader(into: &page)
            writeFigures(into: &page)
            let warnings = warnings
            if !warnings.isEmpty {
                page.element("ul", ["class": "notes"]) { html in
                    for warning in warnings { html.element("li", warning) }
                }
            }
            writeScores(into: &page)
            writeTrials(into: &page)
            writeCurves(into: &page)
            writeMoney(into: &page)
            writeModels(into: &page)
            writeMoments(into: &page)
            writeProvenance(into: &page)
            page.element("footer") { html in
                html.words("Written by Preflight\(provenance.preflight.map { " \($0)" } ?? "") from the run's record. ")
                html.element("span", ["class": "mono"], "preflight verify \(id)")
                html.words(" holds that record against itself.")
            }
        }
    }

    private func writeHeader(into page: inout Markup) {
        page.element("header") { html in
            html.element("p", ["class": "kicker"], "Preflight run")
            html.element("h1", title ?? id)
            html.element("p", ["class": "lead"]) { html in
                var parts: [String] = title == nil || title == id ? [] : [id]
                if let startedAt { parts.append("began \(Figures.time(startedAt))") }
                if let finishedAt {
                    parts.append("ended \(Figures.time(finishedAt))")
                } else if isAlive {
                    parts.append("still running")
                }
                html.words(parts.joined(separator: " · "))
            }
        }
    }

    private func writeFigures(into page: inout Markup) {
        let (money, usage, calls) = (money, usage, calls)
        let done = trials.filter { $0.summary.outcome == .completed }.count
        page.element("dl", ["class": "figures"]) { html in
            html.figure("Completed", "\(done) of \(trials.count)", Self.others(outcomes))
            html.figure(
                "Spent", "\(money.spent)",
                "of \(money.budgets) in budgets" + (money.ofRetries > .zero ? ", \(money.ofRetries) on retries" : ""))
            if money.unknown > .zero {
                html.figure("Not yet billed", "\(money.unknown)", "at most, still to turn up")
            }
            html.figure("Time", elapsed?.shortText ?? "-", "from first start to last end")
            html.figure(
                "Tokens", Figures.count(usage.promptTokens + usage.completionTokens), Self.tokens(usage))
            html.figure(
                "From cache", Figures.share(usage.cachePermille), "of prompt tokens")
            html.figure(
                "Calls", Figures.count(calls.settled),
                Self.callWords(calls))
        }
    }

    private static func others(_ outcomes: [(outcome: Outcome?, count: Int)]) -> String {
        let others = outcomes.filter { $0.outcome != .completed }
        return others.isEmpty
            ? "every one of them"
            : others.map { "\($0.count) \($0.outcome?.words ?? "not ended")" }.joined(separator: ", ")
    }

    private static func callWords(_ calls: CallTally) -> String {
        var parts: [String] = []
        if let median = calls.latency.calls.quantile(permille: 500) {
            parts.append("half within \(Figures.latency(median))")
        }
        if calls.refused > 0 { parts.append("\(Figures.count(calls.refused)) refused") }
        if calls.failed > 0 { parts.append("\(Figures.count(calls.failed)) failed") }
        if calls.held > 0 { parts.append("\(Figures.count(calls.held)) of unknown cost") }
        return parts.joined(separator: ", ")
    }
}

// MARK: Trials

extension RunReport {
    private func writeTrials(into page: inout Markup) {
        page.element("section") { html in
            html.element("h2", "Trials")
            html.table(
                "Trials", sortable: true,
                [
                    .text("trial"), .text("outcome"), .number("cost"), .text("of its cap"), .number("time"),
                    .number("calls"), .number("tools"), .number("tokens"), .number("cache"),
                ] + (isScored ? [.number("score")] : []) + [.text("why")]
            ) { html in
                for trial in trials { Self.writeRow(trial, isScored: isScored, into: &html) }
            }
        }
    }

    private static func writeRow(_ trial: Trial, isScored: Bool, into html: inout Markup) {
        let summary = trial.summary
        let usage = summary.totalUsage
        html.element("tr") { row in
            row.element("th", ["scope": "row", "data-v": summary.alias]) { cell in
                cell.words(summary.alias)
                cell.element("span", ["class": "under"], "\(summary.source)")
            }
            row.element("td", ["data-v": summary.outcome?.rawValue ?? "running"]) { $0.tag(of: summary) }
            row.number("\(summary.totalCost)", sortedBy: summary.totalCost.decimalText)
            // Each attempt had all of the cap: what counts is how much of it the newest has spent.
            let permille = Figures.permille(summary.cost, ofCap: summary.budget)
            row.element("td", ["data-v": "\(permille ?? -1)"]) { cell in
                let share = Figures.share(permille)
                let bar = PartsBar(
                    [
                        .init(summary.cost), .init(summary.totalCost - summary.cost, "more"),
                        .init(summary.totalUnknown, "unknown"),
                    ], of: max(summary.budget, summary.totalCost + summary.totalUnknown))
                cell.append(bar.svg("\(share) of \(summary.budget)"))
                cell.element("span", ["class": "under tight"], "\(share) of \(summary.budget)")
            }
            row.number(
                summary.startedAt == nil ? "-" : summary.runtime.shortText,
                sortedBy: summary.runtime.decimalSeconds(places: 3))
            let calls = trial.calls.settled
            row.number(Figures.count(calls), sortedBy: "\(calls)")
            row.number(Figures.count(summary.toolCalls), sortedBy: "\(summary.toolCalls)")
            let tokens = usage.promptTokens + usage.completionTokens
            row.number(Figures.count(tokens), sortedBy: "\(tokens)")
            row.number(Figures.share(usage.cachePermille), sortedBy: "\(usage.cachePermille ?? -1)")
            if isScored { writeScore(summary.score, into: &row) }
            row.element("td", ["class": "why"], why(summary))
        }
    }
}

extension RunReport {
    private static func writeScore(_ score: TrialScore?, into row: inout Markup) {
        let metrics = (score?.metrics ?? [:]).sorted { $0.key < $1.key }.map {
            "\($0.key) \(TrialScore.text($0.value))"
        }
        let words = score?.error ?? metrics.prefix(6).joined(separator: ", ")
        row.element("td", ["class": "n", "data-v": score?.value.map { JSON.real($0).text } ?? ""]) { cell in
            cell.words(score?.text ?? "-")
            if !words.isEmpty {
                cell.element("span", ["class": "under"], PlainText.cut(PlainText.oneLine(words), to: 80))
            }
        }
    }
}

extension Markup {
    fileprivate mutating func figure(_ name: String, _ value: String, _ words: String) {
        element("div", [:]) { html in
            html.element("dt", name)
            html.element("dd") { html in
                html.words(value)
                if !words.isEmpty { html.element("small", words) }
            }
        }
    }

    /// How a trial stands, as a coloured word.
    mutating func tag(of summary: TrialSummary) {
        if let outcome = summary.outcome {
            element("span", ["class": "tag \(outcome.style)"], outcome.words)
        } else {
            element("span", ["class": "tag live"], summary.phase.rawValue)
        }
    }
}
