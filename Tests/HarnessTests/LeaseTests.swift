import Harness
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

/// A world whose time moves when the test says so.
private final class Hours: Sendable {
    private let time = Mutex(Duration.seconds(1000))

    func pass(_ duration: Duration) { time.withLock { $0 += duration } }

    var world: World {
        World(
            now: { Timestamp(seconds: 1_800_000_000) + self.time.withLock { $0 } },
            uptime: { self.time.withLock { $0 } },
            nonce: { String(repeating: "a", count: $0 - 1) + String(UInt8.random(in: 0...9)) })
    }
}

@Suite struct LeaseTests {
    private func withLease(_ body: (RunLease, Journal, Hours) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let runs = RunsDirectory(path: directory)
            let journal = try Journal(path: runs.journalPath)
            let hours = Hours()
            try await journal.begin(runs.run("r"), trials: [], at: hours.world.now())
            try await body(RunLease(run: "r", journal: journal, world: hours.world), journal, hours)
        }
    }

    @Test func `a lease holds from when it is taken for half a minute, and longer where it is renewed`() async throws {
        try await withLease { lease, journal, hours in
            #expect(!lease.isHeld)
            try await lease.take()
            #expect(lease.isHeld)
            hours.pass(.seconds(29))
            #expect(lease.isHeld)
            #expect(try await lease.renew() == .renewed)
            hours.pass(.seconds(29))
            #expect(lease.isHeld)
            #expect(try await journal.run("r")?.silence(at: hours.world.now()) == nil)
        }
    }

    @Test func `a harness that stood still spends nothing until it has renewed its lease`() async throws {
        try await withLease { lease, journal, hours in
            try await lease.take()
            hours.pass(.seconds(40))
            #expect(!lease.isHeld)
            #expect(try await journal.run("r")?.silence(at: hours.world.now()) == .seconds(40))
            #expect(try await lease.renew() == .late(.seconds(10)))
            #expect(lease.isHeld)
            #expect(try await journal.run("r")?.silence(at: hours.world.now()) == nil)
        }
    }

    @Test func `a run that somebody else has taken is not renewed`() async throws {
        try await withLease { lease, journal, hours in
            try await lease.take()
            try await journal.takeLease(run: "r", holder: "sweep", until: hours.world.now())
            #expect(try await lease.renew() == .lost)
            #expect(!lease.isHeld)
            #expect(try await lease.renew() == .lost)
        }
    }
}

@Suite struct LeftoversTests {
    @Test func `a sweep is offered for what dead runs left, from the journal alone`() async throws {
        try await withTemporaryDirectory { directory in
            let runs = RunsDirectory(path: directory)
            let journal = try Journal(path: runs.journalPath)
            let now = Timestamp(seconds: 1)
            var locks: [HarnessLock] = []
            for run in ["living", "dead"] {
                try Files.createDirectory(runs.run(run).path)
                locks.append(try HarnessLock(path: runs.run(run).harnessLockPath))
                _ = try await journal.intend(.subkey, name: "k", run: run, trial: "a", at: now)
                _ = try await journal.intend(.container, name: "c", run: run, trial: "a", at: now)
            }
            #expect(try await Leftovers(journal: journal, in: runs).offer == nil)
            locks.removeLast()
            #expect(
                try await eventually {
                    try await Leftovers(journal: journal, in: runs).offer
                        == "dead died and left 2 things: `preflight sweep` removes what is left"
                })
            withExtendedLifetime(locks) {}
        }
    }
}
