import PreflightCore
import Testing

private func race(_ tree: JSON) throws -> Race { try Race(reader: TreeReader(tree, path: "eject[0].race")) }

private func field(_ count: Int, repetitions: Int = 1) -> [TrialPlan] {
    (0..<count).flatMap { index in
        (1...repetitions).map { repetition in
            TrialPlan(
                alias: ["a", "b", "c", "d", "e", "f"][index] + (repetitions > 1 ? "-\(repetition)" : ""), model: "m",
                budget: USD(cents: 5), repetition: repetition)
        }
    }
}

@Suite struct RaceBookTests {
    @Test func `the last is stopped when the others are done`() throws {
        var book = RaceBook(try race(["done": 3]), trials: field(4))
        #expect(book.take(.completed, of: "a").isEmpty)
        #expect(book.take(.completed, of: "c").isEmpty)
        let out = book.take(.completed, of: "b")
        #expect(out.map(\.trial) == ["d"])
        #expect(out.first?.reason == .init(policy: "race", message: "3 others are done: a, b, c"))
        #expect(book.take(.failed, of: "d").isEmpty)
    }

    @Test func `who has failed is not done`() throws {
        var book = RaceBook(try race(["done": 2]), trials: field(4))
        #expect(book.take(.failed, of: "a").isEmpty)
        #expect(book.take(.completed, of: "b").isEmpty)
        #expect(book.take(.completed, of: "c").map(\.trial) == ["d"])
    }

    @Test func `the best stay, whatever the order of their marks, and equals with them`() throws {
        let marks: [(String, Int64?)] = [("a", 3), ("b", 5), ("c", 3), ("d", 1), ("e", nil)]
        for order in [marks, marks.reversed(), [marks[2], marks[4], marks[0], marks[3], marks[1]]] {
            var book = RaceBook(try race(["keep": 2, "at": "20m"]), trials: field(5))
            let out = order.flatMap { book.take(.marked($0.1), of: $0.0).map(\.trial) }
            // Two have three snapshots each: only one is better than either.
            #expect(Set(out) == ["d", "e"])
        }
    }

    @Test func `a mark is final, and one that failed keeps no place`() throws {
        var book = RaceBook(try race(["keep": 1, "at": "50%"]), trials: field(3))
        #expect(book.take(.marked(9), of: "a").isEmpty)
        #expect(book.take(.marked(1), of: "a").isEmpty)
        #expect(book.take(.failed, of: "a").isEmpty)
        #expect(book.take(.marked(2), of: "b").isEmpty)
        let out = book.take(.marked(1), of: "c")
        #expect(out.map(\.trial) == ["c"])
        #expect(out.first?.reason.message == "snapshots is 1, and 1 have more: b")
        #expect(out.first?.evidence["better"]?[0]?["trial"] == "b")
    }

    @Test func `who begins late is measured against those before`() throws {
        var book = RaceBook(try race(["keep": 1, "at": "1m"]), trials: field(2))
        #expect(book.take(.marked(4), of: "a").isEmpty)
        #expect(book.take(.completed, of: "a").isEmpty)
        #expect(book.take(.marked(3), of: "b").map(\.trial) == ["b"])
    }

    @Test func `repetitions run among themselves where that is said`() throws {
        for (among, stopped) in [("repetition", []), ("run", ["b-2"])] as [(String, [String])] {
            var book = RaceBook(
                try race(["keep": 1, "at": "1m", "among": .string(among)]), trials: field(2, repetitions: 2))
            #expect(book.take(.marked(4), of: "a-1").isEmpty)
            #expect(book.take(.marked(3), of: "b-2").map(\.trial) == stopped)
        }
    }

    @Test func `each is stopped once`() throws {
        var book = RaceBook(try race(["done": 1]), trials: field(3))
        #expect(book.take(.completed, of: "a").map(\.trial) == ["b", "c"])
        #expect(book.take(.completed, of: "b").isEmpty)
    }

    @Test func `a race is written as it is read`() throws {
        for tree: JSON in [
            ["done": 3], ["done": 1, "among": "repetition"],
            ["keep": 2, "at": "1200s", "by": "snapshots"], ["keep": 2, "at": "50%", "by": "-spend"],
        ] {
            #expect(try race(tree).tree == tree)
        }
        #expect(try race(["keep": 2, "at": "20m"]).tree == ["keep": 2, "at": "1200s", "by": "snapshots"])
    }

