import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Agents that leave something to score, and scorers of all kinds.
enum ScoredField {
    /// Leaves a number by its alias, and calls its model once.
    static let agent = """
        import json, os, urllib.request as u
        alias, out = os.environ["PREFLIGHT_ALIAS"], "/workspace/output"
        body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 20, "messages": [{"role": "user", "content": "go"}]}
        request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                            {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
        print(json.dumps({"type": "message_end", "usage": json.load(u.urlopen(request, timeout=20))["usage"]}), flush=True)
        open(out + "/answer.txt", "w").write({"good": "10", "half": "5"}.get(alias.split("-")[0], "1"))
        if alias == "link": os.symlink(os.environ["HOST_SECRET"], out + "/secret.txt")
        if alias == "fails": raise SystemExit(1)
        """

    /// Does to each trial what its alias says.
    static let scorer = """
        #!/usr/bin/env python3
        import json, os, socket, sys, time
        alias, out = os.environ["PREFLIGHT_ALIAS"], os.environ["PREFLIGHT_OUTPUT"]
        answer = open(out + "/answer.txt").read() if os.path.exists(out + "/answer.txt") else "0"
        def fails(action):
            try: action()
            except OSError: return 1
            return 0
        if alias == "hangs": time.sleep(600)
        if alias == "garbage": sys.exit(print("looks good to me"))
        if alias == "crashes": raise SystemExit("no such answer")
        if alias == "floods":
            while True: print("x" * 1000)
        facts = {
            "no_network": fails(lambda: socket.create_connection((os.environ.get("TARGET") or "198.51.100.1", 80), 3)),
            "no_names": fails(lambda: socket.getaddrinfo("openrouter.ai", 443)),
            "read_only": fails(lambda: open(out + "/mine.txt", "w")),
            "no_secret": fails(lambda: open(out + "/secret.txt").read()),
            "no_keys": int(not any("KEY" in name or "HOST_SECRET" in name for name in os.environ)),
            "prompt": int(open(os.environ["PREFLIGHT_PROMPT_FILE"]).read() == "Answer.") if alias != "check" else 1,
        }
        print("about to score", alias, os.environ["PREFLIGHT_MODEL"], os.environ["PREFLIGHT_OUTCOME"])
        print(json.dumps({"score": int(answer) / 10, **facts}))
        print()
        """

    static func experiment(_ aliases: [String], score: String, more: String = "") -> String {
        """
        image: preflight-base:latest
        access: gateway
        models:
        \(aliases.map { "  - {id: \(model($0)), alias: \($0)}" }.joined(separator: "\n"))
        budget: {per_trial: 0.05}
        args: [python3, -c, \(JSON.string(agent).text)]
        prompt: Answer.
        score: \(score)
        \(more)
        """
    }

    static func model(_ alias: String) -> String {
        switch alias {
        case "good": "google/gemini-2.5-flash"
        case "half": "openai/gpt-4.1-mini"
        default: "meta-llama/llama-3.3-70b-instruct"
        }
    }
}

extension CommandBench {
    func writeProgram(_ name: String, _ text: String) throws {
        try write(name, text)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(directory)/\(name)")
    }
}

