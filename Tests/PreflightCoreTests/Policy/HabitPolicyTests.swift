import PreflightCore
import Testing

private typealias Fixture = PolicyFixture

@Suite struct LoopTests {
    private func fired(_ rule: JSON, _ events: [(Event.Source, String, JSON)]) throws -> [FiredPolicy] {
        Fixture.fired(try Fixture.rules(["loop": rule]), Fixture.seconds(events))
    }

    private func loops(_ rule: JSON, _ events: [(Event.Source, String, JSON)]) throws -> Bool {
        try !fired(rule, events).isEmpty
    }

    private let ls = Fixture.call("bash", ["command": "ls -la"])

    @Test func `the same call so often in a row is a loop, less often none`() throws {
        #expect(try !loops(4, [ls, ls, ls]))
        let found = try fired(4, [ls, ls, Fixture.call("bash", ["command": "ls  -la "]), ls])
        #expect(found.first?.at == .seconds(4))
        #expect(found.first?.reason.message == #"4 times the same call, bash {"command":"ls -la"}"#)
        #expect(found.first?.evidence["last_call"]?.string == #"bash {"command":"ls -la"}"#)
    }

    @Test func `the same tool with other arguments is none, nor the same between others`() throws {
        let reads = (1...20).map { Fixture.call("read", ["path": .string("src/file\($0).py")]) }
        #expect(try !loops(4, reads))
        let test = Fixture.call("bash", ["command": "pytest"])
        let work = (1...20).flatMap { [Fixture.call("edit", ["line": .int($0)]), test] }
        #expect(try !loops(4, work))
    }

    @Test func `a cycle of several calls is a loop too`() throws {
        let cycle = ["a", "b", "c"].map { Fixture.call("bash", ["command": .string($0)]) }
        let found = try fired(4, cycle + cycle + cycle + cycle)
        #expect(found.first?.at == .seconds(12))
        #expect(found.first?.reason.message.hasPrefix("4 times the same 3 calls") == true)
        #expect(try !loops(5, cycle + cycle + cycle + cycle))
    }

    @Test func `answers that are alike are a loop, unless something new is done between them`() throws {
        let answers = (1...4).map { Fixture.answer("I will try to fix the failing test once more, attempt \($0).") }
        #expect(try loops(4, answers))
        #expect(try fired(4, answers).first?.reason.message.hasPrefix("4 times the same answer, I will try") == true)
        let others = ["I look.", "Now the tests.", "They fail.", "I mend them."].map { Fixture.answer($0) }
        #expect(try !loops(4, others))
        let next = Fixture.answer("Next.")
        let busy = (1...8).flatMap { [next, Fixture.call("read", ["path": .int($0)])] }
        #expect(try !loops(4, busy))
        #expect(try loops(4, [next, ls, next, ls, next, ls, next, ls]))
    }

    @Test func `calls that are nearly the same count where that is asked for`() throws {
        let script = String(repeating: "import os\nfor x in range(10): print(os.getcwd(), x)\n", count: 3)
        let runs = (1...4).map { Fixture.call("python", ["code": .string("\(script)# try \($0)")]) }
        #expect(try !loops(4, runs))
        #expect(try loops(["times": 4, "like": "80%"], runs))
        let unlike = ["ls -la /tmp", "cat README.md", "git status", "pytest -q"].map {
            Fixture.call("bash", ["command": .string($0)])
        }
        #expect(try !loops(["times": 2, "like": "60%"], unlike))
    }

    @Test func `what the gateway sees of an agent that says nothing is enough`() throws {
        func settled(_ tokens: Int, _ tools: JSON = ["bash"]) -> (Event.Source, String, JSON) {
            (
                .gateway, "call_settled",
                ["status": 200, "tools": tools, "usage": ["completion_tokens": .int(tokens)]]
            )
        }
        let same = try fired(5, Array(repeating: settled(31), count: 5))
        #expect(same.first?.reason.message == "5 times the same call, bash with 31 tokens")
        #expect(try loops(5, Array(repeating: settled(31, []), count: 5)))
        #expect(try !loops(5, (31...40).map { settled($0) }))
        #expect(try !loops(2, (31...40).map { settled($0, []) }))
        // What the agent says itself is more than that.
        let says: (Event.Source, String, JSON) = (.agent, "agent_start", [:])
        #expect(try !loops(5, [says] + Array(repeating: settled(31), count: 5)))
    }

