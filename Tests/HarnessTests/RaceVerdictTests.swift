import PreflightCore
import Reports
import Store
import Synchronization
import TestSupport
import Testing

@testable import Harness

/// Hears of a field's trials, and keeps what its races say of them.
private final class RaceEar: Sendable {
    private let books: Mutex<[(rule: Int, book: RaceBook)]>
    private let outs = Mutex<[(rule: Int, out: RaceBook.Out)]>([])

    init(_ rules: [PolicyRule], _ trials: [TrialPlan]) {
        books = Mutex(Race.all(of: rules).map { ($0.rule, RaceBook($0.race, trials: trials)) })
    }

    func hear(_ event: Event, of alias: String) {
        books.withLock { books in
            for index in books.indices {
                let (rule, measure) = (books[index].rule, books[index].book.race.measure)
                guard let news = RaceBook.News(event, rule: rule, measure: measure) else { continue }
                for out in books[index].book.take(news, of: alias) { outs.withLock { $0.append((rule, out)) } }
            }
        }
    }

    func takeOuts() -> [(rule: Int, out: RaceBook.Out)] {
        outs.withLock { outs in
            defer { outs = [] }
            return outs
        }
    }
}

/// Races over recorders of one field, without containers. Verdicts are carried out when the test says so.
private final class RaceBench {
    let clock = HandClock()
    let raceClock = RaceClock()
    let list: PolicyList
    let run: RunDirectory
    let controls: [TrialControl]
    var recorders: [String: TrialRecorder] = [:]
    private let ear: RaceEar

    init(_ path: String, _ aliases: [String], _ rules: JSON) throws {
        run = RunDirectory(path: path, id: "run")
        list = try PolicyList(reader: TreeReader(rules))
        let plans = aliases.map { TrialPlan(alias: $0, model: "m", budget: USD(cents: 5)) }
        ear = RaceEar(list.rules, plans)
        controls = plans.map { TrialControl(plan: $0, stop: StopSignal()) }
    }

    /// Its log begins; its container runs only once that is recorded.
    @discardableResult
    func begin(_ alias: String) throws -> TrialRecorder {
        let control = try #require(controls.first { $0.plan.alias == alias })
        let directory = run.trial(control.plan.attempt)
        try directory.create()
        let recorder = try TrialRecorder(
            plan: control.plan, directory: directory, policies: list, bounds: .init(), lastStderr: [],
            world: clock.world, raceClock: raceClock, observe: { [ear] event, _ in ear.hear(event, of: alias) })
        recorders[alias] = recorder
        control.begin(recorder)
        recorder.record("trial_started", ["budget": .usd(USD(cents: 5)), "policies": .int(list.rules.count)])
        control.tellEarlyRequests()
        return recorder
    }

    func complete(_ alias: String) {
        recorders[alias]?.record("container_exited", ["exit_code": 0])
        recorders[alias]?.record("trial_ended", ["outcome": "completed", "reason": "exit code 0"])
    }

    func carryOut() {
        for (rule, out) in ear.takeOuts() {
            controls.first { $0.plan.alias == out.trial }?
                .fire(list.rules[rule], index: rule, out.reason, out.evidence)
        }
    }

    func events(_ alias: String, _ type: String) throws -> [Event] {
        let trial = run.trial(TrialAttempt(alias: alias))
        return try Files.read(trial.eventsPath).split(separator: 0x0A).compactMap(Event.init(line:))
            .filter { $0.type == type }
    }

    func replay() -> RunReplay {
        let view = RunView(
            id: run.id, directory: run.path, createdAt: nil, isAlive: false,
            trials: controls.map { TrialSummary(plan: $0.plan) })
        return RunReplay(view, list, isOwn: true)
    }
}

