import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ActionRunTests: ActionFixture {
    @Test func `a held trial waits for its owner, is not idle meanwhile, and goes on when it is released`() async throws
    {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(bench, ActionAgents.calls, eject: "[{budget_fraction: 0.1%, do: hold}, {idle: 15s}]")
            let process = try start(bench, "hold")
            let isHeld = try await eventually(within: .seconds(60)) {
                try await held(bench, "hold")?.hasPrefix("budget_fraction: spent") == true
            }
            #expect(isHeld)
            #expect(try await bench.run(["status", "hold"]).stdoutText.contains("held: "))
            // Longer than the idle policy has patience for.
            let since = try #require(try events(bench, "hold").first { $0.type == "trial_held" }).elapsed
            let waited = try await eventually(within: .seconds(60)) {
                let status = try await bench.status("hold")["trials"]?[0]
                return status?["runtime_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero
                    > since + .seconds(17)
            }
            #expect(waited)
            #expect(try events(bench, "hold").count { $0.type == "call_reserved" } == 1)
            let again = try await bench.run(["hold", "hold", "q", "--reason", "me too"])
            #expect(again.exitCode == 1 && again.everything.contains("q is held already"), "\(again.everything)")

            let released = try await bench.run(["release", "hold", "q"])
            #expect(released.exitCode == 0 && released.stdoutText.contains("its calls go on"), "\(released.everything)")
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            let trial = try receipt(bench, "hold")["trials"]?[0]
            #expect(trial?["outcome"]?.string == "completed" && process.terminationStatus == 0)
            #expect(trial?["held_s"]?.numberText.flatMap(Duration.init(decimalSeconds:)) ?? .zero > .seconds(10))
            #expect(trial?["warnings"]?[0]?.string?.hasPrefix("budget_fraction (hold): spent") == true)
            let log = try events(bench, "hold")
            let kinds = ["policy_fired", "trial_held", "trial_released"]
            #expect(log.map(\.type).filter(kinds.contains) == kinds)
            let release = try #require(log.first { $0.type == "trial_released" })
            #expect(release.fields["who"]?.string?.contains("process") == true && release.fields["how"] == "release")
            #expect(log.count { $0.type == "call_settled" } == 6)
            #expect(try await bench.run(["verify", "hold"]).exitCode == 0)
        }
    }

    @Test func `a hold that nobody ends in its time ejects, and without a gateway it is refused`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            let eject = "[{budget_fraction: 0.1%, do: hold, for: 2s}]"
            try write(bench, ActionAgents.calls, eject: eject)
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "late", "--skip-check", "--settle", "1s"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let trial = try receipt(bench, "late")["trials"]?[0]
            #expect(trial?["outcome"]?.string == "ejected")
            #expect(
                trial?["reason"]?.string?
                    .hasPrefix("held_too_long: held for 2.0s and not released: budget_fraction: spent") == true,
                "\(trial?.text ?? "")")
            try write(bench, ActionAgents.calls, eject: eject, access: "direct")
            for command in ["check", "run-multi"] {
                let refused = try await bench.run([command, "e.yaml"])
                #expect(refused.exitCode == 64, "\(refused.everything)")
                #expect(refused.everything.contains("do: hold of budget_fraction needs access: gateway"))
            }
        }
    }

    @Test func `what a policy or its owner has to say the model reads, once, and budget txt keeps`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(
                bench, ActionAgents.calls, eject: "[{budget_fraction: 0.1%, do: steer, message: Try the other door.}]",
                env: "{COUNT: 30}")
            let process = try start(bench, "steer")
            let isTold = await eventually(within: .seconds(60)) {
                (try? events(bench, "steer").contains { $0.fields["steered"]?[0]?.int == 1 }) ?? false
            }
            #expect(isTold)
            #expect(try await bench.run(["hold", "steer", "q", "--reason", "a word first"]).exitCode == 0)
            #expect(try await bench.run(["steer", "steer", "q", "Mind the gap."]).exitCode == 0)
            #expect(try await bench.run(["release", "steer", "q"]).exitCode == 0)
            #expect(await eventually(within: .seconds(90)) { !process.isRunning })
            let log = try events(bench, "steer")
            let answers = log.filter { $0.type == "message_end" }.compactMap { $0.fields["text"]?.string }
            #expect(answers.count == 30)
            for words in ["[Message from the owner of this run] Try the other door.", "Mind the gap."] {
                #expect(answers.count { $0.contains(words) } == 1, "\(answers)")
            }
            let steered = log.filter { $0.type == "steered" }
            #expect(steered.map { $0.fields["message"] } == ["Try the other door.", "Mind the gap."])
            #expect(steered[0].fields["policy"] == "budget_fraction" && steered[1].fields["who"] != nil)
            let settled = log.filter { $0.type == "call_settled" }.compactMap { $0.fields["steered"] }
            #expect(settled == [[1], [2]])
            let text = try String(contentsOfFile: "\(bench.directory)/runs/steer/q/output/budget.txt", encoding: .utf8)
            #expect(text.hasPrefix("Budget: $0.0") && text.contains("\n\nMessages from the owner of this run:\n[1, "))
            #expect(try await bench.run(["verify", "steer"]).exitCode == 0)
        }
    }

    @Test func `hooks are called beside the trial, and what fails there is a warning`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            let told = "\(bench.directory)/told"
            try write(
                bench, ActionAgents.calls,
                eject: """

                      - {budget_fraction: 0.1%, do: notify, hook: [sh, -c, "cat > \(told).json; env > \(told).env"]}
                      - {budget_fraction: 0.2%, do: notify, name: failing, hook: [sh, -c, "echo no such pager >&2; exit 3"]}
                      - {budget_fraction: 0.3%, do: notify, name: dead, hook: {url: "http://127.0.0.1:1/hook"}}
                      - {budget_fraction: 0.4%, do: notify, name: closed, hook: {url: "\(bench.environment["OPENROUTER_BASE_URL"] ?? "")/keys"}}
                    """)
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "hooks", "--skip-check", "--settle", "1s"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(result.everything.contains("notice: q: budget_fraction: spent"))
            #expect(result.everything.contains("warning: q: the hook of failing failed: exit code 3: no such pager"))
            let payload = try JSON.parse(try Files.read("\(told).json"))
            #expect(payload["run"] == "hooks" && payload["trial"] == "q" && payload["policy"] == "budget_fraction")
            #expect(payload["action"] == "notify" && payload["firing"] == 1)
            #expect(payload["spent_usd"]?.usd() ?? .zero > .zero && payload["evidence"]?["budget_usd"] != nil)
            let environment = String(decoding: try Files.read("\(told).env"), as: UTF8.self)
            #expect(environment.contains("PREFLIGHT_TRIAL=q") && !environment.contains("sk-or-"))
            let log = try events(bench, "hooks")
            #expect(log.last?.type == "trial_finished")
            #expect(log.filter { $0.type == "hook_done" }.map { $0.fields["firing"] } == [1])
            let failed = Dictionary(
                uniqueKeysWithValues: log.filter { $0.type == "hook_failed" }.map {
                    ($0.fields["policy"]?.string ?? "", $0.fields)
                })
            #expect(failed["failing"]?["error"] == "exit code 3: no such pager")
            #expect(failed["dead"]?["attempts"] == 3)
            #expect(failed["closed"]?["error"] == "HTTP 401" && failed["closed"]?["attempts"] == 1)
            let warnings = try receipt(bench, "hooks")["trials"]?[0]?["warnings"]?.array?.compactMap(\.string) ?? []
            #expect(warnings.contains("hook of failing failed: exit code 3: no such pager"), "\(warnings)")
            #expect(warnings.count == 7)
        }
    }

    @Test func `an address is told, again where it failed, and that it went well is on record`() async throws {
        let receiver = try HookReceiver(answering: [503, 204])
        defer { receiver.close() }
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            let hook = "{url: \"http://127.0.0.1:\(receiver.port)/hook?a=b\"}"
            try write(
                bench, ActionAgents.calls,
                eject: "[{budget_fraction: 0.1%, do: notify, message: Look at this., hook: \(hook)}]")
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "web", "--skip-check", "--settle", "1s"])
            #expect(result.exitCode == 0, "\(result.everything)")
            let payloads = try receiver.payloads
            #expect(payloads.count == 2 && payloads.first == payloads.last)
            let payload = try #require(payloads.first)
            #expect(payload["run"] == "web" && payload["trial"] == "q" && payload["action"] == "notify")
            #expect(payload["firing"] == 1 && payload["policy"] == "budget_fraction")
            let log = try events(bench, "web")
            let done = log.filter { $0.type == "hook_done" }
            #expect(done.map { $0.fields["attempts"] } == [2] && done.map { $0.fields["firing"] } == [1])
            #expect(!log.contains { $0.type == "hook_failed" } && !result.everything.contains("the hook of"))
            #expect(try await bench.run(["verify", "web"]).exitCode == 0)
        }
    }

    @Test func `a trial that is run again races with its newest attempt, against those that have ended`() async throws {
        func agent(_ failing: String) -> String {
            """
            import json, os, sys, time
            def say(**fields): print(json.dumps(fields), flush=True)
            alias = os.environ["PREFLIGHT_ALIAS"]
            say(type="agent_start")
            if alias == "\(failing)": sys.exit(3)
            for n in range({"a": 4, "b": 1, "c": 9}[alias]): say(type="snapshot", label="s", files=n)
            if alias == "b": time.sleep(60)
            say(type="agent_end")
            """
        }
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(
                bench, agent("b"), eject: "[{race: {keep: 1, at: 2s}}]", access: "direct", aliases: ["a", "b"])
            let first = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "again", "--skip-check", "--settle", "1s"])
            #expect(first.exitCode == 1, "\(first.everything)")
            #expect(
                try receipt(bench, "again")["trials"]?.array?.map { $0["outcome"]?.string }
                    == ["completed", "agent_failed"])
            // It would have made nine now, had nobody stopped it: at its checkpoint it has one.
            try bench.write("agent.py", agent("nobody"))
            let second = try await bench.run(
                ["retry", "again", "b", "--cause", "agent_failed", "--settle", "1s"])
            #expect(second.exitCode == 1, "\(second.everything)")
            let trial = try receipt(bench, "again")["trials"]?[1]
            #expect(trial?["outcome"]?.string == "ejected" && trial?["attempt"]?.int == 2)
            #expect(trial?["reason"]?.string == "race: snapshots is 1, and 1 have more: a", "\(trial?.text ?? "")")
            #expect(trial?["earlier"]?[0]?["outcome"]?.string == "agent_failed")
            let replay = try await bench.run(["replay", "again", "--json"])
            #expect(replay.exitCode == 0, "\(replay.everything)")
            let told = try JSON.parse(replay.stdout)["runs"]?[0]?["trials"]?.array ?? []
            #expect(told.filter { $0["stopped"] == true }.map { $0["trial"]?.string } == ["b@2"])
            #expect(try await bench.run(["verify", "again"]).exitCode == 0)
        }
    }

    @Test func `a race keeps the best two of four, and its logs give the same verdicts again`() async throws {
        try await withCommand(SimulatorOptions.fates.echoing) { bench in
            try write(
                bench, ActionAgents.snapshots, eject: "[{race: {keep: 2, at: 3s}}]", access: "direct",
                aliases: ["a", "b", "c", "d"], env: "{REST: 9}")
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "race", "--skip-check", "--settle", "1s", "--json"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let trials = try JSON.parse(result.stdout)["trials"]?.array ?? []
            #expect(trials.map { $0["outcome"]?.string } == ["completed", "completed", "ejected", "ejected"])
            #expect(trials[2]["reason"]?.string == "race: snapshots is 1, and 2 have more: a, b")
            #expect(trials.map { $0["races"]?["0"]?.int } == [4, 3, 1, 0])
            let out = try events(bench, "race", "d")
            let fired = try #require(out.first { $0.type == "policy_fired" })
            #expect(fired.fields["evidence"]?["measure"]?.int == 0)
            #expect(
                out.firstIndex { $0.type == "policy_fired" } ?? 0 < out.firstIndex { $0.type == "eject_decided" } ?? 0)

            // From the logs alone, in the order of their events.
            let race = try Race(reader: TreeReader(["keep": 2, "at": "3s"]))
            let logs = try ["a", "b", "c", "d"].map { alias in
                RaceReplay.Log(
                    trial: TrialPlan(alias: alias, model: "m", budget: .zero),
                    events: try events(bench, "race", alias))
            }
            let replayed = RaceReplay.verdicts(of: race, logs, recordedAs: 0).map(\.out)
            #expect(Set(replayed.map(\.trial)) == ["c", "d"])
            // Measured anew, at the instants of the checkpoints, the same are stopped.
            #expect(Set(RaceReplay.verdicts(of: race, logs).map(\.out.trial)) == ["c", "d"])
            for verdict in replayed {
                let told = try events(bench, "race", verdict.trial).first { $0.type == "policy_fired" }
                #expect(verdict.evidence["measure"]?.int == (verdict.trial == "c" ? 1 : 0))
                #expect(told?.fields["evidence"] == verdict.evidence)
                #expect(told?.fields["message"]?.string == verdict.reason.message)
            }
            // The command says the same, and that the log agrees; a race that keeps one less stops one more. (One that kept more
            // might be decided only after the log of a stopped trial had ended.)
            let own = try await bench.run(["replay", "race", "--json"])
            #expect(own.exitCode == 0, "\(own.everything)")
            let told = try JSON.parse(own.stdout)["runs"]?[0]?["trials"]?.array ?? []
            let stopped = told.filter { $0["stopped"]?.bool == true }.compactMap { $0["trial"]?.string }
            #expect(stopped == ["c", "d"])
            let other = try await bench.run(["replay", "race", "--eject", "{race: {keep: 1, at: 3s}}", "--json"])
            #expect(try JSON.parse(other.stdout)["runs"]?[0]?["stopped"]?.int == 3, "\(other.everything)")
        }
    }
}