    @Test(
        arguments: [
            ([:], "eject[0].race: expected done or keep"),
            (["keep": 2], "eject[0].race: at is missing: when each trial is measured"),
            (["done": 2, "keep": 2], "eject[0].race: expected done or keep"),
            (["done": 0], "eject[0].race.done: expected a number of trials, 1…1000"),
            (["done": 1, "at": "5m"], "eject[0].race.at: goes with keep, not with done"),
            (["keep": 2, "at": "soon"], "eject[0].race.at: expected a time or a share of the budget"),
            (
                ["keep": 2, "at": .number("0.5")],
                "eject[0].race.at: '0.5' has no unit: a time, or a share of the budget"
            ),
            (["keep": 2, "at": "20"], "eject[0].race.at: '20' has no unit: a time, or a share of the budget"),
            (["keep": 2, "at": "5m", "among": "all"], "eject[0].race.among: 'all' is none of run, repetition"),
        ] as [(JSON, String)])
    func `what is no race is refused with its place`(tree: JSON, message: String) {
        do {
            _ = try race(tree)
            Issue.record("taken: \(tree)")
        } catch {
            #expect((error as? PreflightError)?.message == message)
        }
    }
}

@Suite struct RaceMarkTests {
    private func event(_ type: String, _ fields: JSON = [:], at seconds: Double, source: Event.Source = .harness)
        -> Event
    {
        Event(
            timestamp: Timestamp(seconds: 0), elapsed: .seconds(seconds), source: source, type: type,
            fields: fields.object ?? JSON.Object())
    }

    private func running(snapshots: [Double] = []) -> TrialState {
        var state = TrialState()
        state.apply(event("trial_started", ["budget": .number("0.10")], at: 0))
        state.apply(event("container_started", at: 1))
        for time in snapshots { state.apply(event("snapshot", at: time, source: .agent)) }
        return state
    }

    @Test func `a checkpoint in time is that instant, and comes once`() throws {
        let race = try race(["keep": 1, "at": "10s"])
        var state = running(snapshots: [2, 3])
        #expect(race.mark(as: 4, state, at: .seconds(10.9)) == nil)
        let mark = try #require(race.mark(as: 4, state, at: .seconds(12)))
        #expect(mark.measure == 2 && mark.text == "2" && mark.at == .seconds(11) && mark.rule == 4)
        state.apply(event(RaceMark.eventType, .object(mark.fields), at: 12))
        #expect(state.raceMarks == ["4": "2"])
        #expect(race.mark(as: 4, state, at: .seconds(20)) == nil)
        #expect(race.mark(as: 5, state, at: .seconds(20)) != nil)
    }

    @Test func `a checkpoint in spend is the event that reaches it`() throws {
        let race = try race(["keep": 1, "at": "50%", "by": "-spend"])
        var state = running()
        state.apply(event("budget_poll", ["spent": .number("0.049")], at: 5))
        #expect(race.mark(as: 0, state, at: .seconds(5)) == nil)
        state.apply(event("budget_poll", ["spent": .number("0.0625")], at: 7))
        #expect(race.mark(as: 0, state, at: .seconds(7))?.text == "-0.0625")
    }

    @Test func `who completes before the checkpoint is measured at the end, and who fails is not`() throws {
        let race = try race(["keep": 1, "at": "10m"])
        var state = running(snapshots: [2])
        state.apply(event("container_exited", ["exit_code": 0], at: 5))
        #expect(race.mark(as: 0, state, at: .seconds(900)) == nil)
        #expect(race.markOfCompleted(as: 0, state, at: .seconds(5)) == nil)
        var failed = state
        failed.apply(event("trial_ended", ["outcome": "agent_failed"], at: 6))
        #expect(race.markOfCompleted(as: 0, failed, at: .seconds(6)) == nil)
        state.apply(event("trial_ended", ["outcome": "completed"], at: 6))
        #expect(race.markOfCompleted(as: 0, state, at: .seconds(6))?.measure == 1)
    }

