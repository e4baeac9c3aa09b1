import Containers
import Foundation
import Harness
import PreflightCore
import Store
import Synchronization
import TestSupport
import Testing

@testable import Preflight

/// Orders from another terminal, to a run whose lock this test holds as a harness would.
@Suite(.timeLimit(.minutes(1))) struct OwnerLineTests {
    private static func world() -> World {
        let began = ContinuousClock.now
        return World(
            now: { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) },
            uptime: { ContinuousClock.now - began }, nonce: { String(repeating: "0", count: $0) })
    }

    private func withRun(_ body: (CommandBench, OwnerLine, Journal, Holder) async throws -> Void) async throws {
        try await withCommand { bench in
            let runs = RunsDirectory(path: bench.directory + "/runs")
            try Files.createDirectory(runs.run("r").path)
            let journal = try Journal(path: runs.journalPath)
            let lock = runs.run("r").harnessLockPath
            let held = try Holder(lock)
            let trial = TrialSummary(plan: TrialPlan(alias: "a", model: "m", budget: USD(cents: 5)))
            try await journal.begin(runs.run("r"), trials: [trial], at: Self.world().now())
            try await body(
                bench, OwnerLine(journal: journal, run: "r", lockPath: lock, world: Self.world()), journal, held)
        }
    }

    private static let orders: [OwnerOrder] = [.stop(isQuick: false), .extend(.by(USD(cents: 5)))]

    @Test(arguments: orders)
    func `an order is withdrawn where the harness dies before it has begun with it`(order: OwnerOrder) async throws {
        try await withRun { _, line, journal, held in
            let asking = Task { try await line.ask(order, trials: ["a", "b"], who: "me", within: .seconds(30)) }
            let areAsked = try await eventually { try await journal.openRequests(run: "r").count == 2 }
            #expect(areAsked)
            held.letGo()
            let error = await #expect(throws: PreflightError.self) { _ = try await asking.value }
            #expect(error?.code == .refused && error?.message.contains("the order is withdrawn") == true)
            #expect(try await journal.openRequests(run: "r").isEmpty)
        }
    }

    @Test func `an order that was begun with stays, for who takes the run up`() async throws {
        try await withRun { _, line, journal, held in
            let order = OwnerOrder.extend(.by(USD(cents: 5)))
            let asking = Task { try await line.ask(order, trials: ["a"], who: "me", within: .seconds(30)) }
            #expect(try await eventually { try await journal.openRequests(run: "r").count == 1 })
            let id = try #require(try await journal.openRequests(run: "r").first?.id)
            #expect(try await journal.take(id, target: USD(cents: 10), at: Self.world().now()))
            held.letGo()
            let error = await #expect(throws: PreflightError.self) { _ = try await asking.value }
            #expect(error?.message.contains("had begun with the order") == true)
            #expect(try await journal.openRequests(run: "r").map(\.id) == [id])
        }
    }

    @Test(arguments: orders)
    func `Ctrl-C withdraws what is not to come late`(order: OwnerOrder) async throws {
        try await withRun { bench, _, journal, held in
            let arguments =
                order.isEnding ? ["stop", "r"] : ["extend", "r", "a", "--budget", "+0.05"]
            let process = try bench.start(arguments)
            #expect(try await eventually { try await journal.openRequests(run: "r").count == 1 })
            kill(process.processIdentifier, SIGINT)
            #expect(await eventually { !process.isRunning })
            #expect(process.terminationStatus == 130 && process.terminationReason == .exit)
            #expect(try await journal.openRequests(run: "r").isEmpty == !order.isEnding)
            withExtendedLifetime(held) {}
        }
    }

    @Test func `a run that has ended takes no orders, whoever holds its lock, and one that died is told from it`()
        async throws
    {
        try await withRun { bench, _, journal, held in
            var trial = try #require(try await journal.trials(run: "r").first?.summary)
            trial.outcome = .completed
            try await journal.update([trial], run: "r", at: Self.world().now())
            try await journal.finish(run: "r", exitStatus: 0, at: Self.world().now())
            let scored = try await bench.run(["stop", "r", "--wait", "5s"])
            #expect(scored.exitCode == 1 && scored.stderrText.contains("r is over"), "\(scored.everything)")
            #expect(try await journal.openRequests(run: "r").isEmpty)
            // Its process died between its last trial's end and its own.
            try await journal.reopen([], run: "r", at: Self.world().now())
            held.letGo()
            let died = try await bench.run(["stop", "r"])
            #expect(died.exitCode == 3 && died.stderrText.contains("its process died"), "\(died.everything)")
        }
    }
}

/// A lock that can be let go.
private final class Holder: Sendable {
    private let lock: Mutex<HarnessLock?>
    init(_ path: String) throws { lock = Mutex(try HarnessLock(path: path)) }
    func letGo() { lock.withLock { $0 = nil } }
}
