import Foundation
import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct RunReportTests {
    /// Compares with a file beside the tests; `PREFLIGHT_GOLDEN=write` writes it anew.
    private func expectGolden(_ name: String, _ text: String) throws {
        let file = TestData.directory.appendingPathComponent("reports/\(name)")
        if ProcessInfo.processInfo.environment["PREFLIGHT_GOLDEN"] == "write" {
            try Data(text.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "\(text)")
    }

    @Test func `the Markdown is as it was`() async throws {
        try await ReportFixture.with { _, report in try expectGolden("run.md", report.markdown) }
    }

    @Test func `the CSV is as it was`() async throws {
        try await ReportFixture.with { _, report in
            try expectGolden("run.csv", report.csv)
            #expect(report.csv.split(separator: "\n").count == 3)
        }
    }

    @Test func `the page is one well-formed file that fetches nothing and runs nothing of what it shows`() async throws
    {
        try await ReportFixture.with { _, report in
            let html = report.html
            #expect(isWellFormed(html))
            // Hostile words are there, as words.
            #expect(html.contains("b&lt;img src=x onerror=alert(1)&gt;"))
            #expect(!html.contains("<img") && !html.contains("\u{202E}"))
            #expect(html.components(separatedBy: "<script").count == 2, "its own, and no other")
            for outside in ["src=\"", "href=", "url(", "@import", "<link", "<iframe", "<object"] {
                #expect(!html.contains(outside), "\(outside)")
            }
            #expect(html.contains("default-src &#39;none&#39;"))
            #expect(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""))
            #expect(html.contains("Do &lt;it&gt;."))
        }
    }

    @Test func `ids on the page are given once, and what a picture names is there`() async throws {
        try await ReportFixture.with { _, report in
            func values(_ attribute: String) -> [String] {
                report.html.components(separatedBy: " \(attribute)=\"").dropFirst().map {
                    String($0.prefix { $0 != "\"" })
                }
            }
            let ids = values("id")
            #expect(Set(ids).count == ids.count && !ids.isEmpty)
            for named in values("aria-labelledby").flatMap({ $0.split(separator: " ") }) {
                #expect(ids.contains(String(named)))
            }
        }
    }

    @Test func `calls, latencies, verdicts and money are those of the logs`() async throws {
        try await ReportFixture.with { _, report in
            let calls = report.calls
            #expect(calls.settled == 3 && calls.refused == 1 && calls.failed == 0)
            #expect(calls.latency.calls.quantile(permille: 500) == .milliseconds(1500))
            #expect(calls.latency.firstToken.count == 3)
            #expect(report.money.ofRecord == USD(cents: 3) && report.money.unknown == .zero)
            #expect(report.stops.map(\.outcome) == [.ejected])
            #expect(report.trials[0].newest.tools == ["bash": 1])
            #expect(report.trials[1].newest.moments.map(\.type) == ["eject_decided"])
            #expect(report.served.map(\.serving.provider) == ["Host"])
            #expect(report.elapsed == .seconds(30))
            #expect(report.trials[0].newest.curve.points.map(\.spend) == [1, 2, 3].map { USD(cents: $0) })
            let json = try JSON.parse(report.json.prettyText)
            #expect(json["money"]?["spent_usd"]?.usd() == USD(cents: 3))
            #expect(json["calls"]?["latency_s"]?["p50"]?.numberText == "1.500")
            #expect(json["provenance"]?["image"]?["digests"]?.array?.first == "agent@sha256:def")
        }
    }

    @Test func `a call of unknown cost is held, and what it turned out to cost counts once`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let held = RecordFixture.event(
                .gateway, "call_held",
                ["call": 1, "model": "m", "reserved_usd": .usd(USD(cents: 2)), "spent_usd": .usd(USD(cents: 2))], at: 4)
            let summary = try fixture.write(
                RecordFixture.beginning("a", access: "gateway") + [held], "a")
            let open = AttemptReport.read(summary, in: fixture.run.trial("a"))
            #expect(open.calls.held == 1 && open.calls.heldCost == USD(cents: 2) && open.calls.settled == 0)
            _ = try fixture.write(
                [
                    RecordFixture.event(
                        .gateway, "call_reconciled",
                        [
                            "call": 1, "cost_usd": .usd(USD(cents: 1)), "basis": "generation",
                            "spent_usd": .usd(USD(cents: 1)),
                        ],
                        at: 9)
                ] + RecordFixture.end(USD(cents: 1), at: 10), "a")
            let closed = AttemptReport.read(summary, in: fixture.run.trial("a"))
            #expect(closed.calls.held == 0 && closed.calls.settled == 1 && closed.calls.cost == USD(cents: 1))
            #expect(closed.curve.spend == USD(cents: 1) && closed.curve.peak == USD(cents: 2))
        }
    }

    @Test func `what a failed call cost is in the sums, though no model answered it`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let held: JSON = [
                "call": 1, "model": "m", "status": 504, "reserved_usd": .usd(USD(cents: 3)),
                "spent_usd": .usd(USD(cents: 3)),
            ]
            let known: JSON = [
                "call": 1, "cost_usd": .usd(USD(cents: 2)), "basis": "generation", "spent_usd": .usd(USD(cents: 2)),
                "usage": ["prompt_tokens": 700, "completion_tokens": 9],
            ]
            let summary = try fixture.write(
                RecordFixture.beginning("a", access: "gateway") + [
                    RecordFixture.event(.gateway, "call_held", held, at: 4),
                    RecordFixture.event(.gateway, "call_reconciled", known, at: 6),
                ] + RecordFixture.end(USD(cents: 2), at: 8), "a")
            let attempt = AttemptReport.read(summary, in: fixture.run.trial("a"))
            let report = RunReport(id: "run-1", trials: [.init(summary: summary, attempts: [attempt])])
            #expect(report.calls.settled == 0 && report.calls.failed == 1 && report.calls.heldCost == .zero)
            #expect(report.calls.cost == summary.cost && summary.cost == USD(cents: 2))
            #expect(report.models.map(\.calls.cost) == [USD(cents: 2)])
            #expect(report.calls.usage == Usage(promptTokens: 700, completionTokens: 9))
            #expect(report.json["calls"]?["cost_usd"]?.usd() == USD(cents: 2))
        }
    }

    @Test func `an overrun is told as more than the cap, of the amount that it is sorted by`() {
        var summary = TrialSummary(plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)))
        summary.cost = USD(cents: 4)
        // Attempts have the cap each.
        summary.earlier = [summary]
        summary.cost = USD(cents: 8)
        let report = RunReport(id: "r", trials: [.init(summary: summary, attempts: [])])
        #expect(report.html.contains(">160% of $0.05<") && report.html.contains(" data-v=\"1600\""))
        #expect(report.markdown.contains(" $0.12 |   160% |"))
        #expect(Figures.permille(.max, ofCap: USD(picodollars: 1)) == 1_000_000_000)
        #expect(Figures.permille(USD(cents: 5), ofCap: .zero) == nil)
    }

    @Test(
        arguments: [
            (60, nil), (61, "The first 60 attempts, and 1 more."), (1300, "and 1,240 more."),
        ] as [(Int, String?)])
    func `a field of more trials than a page can show says how many are not shown`(count: Int, words: String?) {
        let trials = (1...count).map { number in
            var summary = TrialSummary(plan: TrialPlan(alias: "t\(number)", model: "m", budget: USD(cents: 5)))
            summary.startedAt = RecordFixture.start
            var attempt = AttemptReport(summary: summary)
            attempt.curve.take(USD(cents: 1), at: .seconds(number))
            return RunReport.Trial(summary: summary, attempts: [attempt])
        }
        var report = RunReport(id: "r", trials: trials)
        report.startedAt = RecordFixture.start
        let html = report.html
        #expect(html.contains("When each trial ran") && html.contains(" more.</figcaption>") == (words != nil))
        if let words { #expect(html.contains(words)) }
    }

    @Test func `an earlier attempt is told by its own log, under its own number`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let first = try fixture.write(
                RecordFixture.beginning("a") + ReportFixture.ejected(at: 9, reason: "idle: silent"), "a")
            try fixture.run.moveAside(TrialAttempt(alias: "a"))
            let second = try fixture.write(
                RecordFixture.beginning("a") + RecordFixture.end(USD(cents: 2), at: 8),
                first.runAgain(as: RecordFixture.plan("a")))
            try await fixture.journal.update([second], run: fixture.run.id, at: RecordFixture.start)
            let report = await RunReport.read(
                try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal))
            #expect(report.trials[0].attempts.map(\.name) == ["a", "a@2"])
            #expect(report.trials[0].attempts.map(\.summary.outcome) == [.ejected, .completed])
            #expect(
                report.csv.split(separator: "\n").dropFirst().map { $0.split(separator: ",")[2...3].joined() } == [
                    "10", "21",
                ])
        }
    }

    @Test func `a log that cannot be believed is told as such, and the rest is shown`() async throws {
        try await ReportFixture.with { fixture, _ in
            let path = fixture.run.trial("a").eventsPath
            var bytes = try Files.read(path)
            let place = bytes.count / 2
            bytes[place] = bytes[place] == 0x31 ? 0x32 : 0x31
            try Files.replace(path, with: bytes, durably: false)
            try Files.replace(fixture.run.lockPath, with: "not JSON", durably: false)
            let report = await RunReport.read(
                try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal))
            #expect(report.warnings.contains { $0.hasPrefix("a: its event log is damaged") })
            #expect(report.provenance == Provenance())
            #expect(isWellFormed(report.html))
            #expect(report.markdown.contains("1 of 2 completed"))
        }
    }

    @Test func `report.html is no evidence: verify knows it and asks nothing of it`() async throws {
        try await ReportFixture.with { fixture, report in
            try Files.replace(fixture.run.reportPath, with: report.html, durably: false)
            let finding = try #require(try await fixture.verify()["files"])
            #expect(!finding.lines.contains { $0.contains("report.html") })
            Files.remove(fixture.run.reportPath)
            #expect(try await fixture.verify()["files"] == finding)
        }
    }
}
