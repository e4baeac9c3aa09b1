import Foundation
import Harness
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

/// A wall clock that jumps, beside one that does not.
private final class JumpingClock: Sendable {
    private let times = Mutex((wall: Timestamp(seconds: 1_800_000_000), uptime: Duration.seconds(100)))

    func pass(_ time: Duration) {
        times.withLock {
            $0.wall = $0.wall + time
            $0.uptime += time
        }
    }

    func jump(_ time: Duration) { times.withLock { $0.wall = $0.wall + time } }

    var world: World {
        World(
            now: { self.times.withLock { $0.wall } }, uptime: { self.times.withLock { $0.uptime } }, nonce: { _ in "0" }
        )
    }
}

@Suite struct ClockTests {
    @Test(arguments: [Duration.seconds(-7200), .seconds(7200), .seconds(400 * 86_400)])
    func `a wall clock that jumps changes stamps, and neither the time that a trial has run nor what policies say`(
        jump: Duration
    ) async throws {
        try await withTemporaryDirectory { path in
            let clock = JumpingClock()
            let directory = RunDirectory(path: path, id: "run").trial("a")
            try directory.create()
            let recorder = try TrialRecorder(
                plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)), directory: directory,
                policies: PolicyList(ejecting: .wall(.seconds(60)), .idle(.seconds(50))), world: clock.world)
            recorder.record("trial_started", ["budget": .usd(USD(cents: 5))])
            #expect(recorder.recordStart(container: "c"))
            clock.pass(.seconds(20))
            recorder.record("one")
            clock.jump(jump)
            recorder.tick()
            recorder.record("two")
            clock.pass(.seconds(20))
            recorder.record("three")
            recorder.tick()
            let summary = recorder.summary
            #expect(summary.runtime == .seconds(40))
            #expect(recorder.elapsed == .seconds(40))
            let lines = try Files.read(directory.eventsPath).split(separator: 0x0A).compactMap(Event.init(line:))
            #expect(lines.map(\.elapsed) == [.zero, .zero, .seconds(20), .seconds(20), .seconds(40)])
            #expect(lines[3].timestamp - lines[2].timestamp == jump)
            // Only time that has passed brings the limits nearer.
            clock.pass(.seconds(10))
            recorder.tick()
            for await reason in recorder.verdicts {
                #expect(reason.policy == "idle" && reason.message == "silent for 50s")
                break
            }
        }
    }

    @Test func `the gateway's keys do not end early because the machine's clock was set`() {
        let clock = JumpingClock()
        let now = clock.world.steadyNow
        let began = now()
        clock.jump(.seconds(36_000))
        #expect(now() == began)
        clock.pass(.seconds(5))
        #expect(now() - began == .seconds(5))
    }

    @Test func `a lease goes by the clock that does not jump`() async throws {
        try await withTemporaryDirectory { path in
            let clock = JumpingClock()
            let runs = RunsDirectory(path: path)
            let journal = try Journal(path: runs.journalPath)
            try await journal.begin(runs.run("run"), trials: [], at: clock.world.now())
            let lease = RunLease(run: "run", journal: journal, world: clock.world)
            try await lease.take()
            clock.jump(.seconds(86_400))
            #expect(lease.isHeld)
            #expect(try await lease.renew() == .renewed)
            clock.jump(.seconds(-2 * 86_400))
            #expect(lease.isHeld)
            clock.pass(.seconds(31))
            #expect(!lease.isHeld)
        }
    }
}
