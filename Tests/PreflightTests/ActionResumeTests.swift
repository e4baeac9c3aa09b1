import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Actions that outlive the process that began them.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ActionResumeTests: ActionFixture {
    @Test func `a hold outlives its process, and more money ends it`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(bench, ActionAgents.calls, eject: "[{when: calls >= 1, do: hold}]")
            let process = try start(bench, "died")
            #expect(try await eventually(within: .seconds(60)) { try await held(bench, "died") != nil })
            kill(process.processIdentifier, SIGKILL)
            #expect(await eventually(within: .seconds(10)) { !process.isRunning })

            let next = try bench.start(["resume", "died", "--settle", "1s"])
            let isAttached = try await eventually(within: .seconds(60)) {
                try events(bench, "died").contains { $0.type == "gateway_opened" && $0.elapsed > .seconds(1) }
                    && events(bench, "died").contains { $0.type == "trial_resumed" }
            }
            #expect(isAttached)
            #expect(try await eventually(within: .seconds(20)) { try await bench.status("died")["alive"] == true })
            #expect(try await eventually(within: .seconds(20)) { try await held(bench, "died") != nil })
            #expect(try events(bench, "died").count { $0.type == "call_reserved" } == 1)
            let extended = try await bench.run(["extend", "died", "q", "--budget", "+0.05"])
            #expect(extended.exitCode == 0 && extended.stdoutText.contains("its calls go on"), "\(extended.everything)")
            #expect(await eventually(within: .seconds(90)) { !next.isRunning })
            let log = try events(bench, "died")
            #expect(try receipt(bench, "died")["trials"]?[0]?["outcome"]?.string == "completed")
            #expect(log.count { $0.type == "policy_fired" } == 1 && log.count { $0.type == "trial_held" } == 1)
            #expect(log.first { $0.type == "trial_released" }?.fields["how"] == "extend")
            #expect(log.count { $0.type == "message_end" } == 6)
            #expect(try await bench.run(["verify", "died"]).exitCode == 0)
        }
    }

    /// Those that are whole.
    private func lines(of path: String) -> [JSON] {
        ((try? Files.read(path)) ?? []).split(separator: 0x0A).compactMap { try? JSON.parse($0) }
    }

    @Test func `a hook whose end no process has seen is called again, and told by its firing`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            let told = "\(bench.directory)/told"
            let go = "\(bench.directory)/go"
            try write(
                bench, ActionAgents.calls,
                eject: """

                      - {when: calls >= 1, do: hold, hook: [sh, -c, "(cat; echo) >> \(told); [ -e \(go) ] || sleep 8"]}
                    """)
            let process = try start(bench, "hook")
            let isCalled = await eventually(within: .seconds(60)) { lines(of: told).count == 1 }
            #expect(isCalled)
            kill(process.processIdentifier, SIGKILL)
            #expect(await eventually(within: .seconds(10)) { !process.isRunning })
            let before = try events(bench, "hook").map(\.type)
            #expect(!before.contains("hook_done") && !before.contains("hook_failed"))

            try bench.write("go", "")
            let next = try bench.start(["resume", "hook", "--settle", "1s"])
            let isDone = try await eventually(within: .seconds(60)) {
                try events(bench, "hook").contains { $0.type == "hook_done" }
            }
            #expect(isDone)
            #expect(try await eventually(within: .seconds(20)) { try await held(bench, "hook") != nil })
            let released = try await bench.run(["release", "hook", "q"])
            #expect(released.exitCode == 0, "\(released.everything)")
            #expect(await eventually(within: .seconds(90)) { !next.isRunning })
            let twice = lines(of: told)
            #expect(twice.map { $0["firing"] } == [1, 1])
            #expect(twice.map { $0["policy"] } == ["when", "when"])
            #expect(twice.first?["at"] == twice.last?["at"])
            let after = try events(bench, "hook").map(\.type)
            #expect(after.count { $0 == "hook_done" } == 1)
            #expect(after.count { $0 == "policy_fired" } == 1)
            #expect(try receipt(bench, "hook")["trials"]?[0]?["outcome"]?.string == "completed")
            #expect(try await bench.run(["verify", "hook"]).exitCode == 0)
        }
    }

    @Test func `the last of four is stopped when three are done, also where a process died meanwhile`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(
                bench, ActionAgents.snapshots, eject: "[{race: {done: 3}}]", access: "direct",
                aliases: ["a", "b", "c", "d"],
                env: "{REST_c: 12, REST_d: 200}")
            let process = try start(bench, "last")
            let areDone = try await eventually(within: .seconds(60)) {
                let trials = try await bench.status("last")["trials"]?.array ?? []
                return trials.count { $0["outcome"]?.string == "completed" } == 2
                    && trials.count { $0["running"] == true } == 2
            }
            #expect(areDone)
            kill(process.processIdentifier, SIGKILL)
            #expect(await eventually(within: .seconds(10)) { !process.isRunning })
            let result = try await bench.run(["resume", "last", "--settle", "1s"], timeout: .seconds(150))
            #expect(result.exitCode == 1, "\(result.everything)")
            let trials = try receipt(bench, "last")["trials"]?.array ?? []
            #expect(trials.map { $0["outcome"]?.string } == ["completed", "completed", "completed", "ejected"])
            #expect(trials.last?["reason"]?.string == "race: 3 others are done: a, b, c")
        }
    }
}
