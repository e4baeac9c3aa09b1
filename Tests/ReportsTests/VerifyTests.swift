import PreflightCore
import Reports
import Store
import TestSupport
import Testing

@Suite struct VerifyTests {
    private typealias Fixture = RecordFixture

    private func told(_ type: String, _ call: Int, _ fields: JSON = [:], at seconds: Int) -> Event {
        var object = fields.object ?? JSON.Object()
        object.append("call", .int(call))
        return Fixture.event(.gateway, type, .object(object), at: seconds)
    }

    /// A run of one trial behind the gateway that came to its end, with one call of three cents.
    private func withEnded(
        _ change: (inout [Event], Ledger, RecordFixture) async throws -> Void = { _, _, _ in },
        _ body: (RecordFixture, Ledger) async throws -> Void
    ) async throws {
        try await Fixture.with(["a"]) { fixture in
            let ledger = try Ledger(path: fixture.runs.journalPath, now: { Fixture.start + .seconds(4) })
            let cost = USD(cents: 3)
            let call = try await fixture.call(ledger, "a", worst: USD(cents: 4), .settled(cost: cost, tokens: 1))
            var events = Fixture.beginning("a", access: "gateway")
            events.append(told("call_reserved", call, at: 3))
            events.append(told("call_settled", call, ["cost_usd": .usd(cost), "spent_usd": .usd(cost)], at: 4))
            try await change(&events, ledger, fixture)
            let summary = try fixture.write(events + Fixture.end(cost, at: 5), "a")
            try Files.replace(fixture.run.trial("a").summaryPath, with: summary.json.text)
            try await fixture.journal.update([summary], run: "run-1", at: Fixture.start)
            let receipt: JSON = [
                "cost_usd": .usd(summary.cost), "unknown_up_to_usd": 0, "trials": [summary.json],
            ]
            try Files.replace(fixture.run.summaryPath, with: receipt.text)
            try await fixture.journal.finish(run: "run-1", exitStatus: 0, at: Fixture.start)
            try await body(fixture, ledger)
            await ledger.close()
        }
    }

    @Test func `a run that came to its end is whole`() async throws {
        try await withEnded { fixture, _ in
            let found = try await fixture.verify()
            #expect(found.isWell && found.findings.allSatisfy { $0.status == .pass }, "\(found.text)")
            #expect(found["ledger"]?.detail == "1 call, $0.03" && found["events"]?.detail == "8 lines in 1 logs")
        }
    }

    @Test(arguments: [true, false])
    func `what lines cost that are not kept is held against the log, if the log tells it`(tells: Bool) async throws {
        try await Fixture.with(["a"]) { fixture in
            var events = Fixture.beginning("a")
            if tells { events[0].fields.append("policies", 1) }
            events.append(
                Fixture.event(
                    .harness, "lines_not_kept",
                    tells ? ["lines": 9, "events": 9, "turns": 2, "cost_usd": .usd(USD(cents: 2))] : ["lines": 9], at: 3
                ))
            var summary = try fixture.write(events + Fixture.end(USD(cents: 3), at: 5), "a")
            func finding() async throws -> Finding? {
                try Files.replace(fixture.run.trial("a").summaryPath, with: summary.json.text)
                try await fixture.journal.update([summary], run: "run-1", at: Fixture.start)
                return try await fixture.verify()["state"]
            }
            #expect(try await finding()?.status == .pass)
            summary.reportedSpend += USD(cents: 1)
            summary.turns += 1
            let found = try #require(try await finding())
            #expect(found.status == (tells ? .fail : .pass))
            guard tells else { return }
            #expect(found.lines.contains("a: in its summary.json reported spend is 0.03 USD, by the log 0.02 USD"))
            #expect(found.lines.contains("a: in its summary.json turns is 3, by the log 2"), "\(found.lines)")
        }
    }

