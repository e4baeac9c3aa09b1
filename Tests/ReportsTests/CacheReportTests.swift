import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct CacheReportTests {
    private func withPrices(_ body: (RunDirectory, Model) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in
            let directory = RunsDirectory(path: path).run("r")
            try Files.createDirectory(directory.path)
            let model = try #require(try TestData.catalogue()["anthropic/claude-sonnet-4.6"])
            try Files.replace(
                directory.lockPath,
                with: JSON.record(["models": [.record(["id": .string(model.id), "pricing": model.pricing.json])]]).text)
            try await body(directory, model)
        }
    }

    @Test func `what caching saved follows from the run's own prices`() async throws {
        try await withPrices { directory, model in
            var summary = TrialSummary(plan: TrialPlan(alias: "a", model: model.id, budget: USD(cents: 5)))
            summary.usage = Usage(promptTokens: 6000, cachedTokens: 2569, cacheWriteTokens: 2569)
            var unknown = summary
            unknown.alias = "b"
            unknown.model = "no/price"
            let report = CacheReport.read(
                RunView(id: "r", directory: directory.path, createdAt: nil, isAlive: false, trials: [summary, unknown]))
            // 2569 × ($3.00 − $0.30) and 2569 × ($3.75 − $3.00), per million.
            #expect(report.lines[0].saved?.decimalText == "0.0069363")
            #expect(report.lines[0].paidForWrites?.decimalText == "0.00192675")
            #expect(report.lines[0].net?.decimalText == "0.00500955")
            #expect(report.lines[1].saved == nil)
            #expect(report.text().contains("42%") && report.text().contains("unknown"))
        }
    }

    @Test func `what was read and written at once is charged for both, and a write for an hour at its own price`()
        throws
    {
        let rates = Pricing.Rates(
            prompt: USD(picodollars: 1000), cacheRead: USD(picodollars: 100), cacheWrite: USD(picodollars: 1250),
            cacheWrite1h: USD(picodollars: 2000))
        let overlapping = CacheMoney(Usage(promptTokens: 10, cachedTokens: 10, cacheWriteTokens: 10), at: rates)
        #expect(overlapping.saved == USD(picodollars: 9000) && overlapping.paidForWrites == USD(picodollars: 12_500))
        let hourly = CacheMoney(
            Usage(promptTokens: 30, cacheWriteTokens: 20, cacheWrite1hTokens: 10), at: rates)
        #expect(hourly.paidForWrites == USD(picodollars: 2500 + 10_000))
        #expect(CacheMoney(Usage(promptTokens: 1), at: nil).saved == nil)
    }

    @Test func `each call is judged, and what broke its prefix is named and priced`() async throws {
        try await ReportFixture.with { fixture, _ in
            let view = try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal)
            let report = CacheReport.read(view, withCalls: true)
            let calls = try #require(report.calls)
            #expect(
                calls.map(\.judged.judgement.verdict) == [.first, .hit, .messageChanged(2, isExact: true)])
            // 2200 tokens of the call before could have been read: $0.9 less a million.
            #expect(calls.map(\.judged.judgement.missedTokens) == [0, 0, 2200])
            #expect(report.lines[0].missed == USD(picodollars: 2200 * 900_000))
            #expect(report.lines[0].saved == USD(picodollars: 1920 * 900_000))
            #expect(report.lines[0].breaks.map(\.verdict.words) == ["message 2 changed"])
            let text = report.text(width: 140)
            #expect(text.contains("message 2 changed") && text.contains("2,200 tokens that were not read"))
            #expect(!text.contains("With direct access"))
            let json = try JSON.parse(report.json.text)
            #expect(json["models"]?[0]?["verdicts"]?[0]?["verdict"]?.string != nil)
            #expect(json["calls"]?[2]?["message"] == 2)
            #expect(CacheReport.read(view).calls == nil)
            #expect(json["calls_left_out"] == nil)

            // More than a table can be expected to hold: it says so, and the sums are of all.
            let cut = CacheReport.read(view, withCalls: true, limit: 2)
            #expect(cut.calls?.count == 2 && cut.lines == report.lines)
            #expect(cut.text(width: 140).contains("the first 2 calls; 1 more are in the sums alone"))
            #expect(cut.json["calls_left_out"] == 1)
        }
    }

    @Test func `with direct access it says what usage tells, and that it can say no more`() async throws {
        try await RecordFixture.with(["a"]) { fixture in
            let usage: JSON = ["prompt_tokens": 3000, "completion_tokens": 5, "cost": .number("0.001")]
            let messages = (0..<3).flatMap { number in
                [
                    RecordFixture.event(.agent, "message_start", at: 3 + number * 2),
                    RecordFixture.event(
                        .agent, "message_end", ["usage": usage, "responseId": .string("g\(number)")], at: 4 + number * 2
                    ),
                ]
            }
            let summary = try fixture.write(
                RecordFixture.beginning("a") + messages + RecordFixture.end(USD(cents: 1), at: 20), "a")
            try Files.replace(
                fixture.run.lockPath,
                with:
                    #"{"models":[{"id":"m","pricing":{"prompt":"0.000001","completion":"0","input_cache_read":"0.0000005"}}]}"#,
                durably: false)
            let report = CacheReport.read(
                RunView(
                    id: fixture.run.id, directory: fixture.run.path, createdAt: nil, isAlive: false, trials: [summary]))
            #expect(report.lines[0].verdicts == [.first: 1, .untold: 2])
            #expect(report.lines[0].missedTokens == 6000)
            #expect(report.text().contains("With direct access prompts are not seen"))
        }
    }
}