    @Test func `only so much is remembered, however long it goes on`() throws {
        var watch = PolicyWatch(try Fixture.rules([["loop": 64, "do": "notify"]]))
        for event in Fixture.beginning { _ = watch.take(event) }
        var fired = 0
        for number in 0..<2000 {
            let (source, type, fields) = Fixture.call("t\(number % 9)", ["n": .int(number / 9 % 2 == 0 ? number : 0)])
            fired += watch.take(Fixture.event(.seconds(number + 1), source, type, fields)).count
        }
        #expect(fired == 0)
    }
}

@Suite struct StallTests {
    @Test func `spend without anything new is a stall, a file, a snapshot and a new kind of call are new`() throws {
        let list = try Fixture.rules(["stall": "$0.03"])
        func run(_ between: (Event.Source, String, JSON)?) -> [FiredPolicy] {
            let turns = [Fixture.answer("a", cost: "0.02"), between, Fixture.answer("b", cost: "0.02")].compactMap(
                \.self)
            return Fixture.fired(list, Fixture.seconds([Fixture.call("bash", ["command": "ls"])] + turns))
        }
        #expect(run(nil).map(\.reason.message) == ["spent $0.04 since a new kind of call, bash"])
        #expect(run(Fixture.call("bash", ["command": "ls -la /etc"])).count == 1)
        #expect(run(Fixture.call("bash", ["command": "git log"])).isEmpty)
        #expect(run((.agent, "snapshot", [:])).isEmpty)
        #expect(run((.harness, "output_changed", ["files": 1])).isEmpty)
    }

    @Test func `so is time`() throws {
        let list = try Fixture.rules(["stall": ["time": "30s", "spend": "$5"]])
        let call = Fixture.seconds([Fixture.call("bash", ["command": "ls"])])
        #expect(Fixture.fired(list, call, until: .seconds(30)).isEmpty)
        let fired = Fixture.fired(list, call, until: .seconds(60))
        #expect(fired.map(\.at) == [.seconds(31)])
        #expect(fired.first?.reason.message == "nothing new for 30s, since a new kind of call, bash")
    }

    @Test(
        arguments: [
            (.harness, "trial_held", "trial_released", "it was released"),
            (.gateway, "calls_paused", "calls_resumed", "its calls went on"),
        ] as [(Event.Source, String, String, String)])
    func `while calls wait no time is a stall, and it begins anew when they go on`(
        source: Event.Source, wait: String, end: String, words: String
    ) throws {
        let list = try Fixture.rules(["stall": "30s"])
        let waiting =
            Fixture.seconds([Fixture.call("bash", ["command": "ls"])]) + [
                Fixture.event(.seconds(10), source, wait, ["reason": "x"])
            ]
        #expect(Fixture.fired(list, waiting, until: .seconds(900)).isEmpty)
        let gone = waiting + [Fixture.event(.seconds(300), source, end)]
        #expect(Fixture.fired(list, gone, until: .seconds(329)).isEmpty)
        let fired = Fixture.fired(list, gone, until: .seconds(900))
        #expect(fired.map(\.at) == [.seconds(330)])
        #expect(fired.first?.reason.message == "nothing new for 30s, since \(words)")
    }

    @Test func `what was spent before a wait counts after it`() throws {
        let events = Fixture.seconds([
            Fixture.call("bash", ["command": "ls"]), Fixture.answer("a", cost: "0.02"), (.harness, "trial_held", [:]),
            (.harness, "trial_released", [:]), Fixture.answer("b", cost: "0.02"),
        ])
        let fired = Fixture.fired(try Fixture.rules(["stall": "$0.03"]), events)
        #expect(fired.map(\.reason.message) == ["spent $0.04 since a new kind of call, bash"])
    }
}

@Suite struct ErrorStormTests {
    @Test func `errors within a time are a storm, the same errors over a longer one are none`() throws {
        let list = try Fixture.rules(["error_storm": "3 in 10s"])
        let error: JSON = ["message": "boom"]
        func errors(_ seconds: [Int]) -> [FiredPolicy] {
            Fixture.fired(list, seconds.map { Fixture.event(.seconds($0), .agent, "error", error) })
        }
        #expect(errors([1, 8, 15, 22]).isEmpty)
        #expect(errors([1, 8, 15, 16]).map(\.at) == [.seconds(16)])
        #expect(errors([1, 8, 15, 16]).first?.reason.message == "3 errors within 10s, the last: boom")
    }

