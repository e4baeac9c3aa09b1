import PreflightCore
import Testing

private func event(
    _ elapsed: Duration, _ source: Event.Source, _ type: String, _ fields: JSON = [:]
) -> Event { PolicyFixture.event(elapsed, source, type, fields) }

private let beginning = PolicyFixture.beginning

private func rules(_ json: JSON) throws -> PolicyList { try PolicyFixture.rules(json) }

private func fired(_ list: PolicyList, _ events: [Event], until: Duration? = nil) -> [FiredPolicy] {
    PolicyFixture.fired(list, events, until: until)
}

@Suite struct PolicyWatchTests {
    @Test func `a verdict about time falls on a tick, whenever anybody looks`() throws {
        let list = try rules([["idle": "2s"]])
        let life = event(.milliseconds(1110), .agent, "raw", ["line": "x"])
        let inTime = fired(list, [life], until: .seconds(20))
        #expect(inTime.map(\.at) == [.milliseconds(3250)])
        #expect(inTime.first?.reason.message == "silent for 2.1s")
        // Looked at in small steps, or only once another event has come.
        var watch = PolicyWatch(list)
        var found: [FiredPolicy] = []
        for event in beginning + [life] { found += watch.take(event) }
        for step in 1...300 { found += watch.advance(to: .milliseconds(1110 + step * 37)) }
        #expect(found == inTime)
        #expect(fired(list, [life, event(.seconds(9), .agent, "raw")]) == inTime)
    }

    @Test func `a sign of life at the very tick comes too late for it`() throws {
        let list = try rules([["idle": "2s"]])
        let first = event(.seconds(1), .agent, "raw")
        #expect(fired(list, [first, event(.seconds(3), .agent, "raw")]).map(\.at) == [.seconds(3)])
        #expect(fired(list, [first, event(.microseconds(2_999_999), .agent, "raw")]).isEmpty)
    }

    @Test func `after hours without an event ticks are further apart, alike for whoever looks when`() throws {
        let list = try rules([["when": "elapsed > 50h"], ["idle": "1s", "do": "notify"]])
        let atOnce = fired(list, [], until: .seconds(3600 * 60))
        #expect(atOnce.map(\.rule.name) == ["idle", "when"])
        let at = try #require(atOnce.last?.at)
        #expect(at >= .seconds(3600 * 50) && at < .seconds(3600 * 50 + 30))
        var watch = PolicyWatch(list)
        var found: [FiredPolicy] = []
        for event in beginning { found += watch.take(event) }
        for step in 1...2000 { found += watch.advance(to: .seconds(step * 111)) }
        #expect(found == atOnce)
        // An event makes them dense again.
        let life = event(.seconds(3600 * 50 - 60), .agent, "raw")
        let dense = try #require(fired(list, [life], until: .seconds(3600 * 60)).last { $0.rule.name == "when" })
        #expect(dense.at > .seconds(3600 * 50) && dense.at <= .seconds(3600 * 50) + .milliseconds(500))
    }

    @Test(.timeLimit(.minutes(1))) func `a log in which time makes a leap of ages is judged all the same`() throws {
        let list = try rules([
            ["idle": "1s", "do": "notify"], ["when": "cost_per_minute > $5/min", "do": "notify"], ["wall": "1000d"],
        ])
        let leap = event(.seconds(9_000_000_000_000), .agent, "raw")
        #expect(fired(list, [leap]).map(\.rule.name) == ["idle", "wall"])
    }