@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ScoreCommandTests {
    private func json(_ result: ProcessResult) throws -> JSON { try JSON.parse(result.stdout) }

    @Test func `each trial's output is scored after its agent, alone and without network, and again by another scorer`()
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            let aliases = ["good", "half", "fails", "link", "hangs", "garbage", "crashes", "floods"]
            try bench.writeProgram("score.py", ScoredField.scorer)
            try bench.write("secret.txt", "42")
            try bench.write(
                "e.yaml",
                ScoredField.experiment(
                    aliases, score: "{files: ./score.py, command: [/score/score.py], timeout: 30s}",
                    more: "env: {HOST_SECRET: \"\(bench.directory)/secret.txt\"}"))
            let run = CommandRun(bench, prefix: "scored")
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--settle", "1s", "--json"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let receipt = try json(result)
            func trial(_ alias: String) throws -> JSON {
                try #require(receipt["trials"]?.array?.first { $0["alias"]?.string == alias })
            }
            for (alias, score) in [("good", 1), ("half", 0.5), ("fails", 0.1), ("link", 0.1)] {
                let found = try trial(alias)["score"]
                #expect(found?["value"]?.real == score, "\(alias): \(found?.text ?? "none")")
                for (metric, value) in found?["metrics"]?.reals ?? [:] where metric != "no_secret" || alias == "link" {
                    #expect(value == 1, "\(alias): \(metric)")
                }
                #expect(found?["metrics"]?.reals?.count == 6)
            }
            // How a trial ended is not changed by how it is scored.
            #expect(try trial("fails")["outcome"] == "agent_failed" && trial("hangs")["outcome"] == "completed")
            for (alias, words) in [
                ("hangs", "it did not end within 30"), ("garbage", "its last line is neither a number"),
                ("crashes", "exit code 1: no such answer"), ("floods", "it printed more than 16"),
            ] {
                let error = try trial(alias)["score"]?["error"]?.string ?? ""
                #expect(error.hasPrefix(words), "\(alias): \(error)")
                #expect(result.stderrText.contains("\(alias): not scored: \(words)"), "\(result.stderrText)")
            }
            let events = try run.events("good")
            let scored = try #require(events.firstIndex { $0.type == "scored" })
            let removed = try #require(events.firstIndex { $0.type == "container_removed" })
            #expect(scored > removed && events[scored + 1].type == "trial_finished")
            #expect(events[scored].fields["took_s"]?.real ?? 0 > 0)
            try await run.expectWhole(receipt)

            // In every way of looking at it.
            let report = try json(try await bench.run(["report", run.id, "--json"]))
            let rows = try #require(report["leaderboard"]?.array)
            #expect(rows.compactMap { $0["rank"]?.int } == [1, 2, 3])
            #expect(rows[2]["scored"]?.int == 2 && rows[2]["trials"]?.int == 6 && rows[0]["on_frontier"] != nil)
            #expect(rows[0]["score_per_usd"]?.real ?? 0 > 0)
            let page = try String(contentsOfFile: "\(run.directory.path)/report.html", encoding: .utf8)
            #expect(page.contains("Leaderboard") && page.contains("What quality costs"))
            #expect(try await bench.run(["status", run.id]).stdoutText.contains("score"))
            let csv = try await bench.run(["export", run.id, "--csv", "--table", "trials"]).stdoutText
            #expect(csv.contains("score,score_error,scorer") && csv.contains("it did not end within 30"))

            // Another scorer: what is on record stays.
            try bench.writeProgram(
                "other.py", "#!/bin/sh\n[ $PREFLIGHT_ALIAS = half ] && echo 7.5 || echo '{\"score\": 2, \"x\": 1}'\n")
            let log = try Files.read(run.directory.trial("half").eventsPath)
            let again = try await bench.run(["score", run.id, "--score", "other.py", "--json"])
            #expect(again.exitCode == 0, "\(again.everything)")
            let told = try json(again)
            #expect(told["trials"]?.array?.count == 8 && told["leaderboard"]?[0]?["model"] == "openai/gpt-4.1-mini")
            #expect(try Files.read(run.directory.trial("half").eventsPath) == log)
            #expect(run.directory.trial("half").laterScore?.value == 7.5)
            #expect(run.directory.trial("half").laterScore?.scorer == told["scorer"]?.string)
            let status = try await bench.status(run.id)
            #expect(
                status["trials"]?.array?.allSatisfy { ($0["score"]?["value"]?.real ?? 0) >= 2 } ?? false)
            let newer = try json(try await bench.run(["report", run.id, "--json"]))
            #expect(newer["leaderboard"]?[0]?["mean_score"]?.real == 7.5)
            try await run.expectWhole(receipt)

            // One trial with the run's own again; a scorer that fails is told, and counts.
            let one = try await bench.run(["score", run.id, "good"])
            #expect(one.exitCode == 0 && one.stdoutText.contains("different scorers"), "\(one.everything)")
            #expect(run.directory.trial("good").laterScore?.value == 1)
            let bad = try await bench.run(["score", run.id, "garb"])
            #expect(bad.exitCode == 1 && bad.stderrText.contains("its last line is neither"), "\(bad.everything)")
            #expect(bad.stdoutText.contains("0 of 1 trials"))
            // The page of a run that was moved to where no journal knows it is written anew, too.
            let elsewhere = "\(bench.directory)/elsewhere"
            try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: run.directory.path, toPath: "\(elsewhere)/\(run.id)")
            Files.remove("\(elsewhere)/\(run.id)/report.html")
            let moved = try await bench.run(["score", run.id, "good", "--runs-dir", elsewhere])
            #expect(moved.exitCode == 0 && Files.exists("\(elsewhere)/\(run.id)/report.html"), "\(moved.everything)")
            // No order of a user makes it write into a run that somebody watches.
            let lock = try HarnessLock(path: run.directory.harnessLockPath)
            let refused = try await bench.run(["score", run.id])
            #expect(refused.exitCode == 3 && refused.stderrText.contains("is running"), "\(refused.everything)")
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `a run whose process dies while a trial is scored is taken up, and scored`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try FileManager.default.createDirectory(
                atPath: "\(bench.directory)/scorer", withIntermediateDirectories: true)
            try bench.write("scorer/slow", "")
            try bench.write(
                "scorer/score.sh", "[ -e /score/slow ] && sleep 300\ncat /workspace/output/answer.txt\n")
            try bench.write(
                "e.yaml",
                ScoredField.experiment(
                    ["good"], score: "{files: ./scorer, command: [sh, /score/score.sh], timeout: 10m}"))
            let run = CommandRun(bench, prefix: "rescored")
            let process = try run.start()
            let docker = Docker()
            func scorers() async -> String? {
                try? await docker.command([
                    "ps", "-q", "--filter", "label=preflight.run=\(run.id)", "--filter", "name=good-score",
                ])
            }
            #expect(
                await eventually(within: .seconds(60)) {
                    ((try? run.events("good")) ?? []).contains { $0.type == "subkey_deleted" }
                })
            #expect(await eventually(within: .seconds(30)) { await scorers()?.isEmpty == false })
            run.kill(process)
            let refused = try await bench.run(["score", run.id])
            #expect(refused.exitCode == 3 && refused.stderrText.contains("has not ended"), "\(refused.everything)")
            Files.remove("\(bench.directory)/scorer/slow")
            let resumed = try await run.resume()
            #expect(resumed.exitCode == 0, "\(resumed.everything)")
            let receipt = try json(resumed)
            #expect(receipt["trials"]?[0]?["score"]?["value"]?.real == 10)
            #expect(try run.events("good").filter { $0.type.hasPrefix("score") }.map(\.type) == ["scored"])
            try await run.expectWhole(receipt)
        }
    }

    @Test func `the scorer is tried before money is spent, and what cannot run is said at its place`() async throws {
        try await withCommand { bench in
            func check(_ score: String) async throws -> ProcessResult {
                try bench.write("e.yaml", ScoredField.experiment(["good"], score: score))
                return try await bench.run(["check", "e.yaml", "--only", "score"])
            }
            try bench.writeProgram("score.py", ScoredField.scorer)
            let well = try await check("./score.py")
            #expect(
                well.exitCode == 0 && well.stdoutText.contains("[v] score: an empty output directory gets 0"),
                "\(well.everything)")
            let crash = try await check("{command: [sh, -c, \"cat /workspace/output/answer.txt\"]}")
            #expect(
                crash.exitCode == 0 && crash.stdoutText.contains("[!] score: an empty output directory gets no score"),
                "\(crash.everything)")
            let missing = try await check("{image: \"no-such-image:1\"}")
            #expect(missing.exitCode == 1 && missing.stdoutText.contains("no-such-image:1"), "\(missing.everything)")
            try bench.write("plain.py", "print(1)")
            for (score, words) in [
                ("./plain.py", "chmod +x"), ("./nowhere.py", "there is no"), ("{files: ./score.py}", "e.yaml:"),
                ("{command: [x], timout: 3s}", "did you mean 'timeout'?"),
            ] {
                let wrong = try await check(score)
                #expect(wrong.exitCode == 64 && wrong.stderrText.contains(words), "\(wrong.everything)")
            }
            // Nothing is left of any of it.
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(bench.directory)/runs")
                .filter { $0.hasPrefix(".check-") }
            #expect(left.isEmpty)
            let nothing = try await bench.run(["score", "latest"])
            #expect(nothing.exitCode == 64 && nothing.stderrText.contains("there are no runs yet"))
            let both = try await bench.run(["score", "latest", "--score", "x", "--experiment", "y"])
            #expect(both.exitCode == 64 && both.stderrText.contains("give one of --score and --experiment"))
        }
    }
}