    @Test func `what agents report is measured, and what is missing is less than anything`() throws {
        let race = try race(["keep": 1, "at": "1s", "by": "context.score"])
        var state = running()
        #expect(try #require(race.mark(as: 0, state, at: .seconds(9))).measure == nil)
        state.apply(event("progress", ["score": .number("0.875")], at: 2, source: .agent))
        let mark = try #require(race.mark(as: 0, state, at: .seconds(9)))
        #expect(mark.text == "0.875")
        // The log's number is the measure again.
        let told = event(RaceMark.eventType, .object(mark.fields), at: 9)
        #expect(RaceBook.News(told, rule: 0, measure: race.measure) == .marked(mark.measure))
        #expect(RaceBook.News(told, rule: 1, measure: race.measure) == nil)
    }

    @Test(arguments: [
        ("context.score", "0.9991", "0.999"), ("-context.score", "0.9991", "-0.999"),
        ("context.score", "-0.9991", "-1"),
    ])
    func `what is finer than a thousandth is cut off downwards`(by: String, reported: String, text: String) throws {
        var state = running()
        state.apply(event("progress", ["score": .number(reported)], at: 2, source: .agent))
        let mark = try race(["keep": 1, "at": "1s", "by": .string(by)]).mark(as: 0, state, at: .seconds(9))
        #expect(mark?.text == text)
    }
}

@Suite struct RaceInputTests {
    @Test func `a race inside another policy is refused, and one in the list is not`() throws {
        var experiment = Experiment()
        func problems(_ tree: JSON) throws -> [String] {
            experiment.eject = try PolicyList(reader: TreeReader(tree, path: "eject"))
            return experiment.problems().map(\.message).filter { $0.contains("race") }
        }
        #expect(try problems([["race": ["done": 1]], "budget_exceeded"]).isEmpty)
        #expect(
            try problems([["after": ["elapsed": "1m", "then": ["race": ["done": 1]]]]])
                == ["eject: a race stands inside another policy"])
    }
}

@Suite struct RaceReplayTests {
    private func log(_ alias: String, began: Int64, snapshots: [Int], ends: Int, _ outcome: String) -> RaceReplay.Log {
        func event(_ type: String, _ fields: JSON = [:], at seconds: Int, _ source: Event.Source = .harness) -> Event {
            Event(
                timestamp: Timestamp(seconds: began + Int64(seconds)), elapsed: .seconds(seconds), source: source,
                type: type, fields: fields.object ?? JSON.Object())
        }
        return RaceReplay.Log(
            trial: TrialPlan(alias: alias, model: "m", budget: USD(cents: 5)),
            events: [event("trial_started", at: 0), event("container_started", at: 1)]
                + snapshots.map { event("snapshot", at: $0, .agent) }
                + [event("container_exited", at: ends), event("trial_ended", ["outcome": .string(outcome)], at: ends)])
    }

    @Test func `a race that a run never had is judged by its logs`() throws {
        let logs = [
            log("a", began: 100, snapshots: [3, 4], ends: 60, "completed"),
            log("b", began: 100, snapshots: [3, 30], ends: 80, "completed"),
            log("c", began: 150, snapshots: [20], ends: 60, "completed"),
        ]
        let race = try race(["keep": 1, "at": "10s"])
        let verdicts = RaceReplay.verdicts(of: race, logs)
        // Each at its own checkpoint, ten seconds after its container began, whether or not anything happens then.
        #expect(verdicts.map(\.out.trial) == ["b", "c"])
        #expect(verdicts.map(\.elapsed) == [.seconds(11), .seconds(11)])
        #expect(verdicts[0].out.reason.message == "snapshots is 1, and 1 have more: a")
        #expect(verdicts[1].out.reason.message == "snapshots is 0, and 2 have more: a, b")
    }

    @Test func `who would have been stopped has not completed`() throws {
        let logs = [
            log("a", began: 100, snapshots: [], ends: 10, "completed"),
            log("b", began: 100, snapshots: [], ends: 50, "completed"),
            log("c", began: 100, snapshots: [], ends: 90, "agent_failed"),
        ]
        #expect(RaceReplay.verdicts(of: try race(["done": 1]), logs).map(\.out.trial) == ["b", "c"])
        #expect(RaceReplay.verdicts(of: try race(["done": 2]), logs).map(\.out.trial) == ["c"])
    }
}
