import PreflightCore

/// The sections of `report.html` below the trials.
extension RunReport {
    func writeCurves(into page: inout Markup) {
        let begun = trials.contains { !$0.newest.curve.points.isEmpty }
        guard begun else { return }
        page.element("section") { html in
            html.element("h2", "Spend over time")
            html.element("figure") { figure in
                var chart = spendChart
                figure.append(chart.svg(id: "spend-wide", class: "wide"))
                chart.frame = ChartFrame(width: 360, height: 300)
                chart.frame.left = 50
                figure.append(chart.svg(id: "spend-narrow", class: "narrow"))
                figure.element(
                    "figcaption",
                    "Dollars since each trial began, newest attempts. "
                        + (isMetered ? "By the gateway's ledger." : "By what agents reported and OpenRouter's figure.")
                        + (trials.count > SpendChart.colours ? " The \(SpendChart.colours) dearest have colours." : ""))
            }
            let all = timeline
            guard !all.isEmpty else { return }
            let bars = Array(all.prefix(Self.mostBars))
            html.element("h3", "When each trial ran")
            html.element("figure") { figure in
                figure.append(TimelineChart(bars).svg(id: "time-wide", class: "wide"))
                figure.append(TimelineChart(bars, width: 360).svg(id: "time-narrow", class: "narrow"))
                let more = all.count - bars.count
                guard more > 0 else { return }
                figure.element("figcaption", "The first \(bars.count) attempts, and \(Figures.count(more)) more.")
            }
        }
    }

    /// More than a page can show is only counted.
    private static let mostBars = 60

    private var timeline: [TimelineChart.Bar] {
        guard let startedAt else { return [] }
        return trials.flatMap(\.attempts).compactMap { attempt in
            guard let began = attempt.summary.startedAt else { return nil }
            let from = max(.zero, began - startedAt)
            return TimelineChart.Bar(
                name: attempt.name, from: from, to: from + attempt.curve.end,
                style: attempt.summary.outcome?.style ?? "calm",
                words: "\(attempt.summary.outcome?.words ?? "running"), \(attempt.summary.runtime.shortText)")
        }
    }

    func writeMoney(into page: inout Markup) {
        let money = money
        page.element("div", ["class": "split"]) { split in
            split.element("section") { html in
                html.element("h2", "Money")
                html.element("dl", ["class": "facts"]) { facts in
                    facts.fact("of record", "\(money.ofRecord), the newest attempts")
                    facts.fact("of retries", money.ofRetries > .zero ? "\(money.ofRetries), attempts before" : "none")
                    facts.fact(
                        "held",
                        money.held > .zero
                            ? "\(money.held) by \(Figures.counted(calls.held + calls.open, "call")) of unknown cost"
                            : isMetered
                                ? isSettled ? "none: the cost of every call is known" : "none so far"
                                : "not known: no gateway")
                    facts.fact(
                        "may turn up",
                        isSettled
                            ? money.unknown > .zero ? "up to \(money.unknown)" : "nothing: all is settled"
                            : "not known before every trial has ended")
                    facts.fact("budgets", "\(money.budgets)")
                    if !trials.isEmpty {
                        facts.fact(
                            "a trial", "\(USD(picodollars: money.spent.picodollars / Int64(trials.count))) on average")
                    }
                }
            }
            split.element("section") { html in
                html.element("h2", "Stops by cause")
                let stops = stops
                guard !stops.isEmpty else { return html.element("p", "Every trial that ended has completed.") }
                html.table("Stops by cause", [.text("outcome"), .text("cause"), .number("trials"), .text("which")]) {
                    html in
                    for stop in stops {
                        html.element("tr") { row in
                            row.element("td") {
                                $0.element("span", ["class": "tag \(stop.outcome.style)"], stop.outcome.words)
                            }
                            row.element("td", stop.cause.isEmpty ? "-" : stop.cause)
                            row.number("\(stop.trials.count)")
                            row.element("td", ["class": "soft"], Self.list(stop.trials))
                        }
                    }
                }
            }
        }
    }

    func writeModels(into page: inout Markup) {
        let models = models
        guard !models.isEmpty else { return }
        page.element("section") { html in
            html.element("h2", "Calls by model")
            html.table(
                "Calls by model", sortable: true,
                [
                    .text("model"), .number("calls"), .number("p50"), .number("p90"), .number("p99"),
                    .number("longest"), .number("first token p50"), .number("p90"), .number("in"), .number("out"),
                    .number("read"), .number("written"), .number("cost"),
                ]
            ) { html in
                for (source, calls) in models { Self.writeModel(source, calls, into: &html) }
            } foot: { html in
                if models.count > 1 { html.element("tr") { Self.writeModel(nil, calls, cells: &$0) } }
            }
            html.element(
                "p", ["class": "soft"],
                isMetered
                    ? "Latency is from a call's arrival at the gateway to its end; the first token is that of streams."
                    : "Calls as agents told of them: a latency is only known where an agent prints both the start and "
                        + "the end of a message.")
        }
    }

    private static func writeModel(_ source: ModelSource, _ calls: CallTally, into html: inout Markup) {
        html.element("tr") { writeModel(source, calls, cells: &$0) }
    }

    private static func writeModel(_ source: ModelSource?, _ calls: CallTally, cells row: inout Markup) {
        row.element("th", ["scope": "row"], source.map { "\($0)" } ?? "all")
        row.number(Figures.count(calls.settled), sortedBy: "\(calls.settled)")
        func latency(_ duration: Duration?) {
            row.number(
                Figures.latency(duration), sortedBy: duration.map { $0.decimalSeconds(places: 3) } ?? "-1")
        }
        for permille in [500, 900, 990] { latency(calls.latency.calls.quantile(permille: permille)) }
        latency(calls.latency.calls.count > 0 ? calls.latency.calls.longest : nil)
        for permille in [500, 900] { latency(calls.latency.firstToken.quantile(permille: permille)) }
        let usage = calls.usage
        for count in [usage.promptTokens, usage.completionTokens, usage.cachedTokens, usage.cacheWriteTokens] {
            row.number(Figures.count(count), sortedBy: "\(count)")
        }
        row.number("\(calls.cost)", sortedBy: calls.cost.decimalText)
    }

    func writeMoments(into page: inout Markup) {
        let all = allMoments
        guard !all.isEmpty else { return }
        page.element("section") { html in
            html.element("h2", "Decisions and troubles")
            for (attempt, moments) in all {
                html.element("details", ["open": all.count <= 12 ? "open" : nil]) { html in
                    html.element("summary") { html in
                        html.words(attempt.name)
                        html.element(
                            "span", ["class": "soft"],
                            " · \(Figures.counted(moments.count, "entry", "entries"))"
                                + (attempt.momentsLeftOut > 0 ? ", \(attempt.momentsLeftOut) between left out" : ""))
                    }
                    html.element("div", ["class": "inside"]) { Self.write(moments, of: attempt, into: &$0) }
                }
            }
        }
    }

    private static func write(_ moments: [Moment], of attempt: AttemptReport, into html: inout Markup) {
        html.table(
            "Decisions and troubles of \(attempt.name)", [.number("at"), .number("spent"), .text("what")]
        ) { html in
            for moment in moments {
                html.element("tr") { row in
                    row.number(moment.at.shortText)
                    row.number("\(moment.spend)")
                    row.element("td") { cell in
                        cell.words(moment.text)
                        if let evidence = moment.evidence {
                            cell.element(
                                "span", ["class": "under mono"],
                                PlainText.cut(PlainText.oneLine(evidence.text), to: 600))
                        }
                    }
                }
            }
        }
    }
}