    @Test func `a mild policy fires again once it has not held in between, one that ejects ends all`() throws {
        let list = try rules([["idle": "1s", "do": "notify"], ["wall": "10s"], ["wall": "11s"]])
        let lives = [2500, 6100].map { event(.milliseconds($0), .agent, "raw") }
        let all = fired(list, lives, until: .seconds(60))
        #expect(all.map(\.rule.name) == ["idle", "idle", "idle", "wall"])
        #expect(
            all.map(\.at) == [.milliseconds(1250), .milliseconds(3500), .milliseconds(7250), .milliseconds(10_250)])
        #expect(all.map(\.rule.action) == [.notify, .notify, .notify, .eject])
    }

    @Test func `time that nobody watched ends no trial, and what gathered in it is read before anything is judged`()
        throws
    {
        let list = try rules([["idle": "5s"], ["stall": "10s"], ["error_storm": "3 in 1m"]])
        for gap in ["trial_resumed", "watch_gap"] {
            let resumed = event(.seconds(600), .harness, gap, gap == "trial_resumed" ? ["how": "attach"] : [:])
            let errors = (1...3).map { event(.milliseconds(600_000 + $0 * 10), .agent, "error", ["message": "old"]) }
            let lives = (1...7).map { event(.seconds(600 + $0), .agent, "raw", ["line": "x"]) }
            // A race's mark is an instant of its own, be it in that time.
            let mark = event(.seconds(599), .harness, "race_checkpoint", ["rule": 0, "measure": 1])
            #expect(fired(list, [mark, resumed] + errors + lives).isEmpty, "\(gap)")
            #expect(
                fired(list, [resumed] + lives, until: .seconds(620)).map(\.at) == [.milliseconds(610_000)], "\(gap)")
        }
    }

    @Test func `what came true while nothing was judged is judged after`() throws {
        let list = try rules(["budget_exceeded"])
        let resumed = event(.seconds(600), .harness, "trial_resumed", ["how": "attach"])
        let spent = event(.seconds(601), .harness, "budget_poll", ["spent": .number("0.10")])
        #expect(fired(list, [resumed, spent], until: .seconds(700)).map(\.at) == [.seconds(605)])
        // Of a container that had ended there is nothing to judge.
        let over = event(.seconds(600), .harness, "trial_resumed", ["how": "collect"])
        #expect(fired(try rules([["wall": "1m"]]), [over, spent], until: .seconds(700)).isEmpty)
    }

    @Test func `an eject that was written down is decided, whatever became of who wrote it`() throws {
        let list = try rules([["wall": "1m"]])
        var watch = PolicyWatch(list)
        var fired: [FiredPolicy] = []
        for event in beginning { fired += watch.take(event) }
        fired += watch.advance(to: .seconds(61))
        let one = try #require(fired.first)
        _ = watch.take(event(.seconds(61), .harness, "policy_fired", .object(one.fields)))
        #expect(watch.state.decided == .ejected(one.reason))
        #expect(ResumeRule(state: watch.state, container: .running).answer == .carryOut(.ejected(one.reason)))
    }

    @Test func `nothing is judged before the container runs, and after it is being stopped`() throws {
        let list = try rules([["wall": "1s", "do": "notify"]])
        var watch = PolicyWatch(list)
        #expect(watch.take(beginning[0]).isEmpty && watch.advance(to: .seconds(100)).isEmpty)
        let stopped = [event(.milliseconds(500), .harness, "stop_decided", ["reason": "x"])]
        #expect(fired(list, stopped, until: .seconds(50)).isEmpty)
    }

    @Test func `the time in which nobody watched is nobody's silence, and an order in between changes nothing`() throws
    {
        let list = try rules([["idle": "5s"]])
        let events = [
            event(.seconds(1), .agent, "raw"), event(.seconds(1000), .harness, "owner_request", ["order": "extend"]),
            event(.seconds(1001), .harness, "trial_resumed"),
        ]
        #expect(fired(list, events, until: .seconds(1005)).isEmpty)
        #expect(fired(list, events, until: .seconds(1007)).map(\.at) == [.seconds(1006)])
    }

    @Test func `what fired and was not told before a crash is known from the log`() throws {
        let list = try rules([["errors": 1, "do": "steer", "message": "Think."]])
        let error = event(.seconds(1), .agent, "error", ["message": "no"])
        var watch = PolicyWatch(list)
        for event in beginning + [error] { _ = watch.take(event) }
        let untold = try #require(watch.firedUntold.first)
        #expect(untold.reason.policy == "errors" && untold.rule.message == "Think.")
        #expect(untold.evidence["errors"]?.int == 1)
        _ = watch.take(
            Event(
                timestamp: error.timestamp, elapsed: .seconds(1), source: .harness, type: FiredPolicy.eventType,
                fields: untold.fields))
        #expect(watch.firedUntold.isEmpty)
    }
}

@Suite struct PolicyListTests {
    @Test func `each entry says what it does, and reads back the same`() throws {
        let list = try rules([
            "budget_exceeded", ["idle": "60s", "do": "notify"],
            ["errors": 4, "do": "steer", "message": "Look at the errors.", "name": "errs"],
            ["wall": "1h", "do": "hold", "hook": ["./page-me", "-x"]],
            ["budget_exceeded": .null, "do": "notify", "hook": ["url": "https://example.com/x"]],
        ])
        #expect(list.rules.map(\.action) == [.eject, .notify, .steer, .hold, .notify])
        #expect(list.rules[2].name == "errs" && list.rules[1].name == "idle")
        #expect(list.rules[3].hook == .command(["./page-me", "-x"]))
        #expect(try rules(list.tree) == list)
        #expect(try rules([["budget_exceeded": ""]]) == rules(["budget_exceeded"]))
    }

