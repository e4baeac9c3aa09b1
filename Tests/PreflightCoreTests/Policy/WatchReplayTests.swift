import PreflightCore
import TestSupport
import Testing

@Suite struct WatchReplayTests {
    private let rules: JSON = [
        ["idle": "2s", "do": "notify"], ["loop": 3, "do": "steer"], ["error_storm": "3 in 2s", "do": "notify"],
        ["stall": ["spend": "$0.01", "time": "3s"], "do": "notify"],
        ["when": "cost_per_minute > $0.02/min and repeated_share > 20%", "do": "notify"],
        ["when": "elapsed > 5s and idle < 1s", "do": "notify"], ["not": ["errors": 2], "do": "notify"],
        ["after": ["elapsed": "4s", "then": ["budget_fraction": "10%"]], "do": "notify"],
        ["no_progress_by": ["at": "6s", "needs": "output_files > 3"], "do": "hold"],
        ["all": [["idle": "1s"], ["errors": 3]], "name": "clumsy"], "budget_exceeded", ["wall": "30s"],
    ]

    private func events(_ random: inout SeededRandom) -> [Event] {
        var events = PolicyFixture.beginning
        var elapsed = Duration.milliseconds(100)
        var spent = Int64(0)
        for number in 0..<120 {
            elapsed += .microseconds(Int64.random(in: 0...400_000, using: &random))
            if number % 40 == 39 { elapsed += .seconds(3) }
            spent += Int64.random(in: 0...1_500_000_000, using: &random)
            let choices: [(Event.Source, String, JSON)] = [
                PolicyFixture.call("bash", ["command": .string("ls \(Int.random(in: 0...1, using: &random))")]),
                PolicyFixture.answer("I try again.", cost: "0.0005"), (.agent, "error", ["message": "no"]),
                (.harness, "budget_poll", ["spent": .usd(USD(picodollars: spent))]), (.harness, "activity", [:]),
                (.harness, "output_changed", ["files": .int(number / 20)]), (.agent, "snapshot", [:]),
                (.harness, "lines_not_kept", ["lines": 4, "errors": 2]), (.harness, "owner_request", [:]),
            ]
            guard let (source, type, fields) = choices.randomElement(using: &random) else { continue }
            events.append(PolicyFixture.event(elapsed, source, type, fields))
        }
        events.append(PolicyFixture.event(elapsed + .seconds(5), .harness, "container_exited"))
        return events
    }

    /// Looked at now and then between the events, as a clock does that is late; what fires is written down behind.
    private func live(_ list: PolicyList, _ events: [Event], _ random: inout SeededRandom) -> ([FiredPolicy], [Event]) {
        var watch = PolicyWatch(list)
        var fired: [FiredPolicy] = []
        var log: [Event] = []
        var now = Duration.zero
        func note(_ new: [FiredPolicy]) {
            for one in new {
                fired.append(one)
                let event = Event(
                    timestamp: Timestamp(seconds: 0), elapsed: now, source: .harness, type: FiredPolicy.eventType,
                    fields: one.fields)
                log.append(event)
                _ = watch.take(event)
            }
        }
        for event in events {
            while Bool.random(using: &random) {
                now = min(event.elapsed, now + .microseconds(Int64.random(in: 0...700_000, using: &random)))
                note(watch.advance(to: now))
            }
            now = event.elapsed
            log.append(event)
            note(watch.take(event))
        }
        return (fired, log)
    }

    @Test(arguments: 0..<60)
    func `a log gives the verdicts that were given live, whenever the clock was looked at`(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let list = try PolicyFixture.rules(rules)
        let events = events(&random)
        let (fired, log) = live(list, events, &random)
        #expect(!fired.isEmpty)
        var watch = PolicyWatch(list)
        var again: [FiredPolicy] = []
        for event in log {
            var line: [UInt8] = []
            event.write(into: &line)
            again += watch.take(try #require(Event(line: line.dropLast()[...])))
        }
        #expect(again == fired)
        #expect(watch.firedUntold.isEmpty)
    }

    /// By asking all policies at every tick, and at every event where `atEvents`.
    private func plainly(_ list: PolicyList, _ events: [Event], atEvents: Bool) -> [String] {
        var state = TrialState()
        state.habits = Habits()
        var holds = list.rules.map { _ in false }
        var found: [String] = []
        func judge(_ at: Duration) {
            guard state.phase == .running else { return }
            for (index, rule) in list.rules.enumerated() {
                let reason = rule.policy.verdict(for: state, at: at).reason
                if let reason, !holds[index] { found.append("\(at) \(rule.name) \(reason.message)") }
                holds[index] = reason != nil
            }
        }
        var tick = 1
        for event in events where event.type != "owner_request" {
            while PolicyWatch.grid * tick <= event.elapsed {
                judge(PolicyWatch.grid * tick)
                tick += 1
            }
            state.apply(event)
            if atEvents { judge(event.elapsed) }
        }
        return found
    }

    @Test(arguments: 0..<20, [true, false])
    func `only policies that may answer otherwise are asked, and none is forgotten`(
        seed: Int, isOfEvents: Bool
    ) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let rules: JSON =
            isOfEvents
            ? [
                ["loop": 3], ["stall": "$0.01"], ["errors": 9], ["not": ["errors": 2]], ["budget_fraction": "30%"],
                ["when": "output_files > 2 and repeated_share > 10%"], ["when": "snapshots > 3 or turns > 9"],
                ["when": "events > 50"], ["when": "last_tool == 'bash' and spend_share < 50%"],
            ]
            : [
                ["idle": "1s"], ["wall": "7s"], ["after": ["elapsed": "5s", "then": ["idle": "900ms"]]],
                ["all": [["idle": "500ms"], ["wall": "2s"]]], ["any": [["wall": "9s"], ["idle": "3s"]]],
            ]
        let list = PolicyList(try PolicyFixture.rules(rules).rules.map { PolicyRule($0.policy, .notify) })
        let events = events(&random)
        var watch = PolicyWatch(list)
        var fired: [String] = []
        for event in events {
            fired += watch.take(event).map { "\($0.at) \($0.rule.name) \($0.reason.message)" }
        }
        #expect(!fired.isEmpty)
        #expect(fired == plainly(list, events, atEvents: isOfEvents))
    }

    @Test func `hours of silence cost nothing to judge`() throws {
        var watch = PolicyWatch(
            try PolicyFixture.rules([["idle": "700h"], ["wall": "719h"], ["stall": "718h"], "budget_exceeded"]))
        for event in PolicyFixture.beginning { _ = watch.take(event) }
        let began = ContinuousClock.now
        let fired = watch.advance(to: .seconds(720 * 3600))
        #expect(fired.map(\.at) == [.seconds(700 * 3600) + .milliseconds(250)])
        #expect(ContinuousClock.now - began < .seconds(1))
    }
}
