import Foundation
import Harness
import PreflightCore
import Reports
import Store
import Synchronization
import TestSupport
import Testing

/// A clock that goes when it is told to.
final class HandClock: Sendable {
    private let time = Mutex(Duration.seconds(100))

    func pass(_ duration: Duration) { time.withLock { $0 += duration } }

    var world: World {
        World(
            now: { Timestamp(seconds: 1_800_000_000) + self.time.withLock { $0 } },
            uptime: { self.time.withLock { $0 } }, nonce: { _ in "0" })
    }
}

private func policies(_ json: JSON) throws -> PolicyList { try PolicyList(reader: TreeReader(json)) }

extension TrialRecorder {
    fileprivate func hear(_ stream: OutputKind, _ text: String) {
        Array(text.utf8).withUnsafeBytes { ingest(stream, $0) }
    }
}

@Suite struct RecordedVerdictTests {
    private let rules: JSON = [
        ["idle": "2s", "do": "notify"], ["loop": 3, "do": "notify"], ["error_storm": "3 in 3s", "do": "notify"],
        ["when": "idle > 700ms", "do": "notify"], ["stall": "4s", "do": "notify"], ["errors": 40],
    ]

    private let lines = [
        #"{"type":"tool_execution_start","toolName":"bash","args":{"command":"ls"}}"#, "noise",
        #"{"type":"error","message":"boom"}"#, #"{"type":"message_end","text":"On.","usage":{"cost":0.0001}}"#,
        #"{"type":"snapshot"}"#,
    ]

    @Test(arguments: 0..<12)
    func
        `verdicts that a recorder gave are those of its log, signs of life that are no events and lines that are not kept among them`(
            seed: Int
        ) async throws
    {
        try await withTemporaryDirectory { path in
            var random = SeededRandom(seed: UInt64(seed))
            let clock = HandClock()
            let directory = RunDirectory(path: path, id: "run").trial("a")
            try directory.create()
            let list = try policies(rules)
            let plan = TrialPlan(alias: "a", model: "m", budget: USD(cents: 5))
            var bounds = TrialRecorder.Bounds()
            bounds.raw = 60
            if seed % 2 == 1 { bounds.log = 6000 }
            var recorder = try TrialRecorder(
                plan: plan, directory: directory, policies: list, bounds: bounds, world: clock.world)
            recorder.record("trial_started", ["budget": .usd(USD(cents: 5)), "policies": 6])
            _ = recorder.recordStart(container: "c")
            for step in 0..<400 {
                clock.pass(.microseconds(Int64.random(in: 0...400_000, using: &random)))
                switch Int.random(in: 0..<10, using: &random) {
                case 0...2: recorder.tick()
                case 3...4: recorder.hear(.stderr, "e")
                case 5: clock.pass(.milliseconds(1700))
                default: recorder.hear(.stdout, (lines.randomElement(using: &random) ?? "") + "\n")
                }
                if step == 200 {
                    // Its process dies, and another one goes on after a while.
                    clock.pass(.seconds(20))
                    recorder = try TrialRecorder(
                        plan: plan, directory: directory, policies: list, bounds: bounds, world: clock.world)
                    recorder.record("trial_resumed", ["how": "attach"])
                }
            }
            recorder.finishOutput()
            recorder.record("container_exited", ["exit_code": 0])
            let replay = TrialReplay(directory, list)
            #expect(replay.fault == nil)
            #expect(replay.isAsRecorded == true)
            #expect(replay.fired.count > 5)
            // All that counts is in the log, what was not kept as well.
            let state = recorder.trialState
            #expect(replay.spend == state.spend && state.spend > .zero)
            let folded = try EventLog(directory).found.state
            #expect(folded.events == state.events && folded.errors == state.errors && folded.turns == state.turns)
            #expect(state.linesNotKept > 0)
        }
    }