    @Test func `what a rule has to say stands before the policy's own words, which its event keeps as they are`()
        throws
    {
        for action in PolicyAction.allCases {
            let list = try rules([["errors": 1, "do": .string(action.rawValue), "message": "Look\nat this."]])
            let one = try #require(fired(list, [event(.seconds(1), .agent, "error")]).first)
            let told = event(.seconds(1), .harness, FiredPolicy.eventType, .object(one.fields))
            #expect(told.fields["message"] == "1 errors" && told.fields["told"] == "Look\nat this.")
            // What an agent is told by `steer` is not for its owner.
            let words = action == .steer ? "1 errors" : "Look at this. (1 errors)"
            #expect(FiredPolicy.words(of: told) == words && one.rule.telling(one.reason).message == words)
            var state = TrialState()
            state.apply(told)
            if action == .eject {
                #expect(state.decided == .ejected(one.rule.telling(one.reason)))
            } else {
                #expect(state.warnings == ["errors (\(action.rawValue)): \(words)"])
            }
            let plan = TrialPlan(alias: "a", model: "m", budget: USD(cents: 5))
            let payload = HookPayload.json(run: "r", plan, firing: 1, told, state)
            #expect(payload["message"] == "1 errors" && payload["told"] == "Look\nat this.")
        }
        let plain = try #require(fired(try rules(["errors": 1]), [event(.seconds(1), .agent, "error")]).first)
        #expect(plain.fields["told"] == nil && plain.rule.telling(plain.reason) == plain.reason)
    }

    @Test func `an outermost any is a list, one policy a list of one`() throws {
        #expect(try rules(["any": ["budget_exceeded", ["idle": "3s"]]]) == rules(["budget_exceeded", ["idle": "3s"]]))
        #expect(try rules("idle: 3s") == PolicyList(ejecting: .idle(.seconds(3))))
        #expect(try rules(["all": [["idle": "3s"], ["errors": 1]]]).rules.count == 1)
    }

    @Test(
        arguments: [
            (["idle": "3s", "do": "shout"], "eject.do: 'shout' is none of notify, steer, hold, eject"),
            (["do": "notify"], "a policy is missing"),
            (["idle": "3s", "wall": "3s", "do": "hold"], "expected one policy"),
            (["idle": "3s", "hook": ["url": "ftp://x"]], "expected an address"),
            (["idle": "3s", "hook": []], "program"),
            (["idle": "3s", "name": ""], "expected a name"), ([:], "expected one policy"), ([], "empty"),
            (["budget_exceeded": "80%"], "eject.budget_exceeded: budget_exceeded takes no value"),
            (["errors": 10, "name": "key_refused"], "eject.name: 'key_refused' says how a trial ended"),
            (["idle": "3s", "name": "record_failed"], "'record_failed' says how a trial ended"),
            (["idle": "3s", "name": "budget_exceeded"], "'budget_exceeded' says how a trial ended"),
            (["command": ["name": "budget_exceeded", "run": ["./judge"]]], "'budget_exceeded' says how"),
            (["command": ["run": ["model_gone", "-x"]]], "'model_gone' says how"),
            (["command": "model_gone"], "'model_gone' says how"),
        ] as [(JSON, String)])
    func `a wrong entry says what is wrong`(json: JSON, words: String) {
        let error = #expect(throws: PreflightError.self) { try rules(json) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `another bound for silence replaces the one that ejects alone`() throws {
        let list = try rules([["idle": "9s", "do": "notify"], ["idle": "10s"], "budget_exceeded"])
        #expect(
            try list.replacingIdle(with: .seconds(5))
                == rules([["idle": "9s", "do": "notify"], "budget_exceeded", ["idle": "5s"]]))
        #expect(list.replacingIdle(with: nil).rules.count == 2)
    }

    @Test func `a policy goes by its owner's name for it, but for the budget's`() throws {
        let list = try rules([["errors": 1, "name": "clumsy"], ["budget_exceeded": .null, "name": "money"]])
        let error = event(.seconds(1), .agent, "error")
        #expect(fired(list, [error]).map(\.reason.policy) == ["clumsy"])
        let poll = event(.seconds(1), .harness, "budget_poll", ["spent": 1])
        #expect(fired(list, [poll]).map(\.reason.policy) == ["budget_exceeded"])
    }
}
