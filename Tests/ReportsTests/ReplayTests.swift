import Foundation
import PreflightCore
import Reports
import Store
import TestSupport
import Testing

/// A real field of nine fates.
private func recordedRun() throws -> RunView {
    let name = "quickstart-20261128-190155"
    let path = TestData.directory.appendingPathComponent("runs/\(name)").path
    return try #require(try RunView.read(RunDirectory(path: path, id: name)))
}

private func policies(_ json: JSON) throws -> PolicyList { try PolicyList(reader: TreeReader(json)) }

@Suite struct ReplayTests {
    private func replay(_ json: JSON) throws -> RunReplay { RunReplay(try recordedRun(), try policies(json)) }

    @Test func `a recorded run's own policies give the verdicts of its log, at the same times and in the same words`()
        throws
    {
        let own = try policies([
            "budget_exceeded", ["idle": "15s"],
            ["after": ["elapsed": "10s", "then": ["budget_fraction": ["at": "10%", "unless": "snapshots > 0"]]]],
            ["wall": "180s"],
        ])
        let replay = RunReplay(try recordedRun(), own, isOwn: true)
        #expect(replay.trials.count == 9)
        for trial in replay.trials {
            #expect(trial.fault == nil && trial.isAsRecorded == true, "\(trial.name)")
            let words = trial.stop.map { "\($0.policy.reason.policy): \($0.policy.reason.message)" }
            #expect(words == (trial.outcome == .ejected ? trial.reason : nil), "\(trial.name)")
        }
        #expect(
            replay.trials.flatMap { $0.recorded ?? [] }.map(\.at)
                == [12_250_000, 19_250_000, 13_755_179].map { .microseconds($0) })
        // By another policy it is not as it was, and nobody says that it should be.
        let other = RunReplay(try recordedRun(), try policies([["idle": "15s"]]), isOwn: true)
        #expect(other.trials.count { $0.isAsRecorded == false } == 2)
        #expect(other.text(width: 200).contains("NOT AS ITS LOG HAS IT: stays"))
        #expect(!RunReplay(try recordedRun(), try policies([["idle": "15s"]])).text().contains("NOT AS"))
    }

    @Test func `another policy shows whom it would have stopped, when, and what that saves`() throws {
        let replay = try replay([["loop": 4]])
        let stopped = replay.trials.filter { $0.stop != nil }
        #expect(stopped.map(\.name) == ["looper"])
        let looper = try #require(stopped.first)
        #expect(looper.stop?.running == .microseconds(1_475_458))
        #expect(looper.stop?.policy.spend == USD(decimal: "0.0007996"))
        #expect(looper.saved == USD(decimal: "0.0070132") && !looper.isLost)
        #expect(replay.saved == looper.saved && replay.spend == USD(decimal: "0.04886122"))
        let text = replay.text(width: 200)
        #expect(text.contains("1 of 9 stopped, $0.0070 of $0.049 saved, none lost that completed"), "\(text)")
        #expect(text.contains("4 times the same call, bash"))
        let json = replay.json
        #expect(json["stopped"]?.int == 1 && json["lost"]?.int == 0)
        #expect(json["trials"]?[3]?["fired"]?[0]?["evidence"]?["tool_calls"]?.int == 4)
    }

    @Test func `what completed and would have been stopped is lost`() throws {
        let replay = try replay([["when": "spend > $0.001 and elapsed > 5s"], ["errors": 1, "do": "notify"]])
        let slow = try #require(replay.trials.first { $0.name == "slow" })
        #expect(slow.isLost && slow.saved > .zero && slow.saved < slow.spend)
        #expect(replay.text(width: 200).contains("1 lost that completed: slow"))
        let broken = try #require(replay.trials.first { $0.name == "broken" })
        #expect(broken.stop == nil && broken.fired.map(\.policy.rule.action).contains(.notify))
        #expect(replay.text(width: 200).contains("notify by errors"))
    }

    @Test func `who asks for the first firings alone gets no more, whatever fires again and again`() throws {
        let view = try recordedRun()
        let list = try policies([["idle": "1s", "do": "notify"], ["when": "elapsed > 3s", "do": "notify"]])
        let all = RunReplay(view, list).trials.map(\.fired)
        let brief = RunReplay(view, list, isBrief: true).trials.map(\.fired)
        #expect(all.contains { $0.count > 3 })
        #expect(brief.allSatisfy { $0.count <= 2 })
        for (all, brief) in zip(all, brief) {
            for rule in 0...1 {
                let first = all.first { $0.policy.index == rule }?.policy
                #expect(brief.first { $0.policy.index == rule }?.policy == first)
            }
        }
    }

    @Test func `a log that was edited is named, not believed`() async throws {
        try await withTemporaryDirectory { path in
            let run = RunDirectory(path: path, id: "quickstart-20261128-190155")
            let view = try recordedRun()
            try Files.createDirectory(path + "/looper")
            var log = try Files.read(view.directory + "/looper/events.jsonl")
            let place = try #require(log.firstIndex(of: UInt8(ascii: "9")))
            log[place] = UInt8(ascii: "8")
            try Files.replace(path + "/looper/events.jsonl", with: String(decoding: log, as: UTF8.self))
            let replay = TrialReplay(run.trial("looper"), try policies([["loop": 4]]))
            #expect(replay.fault?.contains("edited") == true)
        }
    }

    @Test func `a log that lost its end, or is gone, is told, and one that never was is not`() async throws {
        try await RecordFixture.with(["a", "b", "c"]) { fixture in
            let ended = try ["a", "b"].map {
                try fixture.write(RecordFixture.beginning($0) + RecordFixture.end(USD(cents: 1), at: 5), $0)
            }
            try await fixture.journal.update(ended, run: fixture.run.id, at: RecordFixture.start)
            let view = try await RunLookup.find(fixture.run.id, in: fixture.runs, journal: fixture.journal)
            let list = try policies([["idle": "1m"]])
            #expect(RunReplay(view, list).trials.map(\.fault) == [nil, nil])

            // A whole line, so that the chain of what is left is whole.
            let cut = fixture.run.trial("a").eventsPath
            let log = try Files.read(cut)
            let end = try #require(log.dropLast().lastIndex(of: UInt8(ascii: "\n")))
            try Files.replace(cut, with: Array(log[...end]), durably: false)
            Files.remove(fixture.run.trial("b").eventsPath)
            let replay = RunReplay(view, list)
            #expect(replay.trials.map(\.name) == ["a", "b"])
            #expect(replay.trials[0].fault?.hasSuffix("missing: the log ends here, 1 line early") == true)
            #expect(replay.trials[1].fault == "it is missing")
            var tuning = try PolicyTuning(.idle(.seconds(60)), number: nil)
            tuning.take(view)
            #expect(tuning.faulty == ["a", "b"] && tuning.trials == 0)
            let warnings = await RunReport.read(view).warnings
            #expect(warnings.contains { $0.hasPrefix("a: its event log is damaged") && $0.hasSuffix("1 line early") })
            #expect(warnings.contains("b: its event log is missing"))
        }
    }

    @Test func `who ran in which repetition is what the logs say, also of a model that is listed twice`() async throws {
        try await RecordFixture.with(["a", "b", "c", "d"]) { fixture in
            let trials = [("a", 1, 10), ("b", 1, 20), ("c", 2, 30), ("d", 2, 40)]
            let summaries = try trials.map { alias, repetition, end in
                var events = RecordFixture.beginning(alias)
                events[0].fields.append("repetition", .int(repetition))
                return try fixture.write(events + RecordFixture.end(USD(cents: 1), at: end), alias)
            }
            let view = RunView(
                id: fixture.run.id, directory: fixture.run.path, createdAt: nil, isAlive: false, trials: summaries)
            let replay = RunReplay(view, try policies([["race": ["done": 1, "among": "repetition"]]]))
            #expect(replay.trials.filter { $0.stop != nil }.map(\.name) == ["b", "d"])
        }
    }

    @Test func `tuning shows what each number saves and loses`() throws {
        var tuning = try PolicyTuning(.loop(LoopRule(times: 4)), number: nil)
        tuning.take(try recordedRun())
        #expect(tuning.trials == 9)
        #expect(tuning.rows.map(\.number.text) == ["2", "3", "4", "5", "6", "8", "12", "16", "24", "32", "48"])
        #expect(tuning.rows.filter(\.isOwn).map(\.number.text) == ["4"])
        // Less is stopped, and less saved, the longer it waits.
        #expect(tuning.rows.map(\.saved) == tuning.rows.map(\.saved).sorted(by: >))
        #expect(tuning.rows.first { $0.number.text == "4" }?.stopped == ["looper"])
        #expect(tuning.rows.last?.stopped.isEmpty == true)
        let own = try #require(tuning.text().split(separator: "\n").first { $0.hasPrefix(">") })
        #expect(own.contains("$0.0070") && own.contains("█"))

        var idle = try PolicyTuning(.idle(.seconds(5)), number: nil)
        idle.take(try recordedRun())
        #expect(idle.rows.first?.lost.contains("slow") == true)
        #expect(idle.text().contains(" x slow") || idle.text().contains("slow"))
    }

    @Test func `a policy of several numbers is asked which one is meant`() throws {
        let storm = EjectPolicy.errorStorm(StormRule(errors: 5, within: .seconds(60)))
        let error = #expect(throws: PreflightError.self) { try PolicyTuning(storm, number: nil) }
        #expect(error?.hint == "choose one by --number: 1: 5, 2: 1m00s")
        #expect(try PolicyTuning(storm, number: 2).rows.contains { $0.number.text == "30s" })
        #expect(throws: PreflightError.self) { try PolicyTuning(storm, number: 3) }
        #expect(throws: PreflightError.self) { try PolicyTuning(.budgetExceeded, number: nil) }
    }

    @Test(arguments: [
        ("context.loss < 0.005", "0.001", "0.060"), ("cache_share < 0.5%", "0.1%", "6%"),
        ("spend > $0.000000000002", "$0.000000000001", "$0.000000000024"),
        ("idle > 0.000002s", "0.000001s", "0.000024s"),
    ])
    func `a number so small that a part of it is none is tuned by the larger ones`(
        text: String, least: String, most: String
    ) throws {
        let policy = EjectPolicy.when(try Question(parsing: text))
        let tuning = try PolicyTuning(policy, number: nil)
        #expect(tuning.rows.first?.number.text == least && tuning.rows.last?.number.text == most)
        #expect(tuning.rows.count(where: \.isOwn) == 1)
        #expect(policy.scaling(number: 0, permille: 100) == nil)
    }

    @Test func `a number that no other can stand in for is a row by itself`() throws {
        // Money without its sign, finer than numbers are.
        let tuning = try PolicyTuning(.when(try Question(parsing: "spend > 0.0005")), number: nil)
        #expect(tuning.rows.map(\.number.text) == ["0.0005"] && tuning.rows.map(\.isOwn) == [true])
    }

    @Test(arguments: [
        ("spend > $0.10 and output_files == 0", "$0.10", "spend > $0.05 and output_files == 0"),
        ("cache_share < 20%", "20%", "cache_share < 10%"),
        ("elapsed > 10m and errors > 0", "10m", "elapsed > 300s and errors > 0"),
        ("cost_per_minute > $0.5/min", "$0.5/min", "cost_per_minute > $0.25/min"), ("turns > 8", "8", "turns > 4"),
        ("errors > turns * 0.5", "0.5", "errors > turns * 0.250"),
    ])
    func `the number of a question is tuned where it stands`(text: String, number: String, half: String) throws {
        let policy = EjectPolicy.when(try Question(parsing: text))
        #expect(policy.numbers.map(\.text) == [number])
        #expect(policy.scaling(number: 0, permille: 500) == .when(try Question(parsing: half)))
    }
}