    @Test func `an agent that only writes to stderr is heard, a second apart in its log`() async throws {
        try await withTemporaryDirectory { path in
            let clock = HandClock()
            let directory = RunDirectory(path: path, id: "run").trial("a")
            try directory.create()
            let recorder = try TrialRecorder(
                plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)), directory: directory,
                policies: try policies([["idle": "1s"]]), world: clock.world)
            recorder.record("trial_started", ["budget": 1])
            _ = recorder.recordStart(container: "c")
            for _ in 0..<100 {
                clock.pass(.milliseconds(200))
                recorder.hear(.stderr, "x")
                recorder.tick()
            }
            let heard = recorder.outputLines
            clock.pass(.milliseconds(1500))
            recorder.tick()
            let events = try Files.read(directory.eventsPath).split(separator: 0x0A).compactMap(Event.init(line:))
            let life = events.filter { $0.type == "activity" }
            #expect(heard == 0 && (20...27).contains(life.count), "\(life.count)")
            #expect(events.last?.type == "policy_fired")
            #expect((events.last?.elapsed ?? .zero) > .seconds(21))
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct RecordedFieldTests {
    @Test func `a field's verdicts are those of its logs, at the same times and in the same words`() async throws {
        try await withBench(forContainers: true) { bench in
            func line(_ text: String) -> String { "echo '\(text)'; sleep 0.3" }
            let start = #"{"type":"agent_start"}"#
            let call = #"{"type":"tool_execution_start","toolName":"bash","args":{"command":"make"}}"#
            let error = #"{"type":"error","message":"boom"}"#
            let own = try policies([
                ["idle": "6s"], ["loop": 5], ["loop": 3, "do": "notify"], ["error_storm": "4 in 20s"],
                ["when": "output_files == 2", "do": "notify"], ["no_progress_by": "25s"],
            ])
            let field = bench.field([
                "silent": "\(line(start)); sleep 60",
                "mutters": "\(line(start)); for i in 1 2 3 4 5 6 7 8; do echo x >&2; sleep 0.5; done; sleep 60",
                "looper": "while true; do \(line(call)); done",
                "clumsy": "for i in 1 2 3 4 5 6; do \(line(error)); done; sleep 60",
                "writer": "\(line(start)); for i in 1 2 3; do echo $i > output/$i; \(line("on")); sleep 1; done",
                "late": "while true; do \(line("noise")); done",
            ]) { plan in
                plan.pace.output = .milliseconds(300)
                plan.experiment.eject = own
            }
            let result = try await bench.run(field)
            let list = own + [PolicyRule(.wall(Experiment().limits.wall))]
            var policiesThatEnded: [String: String] = [:]
            for trial in result.trials {
                let replay = TrialReplay(field.directory.trial(trial.attempt), list)
                #expect(replay.fault == nil)
                #expect(replay.isAsRecorded == true, "\(trial.alias): \(replay.recorded ?? [])")
                #expect(replay.outcome == trial.outcome && replay.spend == trial.cost)
                policiesThatEnded[trial.alias] = replay.stop?.policy.reason.policy
                // Written down and acted on at once: ticks and events are seconds apart here.
                let events = try Files.read(field.directory.trial(trial.attempt).eventsPath).split(separator: 0x0A)
                    .compactMap(Event.init(line:))
                for event in events where event.type == "policy_fired" && event.fields["policy"] != "idle" {
                    let at = try #require(event.fields["at_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)))
                    #expect(event.elapsed - at < .seconds(2), "\(event.fields)")
                }
            }
            #expect(
                policiesThatEnded == [
                    "silent": "idle", "mutters": "idle", "looper": "loop", "clumsy": "error_storm",
                    "late": "no_progress_by",
                ])
            #expect(result.trials.first { $0.alias == "writer" }?.outcome == .completed)
            let mutters = try #require(result.trials.first { $0.alias == "mutters" })
            #expect(mutters.runtime > .seconds(5))
        }
    }
}
