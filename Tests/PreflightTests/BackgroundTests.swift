import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct BackgroundTests {
    private static let quickModel = "meta-llama/llama-3.3-70b-instruct"
    private static let silentModel = "deepseek/deepseek-chat-v3.1"

    private func experiment(_ models: String) -> String {
        "image: preflight-agent:latest\nmodels: [\(models)]\nbudget: 0.05\nprompt: Write kurve.py.\n"
    }

    private func isAlive(_ process: Int) -> Bool { kill(pid_t(process), 0) == 0 }

    private func name(_ text: String) -> String { "\(text)-\(UInt32.random(in: 0..<(.max)))" }

    @Test func `a detached run says how to follow it, and is stopped, ejected and extended from outside`() async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                experiment(
                    "{id: \(Self.silentModel), alias: one}, {id: \(Self.silentModel), alias: other}, {id: \(Self.silentModel), alias: third}"
                ))
            let run = name("detached")
            let secret = "hush-\(UInt32.random(in: 0..<(.max)))"
            let started = try await bench.run([
                "run-multi", "e.yaml", "--run-id", run, "--settle", "1s", "--only", "docker_image", "--env",
                "TOKEN=\(secret)", "--detach", "--json",
            ])
            #expect(started.exitCode == 0, "\(started.everything)")
            #expect(started.stderrText.contains("docker_image") || started.stderrText.contains("running"))
            let told = try JSON.parse(started.stdout)
            let process = try #require(told["process"]?.int)
            #expect(isAlive(process) && told["run"]?.string == run)
            // Neither the variable's value nor a key can be seen by others.
            let words = try String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)
            #expect(words.contains("background") && !words.contains(secret), "\(words)")
            #expect(try await bench.status(run)["alive"]?.bool == true)

            let unknown = try await bench.run(["stop", run, "tow"])
            #expect(unknown.exitCode == 64 && unknown.stderrText.contains("nearest: one"), "\(unknown.everything)")
            let extend = try await bench.run(["extend", run, "on", "--budget", "+0.05"])
            #expect(extend.exitCode == 0, "\(extend.everything)")
            #expect(extend.stdoutText == "one: budget $0.05 -> $0.10\n", "\(extend.everything)")
            let poor = try await bench.run(["extend", run, "--budget", "+1"])
            #expect(poor.exitCode == 1 && poor.stderrText.contains("no budget.total to extend"), "\(poor.everything)")
            let eject = try await bench.run(["eject", run, "one", "--reason", "says nothing", "--json"])
            #expect(eject.exitCode == 0, "\(eject.everything)")
            #expect(try JSON.parse(eject.stdout)["trials"]?[0]?["outcome"]?.string == "ejected")
            #expect(try JSON.parse(eject.stdout)["trials"]?[0]?["reason"]?.string == "owner: says nothing")
            let late = try await bench.run(["stop", run, "one"])
            #expect(late.exitCode == 1 && late.stderrText.contains("one is over: ejected"), "\(late.everything)")
            let both = try await bench.run(["stop", run, "one", "other"])
            #expect(both.exitCode == 1 && both.stdoutText.contains("other: cancelled"), "\(both.everything)")

            let stop = try await bench.run(["stop", run])
            #expect(stop.exitCode == 0 && stop.stdoutText.contains("third: cancelled"), "\(stop.everything)")
            #expect(await eventually(within: .seconds(60)) { !isAlive(process) })
            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: run) == "")
            let console = try String(contentsOfFile: "\(bench.directory)/runs/\(run)/console.log", encoding: .utf8)
            #expect(console.contains("says nothing") && console.contains("cancelled"), "\(console)")
            let over = try await bench.run(["extend", run, "third", "--budget", "1"])
            #expect(over.exitCode == 1 && over.stderrText.contains("is over"), "\(over.everything)")
        }
    }

    @Test func `what keeps a detached run from starting is shown, with its exit status`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.quickModel))
            let check = try await bench.run([
                "run-multi", "e.yaml", "--only", "env_vars,docker_image", "--image", "no-such-image", "--detach",
            ])
            #expect(check.exitCode == 3 && check.stderrText.contains("[x] docker_image"), "\(check.everything)")
            let usage = try await bench.run(["run-multi", "e.yaml", "--wall", "soon", "--detach"])
            #expect(usage.exitCode == 64 && usage.stderrText.contains("--wall 'soon'"), "\(usage.everything)")
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: nil, status: 403))
            let run = name("keyless")
            let key = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--detach"])
            #expect(key.exitCode == 1 && key.stderrText.contains("no sub-key"), "\(key.everything)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(bench.directory)/runs").allSatisfy {
                    !$0.hasPrefix(".console")
                })
        }
    }

    @Test func `a closed terminal ends a run gracefully, unless it was told to ignore that`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.silentModel))
            let run = name("hangup")
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--settle", "1s"])
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running"
                })
            kill(process.processIdentifier, SIGHUP)
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            #expect(process.terminationStatus == 143 && process.terminationReason == .exit)
            #expect(try await bench.left(of: run) == "" && bench.subKeys.isEmpty)

            let kept = name("nohup")
            let line = "trap '' HUP; exec \"$0\" \"$@\""
            let ignoring = try bench.start(
                [
                    "-c", line, CommandBench.executable, "run-multi", "e.yaml", "--skip-check", "--run-id", kept,
                    "--settle", "1s",
                ], executable: "/bin/sh")
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await bench.status(kept)["trials"]?[0]?["phase"]?.string == "running"
                })
            kill(ignoring.processIdentifier, SIGHUP)
            let stop = try await bench.run(["stop", kept])
            #expect(stop.exitCode == 0, "\(stop.everything)")
            #expect(await eventually(within: .seconds(60)) { !ignoring.isRunning })
            // Stopped by its owner, not by the signal.
            #expect(ignoring.terminationStatus == 1)
        }
    }

    @Test func `a closed pipe neither ends nor disturbs a run`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.quickModel))
            let run = name("pipe")
            let piped = try await ProcessRunner().run(
                "/bin/sh",
                [
                    "-c",
                    "(\"$0\" run-multi e.yaml --skip-check --run-id \(run) --settle 2s; echo $? > status) 2>&1 | head -n 1",
                    CommandBench.executable,
                ], environment: bench.environment, directory: bench.directory, timeout: .seconds(100))
            // Another test's dead run may be told of first.
            #expect(piped.stdoutText.split(separator: "\n").count == 1, "\(piped.everything)")
            #expect(
                await eventually(within: .seconds(60)) {
                    (try? String(contentsOfFile: "\(bench.directory)/status", encoding: .utf8)) == "0\n"
                })
            #expect(try await bench.status(run)["trials"]?[0]?["outcome"]?.string == "completed")
            let looked = try await ProcessRunner().run(
                "/bin/sh", ["-c", "\"$0\" status | true; echo ${PIPESTATUS:-ended}", CommandBench.executable],
                environment: bench.environment, directory: bench.directory)
            #expect(looked.stdoutText == "ended\n" && looked.stderrText.isEmpty, "\(looked.everything)")
        }
    }

    @Test func `a harness that is killed is followed by its guard, and what stays is offered to a sweep`() async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.silentModel))
            let run = name("orphan")
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--wall", "6s"])
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running"
                })
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(try await bench.left(of: run) != "")
            let status = try await bench.run(["status", run])
            #expect(
                status.stderrText.contains("\(run) died and left 3 things: `preflight sweep`"), "\(status.everything)")
            let dead = try await bench.run(["stop", run])
            #expect(dead.exitCode == 3 && dead.stderrText.contains("preflight sweep"), "\(dead.everything)")

            #expect(try await eventually(within: .seconds(40)) { try await bench.left(of: run) == "" })
            let log = "\(bench.directory)/runs/\(run)/guard.log"
            #expect(
                try await eventually(within: .seconds(60)) {
                    try String(contentsOfFile: log, encoding: .utf8).contains("nothing of \(run) runs any more")
                })
            // The key is left to its expiry, or to a sweep.
            #expect(bench.subKeys.count == 1)
            let after = try await bench.run(["status", run])
            #expect(after.stderrText.contains("left 1 thing:"), "\(after.everything)")
            let sweep = try await bench.run(["sweep"])
            #expect(sweep.exitCode == 0 && sweep.stdoutText.contains("removed subkey preflight:\(run):"))
            #expect(try await bench.run(["status", run]).stderrText == "")
        }
    }

    @Test func `the guard goes by what the newest harness was told`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 1000]))
            let run = CommandRun(bench, prefix: "guarded")
            let first = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 5 })
            run.kill(first)
            let journal = try Journal(path: bench.directory + "/runs/preflight.sqlite")
            // Of a terminal that was killed while it waited.
            let asked = try await journal.ask(
                .extend(.by(USD(cents: 5))), run: run.id, trial: "a", who: "me", at: SimulatorServer.systemTime())
            let second = try bench.start(["resume", run.id, "--orphan-grace", "1s", "--settle", "1s"])
            #expect(
                try await eventually(within: .seconds(60)) {
                    try run.events("a").contains { $0.type == "trial_resumed" }
                })
            let seen = run.count("a")
            #expect(await eventually(within: .seconds(60)) { run.count("a") > seen + 5 })
            #expect(try await journal.request(asked)?.answer?.text == "withdrawn")
            run.kill(second)
            #expect(try await eventually(within: .seconds(25)) { try await run.container("a") == "" })
            #expect(try await bench.run(["sweep", run.id]).exitCode == 0)
            #expect(try await bench.left(of: run.id) == "" && bench.subKeys.isEmpty)
        }
    }

    @Test func `a signal ends a run whose standard error takes nothing any more`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.silentModel))
            let run = name("stuck")
            var ends: [CInt] = [0, 0]
            let isMade = pipe(&ends) == 0
            try #require(isMade)
            let (reader, writer) = (ends[0], ends[1])
            defer { for end in [reader, writer] { close(end) } }
            let process = try bench.start(
                ["run-multi", "e.yaml", "--skip-check", "--plain", "--run-id", run, "--settle", "1s"],
                standardError: FileHandle(fileDescriptor: writer, closeOnDealloc: false))
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running"
                })
            // As much as goes in at once, so that not a word more does.
            var room = pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)
            let page = [UInt8](repeating: 0x0A, count: 4096)
            while poll(&room, 1, 0) > 0, room.revents & Int16(POLLOUT) != 0 { _ = write(writer, page, page.count) }
            kill(process.processIdentifier, SIGTERM)
            #expect(
                try await eventually(within: .seconds(30)) {
                    try await bench.status(run)["trials"]?[0]?["outcome"]?.string == "cancelled"
                })
            #expect(await eventually(within: .seconds(30)) { !process.isRunning })
            #expect(process.terminationStatus == 143 && process.terminationReason == .exit)
            #expect(try await bench.left(of: run) == "" && bench.subKeys.isEmpty)
        }
    }

    @Test func `an extension that a suspended harness does not answer is withdrawn`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(Self.silentModel))
            let run = name("silent")
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--settle", "1s"])
            #expect(
                try await eventually(within: .seconds(60)) {
                    try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running"
                })
            kill(process.processIdentifier, SIGSTOP)
            let unanswered = try await bench.run(["extend", run, "deepseek", "--budget", "+1", "--wait", "1s"])
            #expect(
                unanswered.exitCode == 1 && unanswered.stderrText.contains("the order is withdrawn"),
                "\(unanswered.everything)")
            kill(process.processIdentifier, SIGCONT)
            let stop = try await bench.run(["stop", run, "--now"])
            #expect(stop.exitCode == 0, "\(stop.everything)")
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            let events = try String(
                contentsOfFile: "\(bench.directory)/runs/\(run)/deepseek-chat-v3.1/events.jsonl", encoding: .utf8)
            #expect(!events.contains("budget_extended") && events.contains("\"quick\":true"))
            #expect(bench.subKeys.isEmpty)
        }
    }
}