    @Test func `a call that only one of ledger and log knows is named`() async throws {
        try await withEnded { events, _, _ in
            events.append(told("call_settled", 77, ["cost_usd": .number("0.001")], at: 4))
        } _: { fixture, ledger in
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 1), .settled(cost: USD(cents: 1), tokens: 1))
            let finding = try #require(try await fixture.verify()["ledger"])
            #expect(finding.status == .fail)
            #expect(finding.lines.contains("a: call 77 of the log is not in the ledger"))
            #expect(finding.lines.contains("a: call 2 cost 0.01 USD by the ledger, and the log does not say so"))
            #expect(finding.lines.contains("a: its receipt says 0.03 USD, the ledger 0.04"))
        }
    }

    @Test func `a call that a power cut took from the ledger is told, and is no fault`() async throws {
        try await withEnded { events, _, _ in
            events.append(told("call_reserved", 77, at: 4))
        } _: { fixture, _ in
            // As a ledger writes it that finds a cover of another start of the system.
            let reader = try LedgerReader(path: fixture.runs.journalPath)
            let row = "SELECT 70000, scope, session, 3, 5, 5, 0, created_us FROM call WHERE id = 1"
            try await reader.execute(
                "INSERT INTO call (id, scope, session, state, amount, worst, tokens, created_us) \(row)")
            let finding = try #require(try await fixture.verify()["ledger"])
            #expect(finding.status == .warn)
            #expect(finding.lines.contains("a: call 77 was lost in a power cut, and is part of call 70000"))
        }
    }

    @Test func `held calls are listed, and one that was settled by hand later is told`() async throws {
        try await withEnded { events, ledger, fixture in
            let call = try await fixture.call(ledger, "a", worst: USD(cents: 2), .held(nil))
            events.append(told("call_held", call, at: 4))
        } _: { fixture, ledger in
            let before = try #require(try await fixture.verify()["ledger"])
            #expect(before.status == .warn && before.lines == ["a: 1 call of unknown cost, up to $0.02: 2"])
            await ledger.close()
            let later = try Ledger(path: fixture.runs.journalPath, now: { Fixture.start + .seconds(3600) })
            let held = try #require(try await LedgerReader(path: fixture.runs.journalPath).heldCalls().first)
            _ = try await later.reconcile(held.call, cost: USD(cents: 1))
            await later.close()
            let after = try #require(try await fixture.verify()["ledger"])
            #expect(after.status == .warn && after.lines == ["a: call 2, held in the log, was settled at $0.01 later"])
        }
    }

    @Test func `sums that are not those of the calls are found`() async throws {
        try await withEnded { fixture, _ in
            let reader = try LedgerReader(path: fixture.runs.journalPath)
            try await reader.execute("UPDATE scope SET spent = spent + 1000000000 WHERE name = 'run-1/a'")
            let finding = try #require(try await fixture.verify()["ledger"])
            #expect(finding.lines.contains("a: its scope says 0.031 USD, its calls 0.03"))
            #expect(finding.lines.contains("the run's scope says 0.03 USD, its trials' 0.031"))
        }
    }

    @Test func `what is not given back, missing or strange is named`() async throws {
        try await withEnded { fixture, _ in
            _ = try await fixture.journal.intend(
                .subkey, name: "preflight:run-1:a", run: "run-1", trial: "a", at: Fixture.start)
            Files.remove(fixture.run.lockPath)
            try Files.replace(fixture.run.path + "/summary.json.7.tmp", with: "{")
            let found = try await fixture.verify()
            #expect(found["resources"]?.status == .fail)
            #expect(found["resources"]?.lines == ["subkey preflight:run-1:a"])
            #expect(
                found["files"]?.lines == ["lock.json is missing", "summary.json.7.tmp is what a crash left of a write"])
            #expect(!found.isWell && found.text.hasSuffix("THE RECORD IS NOT WHOLE: resources, files\n"))
            Files.remove(fixture.run.summaryPath)
            #expect(try await fixture.verify()["receipt"]?.status == .fail)
        }
    }

    @Test func `a run that nobody finished is whole with what a crash leaves`() async throws {
        try await Fixture.with(["a", "b"]) { fixture in
            let ledger = try Ledger(path: fixture.runs.journalPath, now: { Fixture.start + .seconds(3) })
            let kept = try fixture.write(Fixture.beginning("a", access: "gateway"), "a")
            try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            // On the disk, and its event was not written any more.
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 4), .settled(cost: USD(cents: 3), tokens: 1))
            _ = try await fixture.call(ledger, "a", worst: USD(cents: 1))
            let path = fixture.run.trial("a").eventsPath
            try Files.replace(path, with: try Files.read(path) + Array(#"{"timest"#.utf8))
            _ = try await fixture.journal.intend(.network, name: "n", run: "run-1", trial: nil, at: Fixture.start)

            let dead = try await fixture.verify()
            #expect(dead.isWell, "\(dead.text)")
            #expect(dead["run"]?.detail == "its harness died, 2 of 2 trials are lost")
            #expect(dead["events"]?.lines == ["a/events.jsonl: 8 bytes at its end are of a line that a crash tore"])
            #expect(
                dead["ledger"]?.lines == [
                    "a: its harness died before it could write down how 1 call ended",
                    "a: 1 call of unknown cost, up to $0.01: 2",
                ])
            #expect(dead["resources"]?.status == .warn)

            // The same while its harness lives is nothing to speak of.
            let lock = try HarnessLock(path: fixture.run.harnessLockPath)
            let living = try await fixture.verify()
            #expect(living.isAlive && living.isWell, "\(living.text)")
            #expect(living.findings.allSatisfy { $0.status == .pass }, "\(living.text)")
            withExtendedLifetime(lock) {}
            await ledger.close()
        }
    }

    @Test func `a log that ends before the journal's last look has lost lines`() async throws {
        try await Fixture.with(["a"]) { fixture in
            let kept = try fixture.write(Fixture.beginning("a"), "a")
            try await fixture.journal.update([kept], run: "run-1", at: Fixture.start)
            let path = fixture.run.trial("a").eventsPath
            let first = try Files.read(path).split(separator: 0x0A)[0] + [0x0A]
            try Files.replace(path, with: Array(first))
            let found = try await fixture.verify()
            #expect(found.faults["a"]?.kind == .missing)
            #expect(
                found["events"]?.lines == [
                    "a/events.jsonl line 2 (byte \(first.count)): missing: the log ends here, 2 lines early"
                ])
            Files.remove(path)
            #expect(try await fixture.verify()["events"]?.lines == ["a/events.jsonl is missing"])
        }
    }

    @Test func `an earlier attempt is held against its log, its summary and the run's receipt`() async throws {
        try await Fixture.with(["a"]) { fixture in
            func story(_ cost: USD) -> [Event] {
                Fixture.beginning("a") + [Fixture.event(.harness, "budget_poll", ["spent": .usd(cost)], at: 4)]
                    + Fixture.end(cost, at: 5)
            }
            let first = try fixture.write(story(USD(cents: 1)), "a")
            try Files.replace(fixture.run.trial("a").summaryPath, with: first.json.text)
            try fixture.run.moveAside(TrialAttempt(alias: "a"))
            let plan = first.runAgain(as: Fixture.plan("a"))
            let second = try fixture.write(story(USD(cents: 2)), plan)
            try Files.replace(fixture.run.trial("a", attempt: 2).summaryPath, with: second.json.text)
            try await fixture.journal.update([second], run: "run-1", at: Fixture.start)
            let receipt: JSON = [
                "cost_usd": .usd(USD(cents: 3)), "unknown_up_to_usd": 0, "trials": [second.json],
            ]
            try Files.replace(fixture.run.summaryPath, with: receipt.text)
            try await fixture.journal.finish(run: "run-1", exitStatus: 0, at: Fixture.start)
            let found = try await fixture.verify()
            #expect(found.isWell && found.findings.allSatisfy { $0.status == .pass }, "\(found.text)")
            #expect(found["run"]?.detail.hasPrefix("1 trial and 1 earlier attempt, ") == true)

            // The log of another attempt is not this one's.
            let log = try Files.read(fixture.run.trial("a").eventsPath)
            try Files.replace(
                fixture.run.trial("a").eventsPath, with: Files.read(fixture.run.trial("a", attempt: 2).eventsPath))
            let foreign = try await fixture.verify()
            #expect(foreign["events"]?.status == .fail, "\(foreign.text)")
            #expect(foreign["events"]?.lines.first?.hasPrefix("attempts/a/1/events.jsonl line 1") == true)
            try Files.replace(fixture.run.trial("a").eventsPath, with: log)
            try Files.replace(fixture.run.summaryPath, with: receipt.text.replacing("0.03", with: "0.02"))
            let short = try await fixture.verify()
            #expect(short["receipt"]?.lines == ["cost_usd is 0.02, the trials' sum 0.03"], "\(short.text)")
        }
    }

    @Test func `a run's own calls, which a shared envelope has, are part of its sum`() async throws {
        try await Fixture.with(["a"]) { fixture in
            let ledger = try Ledger(path: fixture.runs.journalPath, now: { Fixture.start })
            let scope = try await ledger.scope(named: "run-1", parent: ledger.scope(named: "envelope:night"))
            let ask = BudgetAsk(base: USD(cents: 5), perOutputToken: .zero, wantedOutput: 0)
            let grant = try await ledger.reserve(ask, scope: scope)
            await ledger.resolve(grant.call, .settled(cost: USD(cents: 2), tokens: 0))
            try fixture.write(Fixture.beginning("a"), "a")
            let finding = try #require(try await fixture.verify()["ledger"])
            #expect(finding.status == .pass && finding.detail == "1 call, $0.02", "\(finding)")
            await ledger.close()
        }
    }
}
