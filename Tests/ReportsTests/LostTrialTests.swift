import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct LostTrialTests {
    private typealias Fixture = RecordFixture

    private func turn(_ cost: String, at seconds: Int) -> Event {
        Fixture.event(.agent, "message_end", ["usage": ["cost": .number(cost)]], at: seconds)
    }

    @Test func `what the log says after the last summary counts`() async throws {
        try await Fixture.with(["a"]) { fixture in
            let kept = try fixture.write(Fixture.beginning("a") + [turn("0.01", at: 3)], "a")
            try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            try fixture.write(
                [turn("0.02", at: 4), Fixture.event(.harness, "budget_poll", ["spent": .number("0.025")], at: 62)], "a")
            let trial = try #require(try await fixture.status().first)
            #expect(trial.outcome == .lost && trial.turns == 2 && !trial.isRunning)
            #expect(trial.cost == USD(cents: 3) && trial.polledSpend == USD(decimal: "0.025"))
            #expect(trial.unknownUpTo == USD(cents: 7) && trial.runtime == .seconds(60))
            #expect(trial.reason == "its harness died after 1m00s; up to $0.07 more may be spent")
        }
    }

    @Test func `only the log behind the last summary is read, and a torn line does not count`() async throws {
        try await Fixture.with(["a"]) { fixture in
            let kept = try fixture.write(Fixture.beginning("a") + [turn("0.01", at: 3)], "a")
            try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            try fixture.write([turn("0.02", at: 4)], "a")
            let path = fixture.run.trial("a").eventsPath
            let whole = try Files.read(path)
            let mark = try #require(kept.log)
            // Whoever read the beginning would not find it.
            let blank = [UInt8](repeating: 0x78, count: mark.bytes)
            try Files.replace(path, with: blank + whole[mark.bytes...] + Array(#"{"timestamp":"2026"#.utf8))
            let trial = try #require(try await fixture.status().first)
            #expect(trial.turns == 2 && trial.cost == USD(cents: 3))
        }
    }

    @Test func `a trial that ended before the journal heard of it has ended`() async throws {
        try await Fixture.with(["a", "b"]) { fixture in
            let kept = try fixture.write(Fixture.beginning("a"), "a")
            try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            try fixture.write(Fixture.end(.zero, at: 5), "a")
            let trials = try await fixture.status()
            #expect(
                trials[0].outcome == .completed && trials[0].reason == "exit code 0" && trials[0].unknownUpTo == nil)
            #expect(trials[1].outcome == .lost && trials[1].reason == "its harness died before it began")
            #expect(trials[1].cost == .zero && trials[1].unknownUpTo == nil)
        }
    }

    @Test func `behind the gateway the ledger says what was spent, and what it may be at most`() async throws {
        try await Fixture.with(["a", "b"]) { fixture in
            let ledger = try Ledger(path: fixture.runs.journalPath, now: { Fixture.start })
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 4), .settled(cost: USD(cents: 3), tokens: 1))
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 2), .held(nil))
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 1))
            _ = try await fixture.call(ledger, "b", worst: USD(cents: 4), .settled(cost: USD(cents: 4), tokens: 1))
            // The harness died before its log knew of anything.
            for alias in ["a", "b"] {
                let kept = try fixture.write(Fixture.beginning(alias, access: "gateway"), alias)
                try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            }
            let trials = try await fixture.status()
            #expect(trials[0].cost == USD(cents: 3) && trials[0].unknownUpTo == USD(cents: 3))
            #expect(
                trials[0].reason
                    == "its harness died after 0.0s; $0.03 spent, up to $0.06 with 2 calls of unknown cost")
            #expect(trials[1].cost == USD(cents: 4) && trials[1].unknownUpTo == nil)
            // Whoever opens the ledger next holds what was under way.
            await ledger.close()
            #expect(try await fixture.status()[0] == trials[0])
            let view = try await RunLookup.find("run-1", in: fixture.runs, journal: fixture.journal)
            #expect(StatusFrame.text(view, width: 100).contains("up to $0.06\n"))
        }
    }
}