    @Test func `errors that are told in sum count too`() throws {
        let list = try Fixture.rules(["error_storm": ["errors": 200, "within": "1m"]])
        let sum = Fixture.event(.seconds(2), .harness, "lines_not_kept", ["lines": 900, "errors": 900])
        #expect(Fixture.fired(list, [sum]).count == 1)
    }
}

@Suite struct DeadlineTests {
    @Test func `what has to be there by a time ends a trial where it is not`() throws {
        let list = try Fixture.rules(["no_progress_by": ["at": "60s", "needs": "output_files > 1"]])
        let one = Fixture.event(.seconds(5), .harness, "output_changed", ["files": 1])
        let two = Fixture.event(.seconds(6), .harness, "output_changed", ["files": 2])
        #expect(Fixture.fired(list, [one], until: .seconds(60)).isEmpty)
        let fired = Fixture.fired(list, [one], until: .seconds(90))
        #expect(fired.map(\.at) == [.milliseconds(60_250)])
        #expect(fired.first?.reason.message == "not after 1m00s: output_files > 1")
        #expect(Fixture.fired(list, [one, two], until: .seconds(900)).isEmpty)
        #expect(try Fixture.fired(Fixture.rules(["no_progress_by": "60s"]), [one], until: .seconds(900)).isEmpty)
    }
}

@Suite struct FigureTests {
    private func holds(_ text: String, _ events: [Event], at elapsed: Duration) throws -> Bool {
        var state = TrialState()
        state.habits = Habits()
        for event in Fixture.beginning + events { state.apply(event) }
        return try Question(parsing: text).holds(in: state, at: elapsed)
    }

    @Test func `cost per minute is what was spent within the last one`() throws {
        let polls = (1...200).map {
            Fixture.event(
                .seconds($0), .harness, "budget_poll", ["spent": .usd(USD(picodollars: Int64($0) * 1_000_000_000))])
        }
        #expect(try holds("cost_per_minute == $0.06/min", polls, at: .seconds(200)))
        #expect(try holds("cost_per_minute == $0.03/min", polls, at: .seconds(230)))
        #expect(try holds("cost_per_minute == $0/min", polls, at: .seconds(260)))
        #expect(try holds("cost_per_minute == $0.02/min", Array(polls.prefix(20)), at: .seconds(20)))
    }

    @Test func `the share of repeated acts is of the newest ones`() throws {
        let same = Array(repeating: Fixture.call("bash", ["command": "ls"]), count: 3)
        let others = (1...64).map { Fixture.call("bash", ["command": .int($0)]) }
        #expect(try holds("repeated_share == 0%", [], at: .seconds(1)))
        #expect(try holds("repeated_share == 50%", Fixture.seconds(same + [others[0]]), at: .seconds(9)))
        #expect(try holds("repeated_share == 0%", Fixture.seconds(same + others), at: .seconds(99)))
    }

    @Test func `the nearest policy is told with what it measures`() throws {
        var watch = PolicyWatch(
            try Fixture.rules([
                "budget_exceeded", ["idle": "60s"], ["loop": 4], ["wall": "1h"], ["error_storm": "9 in 1m"],
                ["stall": ["time": "10m"]], ["no_progress_by": "20m"],
                ["after": ["elapsed": "5m", "then": ["errors": 1]]],
                ["errors": 1, "do": "notify"],
            ]))
        for event in Fixture.beginning + Fixture.seconds([(.agent, "raw", [:])]) { _ = watch.take(event) }
        #expect(watch.nearest(at: .seconds(46)) == Nearness(policy: "idle", permille: 750, words: "idle 45s of 1m00s"))
        let calls = Array(repeating: Fixture.call("bash", [:]), count: 3) + [(.agent, "error", [:])]
        for event in Fixture.seconds(calls) { _ = watch.take(event) }
        // What holds already is not what comes next.
        #expect(
            watch.nearest(at: .seconds(5)) == Nearness(policy: "loop", permille: 750, words: "3 times the same of 4"))
        let error = Fixture.event(.seconds(6), .harness, "container_exited")
        _ = watch.take(error)
        #expect(watch.nearest(at: .seconds(7)) == nil)
    }
}