@Suite struct RaceVerdictTests {
    @Test func `what is milder than a stop waits for a trial's container, in its log as in its replay`() async throws {
        try await withTemporaryDirectory { path in
            let bench = try RaceBench(path, ["a", "b", "c", "d"], [["race": ["done": 2], "do": "hold"]])
            for alias in ["a", "b"] { #expect(try bench.begin(alias).recordStart(container: alias)) }
            let c = try bench.begin("c")
            bench.clock.pass(.seconds(1))
            bench.complete("a")
            bench.complete("b")
            // To c it comes while it has no container, to d while it has no log.
            bench.carryOut()
            bench.clock.pass(.seconds(1))
            let d = try bench.begin("d")
            for alias in ["c", "d"] { #expect(try bench.events(alias, "policy_fired").isEmpty) }
            #expect(c.recordStart(container: "c") && d.recordStart(container: "d"))
            for alias in ["c", "d"] {
                #expect(try bench.events(alias, "policy_fired").map { $0.fields["action"] } == ["hold"])
                #expect(try bench.events(alias, "trial_held").count == 1)
            }
            let replay = bench.replay()
            #expect(replay.trials.map(\.isAsRecorded) == [true, true, true, true])
            #expect(replay.trials.map { $0.fired.count } == [0, 0, 1, 1])
        }
    }

    @Test func `whom a race ends before its container gets neither a key nor a container, unless its owner was first`()
        async throws
    {
        try await withTemporaryDirectory { path in
            let bench = try RaceBench(
                path, ["a", "b", "c", "d"], [["race": ["done": 1], "message": "Somebody is done."]])
            #expect(try bench.begin("a").recordStart(container: "a"))
            // The key of b is being made, c has no log yet, and the owner of d wants it to end.
            for alias in ["b", "d"] { try bench.begin(alias) }
            let controls = Dictionary(uniqueKeysWithValues: bench.controls.map { ($0.plan.alias, $0) })
            controls["d"]?.stop.raise(to: .graceful)
            bench.clock.pass(.seconds(1))
            bench.complete("a")
            bench.carryOut()
            let reason = "race: Somebody is done. (1 others are done: a)"
            for alias in ["b", "c"] {
                #expect(controls[alias]?.earlyEnd?.outcome == .ejected)
                #expect(controls[alias]?.earlyEnd?.reason == reason)
            }
            #expect(controls["d"]?.earlyEnd?.outcome == .cancelled)
        }
    }

    @Test func `a hold tells what its rule says beside the verdict`() async throws {
        try await withTemporaryDirectory { path in
            let bench = try RaceBench(
                path, ["a", "b"], [["race": ["done": 1], "do": "hold", "message": "Compare them first."]])
            for alias in ["a", "b"] { #expect(try bench.begin(alias).recordStart(container: alias)) }
            bench.clock.pass(.seconds(1))
            bench.complete("a")
            bench.carryOut()
            let held = try bench.events("b", "trial_held")
            #expect(held.map { $0.fields["reason"] } == ["race: Compare them first. (1 others are done: a)"])
            #expect(try bench.events("b", "policy_fired").first?.fields["message"] == "1 others are done: a")
            #expect(bench.replay().trials.map(\.isAsRecorded) == [true, true])
        }
    }

    @Test func `of whom one race stops no other race says anything`() async throws {
        try await withTemporaryDirectory { path in
            let bench = try RaceBench(
                path, ["a", "b"], [["race": ["done": 1]], ["race": ["done": 1], "do": "notify"]])
            for alias in ["a", "b"] { #expect(try bench.begin(alias).recordStart(container: alias)) }
            bench.clock.pass(.seconds(1))
            bench.complete("a")
            bench.carryOut()
            #expect(try bench.events("b", "policy_fired").map { $0.fields["rule"]?.int } == [0])
            let replay = bench.replay()
            #expect(replay.trials.map(\.isAsRecorded) == [true, true])
            #expect(replay.trials[1].stop?.policy.index == 0 && replay.trials[1].fired.count == 1)
        }
    }

    @Test func `marks of one instant are heard in one order, live and in the logs`() async throws {
        try await withTemporaryDirectory { path in
            let aliases = (0..<6).map { "t\($0)" }
            let bench = try RaceBench(path, aliases, [["race": ["keep": 1, "at": "2s"], "do": "notify"]])
            for alias in aliases { #expect(try bench.begin(alias).recordStart(container: alias)) }
            for (count, alias) in aliases.enumerated() {
                let lines = Array(String(repeating: "{\"type\":\"snapshot\"}\n", count: count).utf8)
                lines.withUnsafeBytes { bench.recorders[alias]?.ingest(.stdout, $0) }
            }
            bench.clock.pass(.seconds(3))
            // All at one instant of the clock, and not in the order of the field.
            for alias in ["t3", "t0", "t5", "t1", "t4", "t2"] { bench.recorders[alias]?.tick() }
            bench.carryOut()
            let stamps = try aliases.flatMap { try bench.events($0, "race_checkpoint").map(\.timestamp) }
            #expect(stamps.count == 6 && Set(stamps).count == 6)
            let replay = bench.replay()
            #expect(replay.trials.allSatisfy { $0.isAsRecorded == true })
            // Each is held against those that were there before it.
            let words = try aliases.map { try bench.events($0, "policy_fired").first?.fields["message"]?.string }
            #expect(words[0] == "snapshots is 0, and 1 have more: t3" && words[5] == nil)
            #expect(words == replay.trials.map { $0.fired.first?.policy.reason.message })
        }
    }
}
