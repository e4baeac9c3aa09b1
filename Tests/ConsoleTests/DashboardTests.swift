import Console
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct DashboardTests {
    typealias Bench = DashboardBench

    @Test func `the page is served to anybody here, and what it shows only with the token`() async throws {
        try await withDashboard { bench in
            for path in ["/", "/page.js", "/page.css", "/style.css", "/icon.svg"] {
                let answer = try await bench.send(path, token: nil)
                #expect(answer.status == 200 && !answer.text.isEmpty, "\(path)")
                let policy = try #require(answer.headers["content-security-policy"])
                #expect(policy.hasPrefix("default-src 'none'") && !policy.contains("unsafe"))
            }
            for path in ["/api/runs", "/api/run?run=run-1", "/api/stream?run=run-1", "/api/nothing"] {
                #expect(try await bench.send(path, token: nil).status == 401)
                #expect(try await bench.send(path, token: Bench.token + "x").status == 401)
            }
            #expect(try await bench.send("/api/nothing").status == 404)
        }
    }

    @Test func `neither another site nor a name bent to this machine is served, and nothing can be changed`()
        async throws
    {
        try await withDashboard { bench in
            for headers in [
                ["Host": "evil.example"], ["Origin": "http://evil.example"], ["Sec-Fetch-Site": "cross-site"],
            ] {
                for path in ["/page.js", "/api/runs"] {
                    let answer = try await bench.send(path, headers: headers)
                    #expect(answer.status == 403 && answer.headers["access-control-allow-origin"] == nil)
                }
            }
            // A link to the page may stand anywhere.
            #expect(try await bench.send("/", headers: ["Sec-Fetch-Site": "cross-site"]).status == 200)
            #expect(try await bench.send("/", headers: ["Host": "evil.example"]).status == 403)
            #expect(try await bench.send("/api/runs", method: "POST").status == 405)
            #expect(try await bench.send("/api/run?run=run-1", method: "DELETE").status == 405)
        }
    }

    @Test func `a run is told by its trials, its money and its verdicts`() async throws {
        try await withDashboard { bench in
            let lock = try HarnessLock(path: bench.run.harnessLockPath)
            try await bench.write(Bench.beginning("a") + [Bench.call(spent: USD(cents: 4), at: 9)], "a")
            try await bench.write(
                [Bench.event(.harness, "eject_decided", ["reason": "idle: silent", "policy": "idle"], at: 20)], "a")
            let ledger = try Ledger(path: bench.runs.journalPath, now: { Bench.start })
            let scope = try await ledger.define("run-1", try BudgetChange(json: ["limit": 1])).id
            _ = try await ledger.reserve(
                BudgetAsk(base: USD(cents: 25), perOutputToken: .zero, wantedOutput: 1), scope: scope, model: "m/one")
            #expect(
                await eventually {
                    (try? await bench.get("/api/run?run=run-1"))?["verdicts"]?.array?.isEmpty == false
                })
            let run = try await bench.get("/api/run?run=latest")
            #expect(run["order"] == ["a", "b"])
            #expect(run["head"]?["state"] == "running" && run["head"]?["cost"] == "$0.04")
            #expect(run["trial/a"]?["spent_permille"]?.int == 400 && run["trial/a"]?["state"] == "stopping")
            #expect(run["trial/b"]?["kind"] == "pending")
            #expect(run["verdicts"]?[0]?["evidence"]?["spent"] == "$0.04 of $0.10")
            #expect(run["ledger"]?[0]?["reserved"] == "$0.25" && run["ledger"]?[0]?["headroom"] == "$0.75")
            let runs = try await bench.get("/api/runs")
            #expect(runs["runs"]?[0]?["run"] == "run-1" && runs["all"]?.int == 1)
            for path in ["/api/spend?run=run-1&width=700", "/api/timeline?run=run-1&trial=a"] {
                let picture = try await bench.send(path)
                #expect(picture.status == 200 && picture.text.hasPrefix("<svg") && picture.text.contains("$0.04"))
            }
            await ledger.close()
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `what a scorer said stands in the trial's row, and a newer score replaces it`() async throws {
        try await withDashboard { bench in
            let score = TrialScore(value: 0.5, metrics: ["lines": 12], scorer: "s", at: Bench.start)
            try await bench.write(Bench.beginning("a"), "a")
            try await bench.write(
                [Bench.event(.harness, score.eventType, JSON.record(score.fields(took: nil)), at: 30)], "a")
            try await bench.write(Bench.beginning("b") + Bench.end, "b")
            let row = try await bench.get("/api/run?run=run-1")
            #expect(row["trial/a"]?["score"] == "0.5" && row["trial/a"]?["metrics"] == ["lines": 12])
            #expect(row["trial/b"]?["score"] == nil)

            let failed = TrialScore(value: nil, error: "exit code 1\nof it", scorer: "t", at: Bench.start)
            try await bench.journal.finish(run: "run-1", exitStatus: 0, at: Bench.start)
            try bench.run.trial(TrialAttempt(alias: "a")).keep(later: failed)
            #expect(
                await eventually {
                    (try? await bench.get("/api/run?run=run-1"))?["trial/a"]?["score"] == "failed"
                })
            let again = try await bench.get("/api/run?run=run-1")
            #expect(again["trial/a"]?["score_error"] == "exit code 1 of it" && again["trial/a"]?["metrics"] == nil)
        }
    }

    @Test func `a follower gets everything once, then what changes, and the end`() async throws {
        try await withDashboard { bench in
            var lock: HarnessLock? = try HarnessLock(path: bench.run.harnessLockPath)
            withExtendedLifetime(lock) {}
            try await bench.write(Bench.beginning("a"), "a")
            try await bench.following { stream in
                #expect(await eventually { stream.text.contains("\"trial/b\"") })
                let before = stream.text
                try await bench.write([Bench.call(spent: USD(cents: 3), at: 9)], "a")
                #expect(await eventually { stream.text.contains("\"cost\":\"$0.03\"") })
                let news = stream.text.dropFirst(before.count)
                #expect(!news.contains("\"trial/b\""), "what has not changed is not told again")
                #expect(!stream.text.contains("event: end"))
                let last = try #require(stream.text.split(separator: "\n").last { $0.hasPrefix("id: ") }?.dropFirst(4))
                try await bench.following(lastEventID: String(last)) { second in
                    #expect(await eventually { second.text.contains(": following") })
                    try await bench.write([Bench.call(spent: USD(cents: 5), at: 10)], "a")
                    #expect(await eventually { second.text.contains("\"cost\":\"$0.05\"") })
                    #expect(!second.text.contains("\"trial/b\""))
                }
                try await bench.write(Bench.end, "a")
                lock = nil
                #expect(await eventually { stream.text.contains("event: end") })
                #expect(stream.text.contains("\"outcome\":\"completed\""))
            }
        }
    }

    @Test func `an id of another process gets everything`() async throws {
        try await withDashboard { bench in
            try await bench.following(lastEventID: "12345.7") { stream in
                #expect(await eventually { stream.text.contains("\"trial/b\"") })
                #expect(await eventually { stream.text.contains("event: end") }, "nobody runs it")
            }
        }
    }

    @Test func `a quiet connection gets signs of life, and no more follow than the bound`() async throws {
        var bounds = DashboardOptions.Bounds()
        bounds.followers = 1
        bounds.pace = .milliseconds(20)
        bounds.heartbeat = .milliseconds(50)
        try await withDashboard(bounds: bounds) { bench in
            let lock = try HarnessLock(path: bench.run.harnessLockPath)
            try await bench.following { stream in
                #expect(await eventually { stream.text.contains(": still here") })
                let second = try await bench.send("/api/stream?run=run-1")
                #expect(second.status == 503)
            }
            // Whoever is gone leaves the place to others.
            #expect(
                try await eventually {
                    var isServed = false
                    try await bench.following { stream in
                        isServed = await eventually(within: .milliseconds(300)) { stream.text.contains(": following") }
                    }
                    return isServed
                })
            withExtendedLifetime(lock) {}
        }
    }

    @Test func `lines are paged from the disk and filtered there`() async throws {
        try await withDashboard { bench in
            let calls = (3..<1003).map { Bench.call(spent: USD(picodollars: Int64($0) * 1_000_000), at: $0) }
            try await bench.write(Bench.beginning("a") + calls, "a")
            try Files.replace(
                bench.run.trial("a").logPath, with: "hello\n\u{1B}[31mred <b>\n" + "no newline yet", durably: false)
            let place = "run=run-1&trial=a"
            let newest = try await bench.get("/api/lines?\(place)&limit=10")
            #expect(newest["lines"]?.array?.count == 10 && newest["lines"]?[9]?["elapsed_s"]?.numberText == "1002.000")
            let before = try #require(newest["before"]?.int)
            let older = try await bench.get("/api/lines?\(place)&limit=10&before=\(before)")
            #expect(older["lines"]?[9]?["elapsed_s"]?.numberText == "992.000")
            let after = try #require(newest["after"]?.int)
            #expect(try await bench.get("/api/lines?\(place)&after=\(after)")["lines"]?.array?.isEmpty == true)
            try await bench.write([Bench.event(.agent, "error", ["message": "Kaput"], at: 1003)], "a")
            let next = try await bench.get("/api/lines?\(place)&after=\(after)")
            #expect(next["lines"]?.array?.count == 1 && next["lines"]?[0]?["type"] == "error")
            let found = try await bench.get("/api/lines?\(place)&filter=kaput%20type:error")
            #expect(found["lines"] == next["lines"])
            #expect(try await bench.get("/api/lines?\(place)&limit=9999")["lines"]?.array?.count == 500)
            let offset = try #require(found["lines"]?[0]?["offset"]?.int)
            let line = try await bench.get("/api/line?\(place)&offset=\(offset)")
            #expect(line["text"]?.string?.contains("\"message\": \"Kaput\"") == true)
            let log = try await bench.get("/api/lines?\(place)&file=log")
            #expect(
                log["lines"]?.array?.compactMap { $0["text"]?.string } == ["hello", " [31mred <b>", "no newline yet"])
        }
    }

    @Test func `a blank in a query may be a plus, and a plus is written in full`() async throws {
        try await withDashboard { bench in
            try await bench.write(Bench.beginning("a"), "a")
            try Files.replace(
                bench.run.trial("a").logPath, with: "one two\none+two\nthree\n", durably: false)
            func found(_ filter: String) async throws -> [String]? {
                let answer = try await bench.get("/api/lines?run=run-1&trial=a&file=log&filter=\(filter)")
                return answer["lines"]?.array?.compactMap { $0["text"]?.string }
            }
            #expect(try await found("one+two") == ["one two", "one+two"])
            #expect(try await found("one%2Btwo") == ["one+two"])
        }
    }

    @Test func `of a directory that an agent has filled a part is read`() async throws {
        var bounds = DashboardOptions.Bounds()
        bounds.outputNames = 3
        try await withDashboard(bounds: bounds) { bench in
            try await bench.write(Bench.beginning("a"), "a")
            let output = bench.run.trial("a").outputPath
            try Files.createDirectory(output)
            for number in 0..<9 { try Files.replace("\(output)/\(number)", with: "x", durably: false) }
            let told = try await bench.get("/api/trial?run=run-1&trial=a")
            #expect(told["output"]?.array?.count == 3)
        }
    }

    @Test func `a run that cannot be read has no row, and the list goes on behind it`() async throws {
        var bounds = DashboardOptions.Bounds()
        bounds.listed = 1
        try await withDashboard(bounds: bounds) { bench in
            let trial = TrialSummary(plan: TrialPlan(alias: "x", model: "m", budget: USD(cents: 1)))
            let good = JSON.record(["started_at": .string(Bench.start.iso8601), "trials": .array([trial.json])]).text
            for (name, text) in [("broken", "{"), ("a-good-one", good)] {
                try Files.createDirectory(bench.runs.run(name).path)
                try Files.replace(bench.runs.run(name).summaryPath, with: text, durably: false)
            }
            var names: [[String]] = []
            var next = 0
            while next < 3 {
                let page = try await bench.get("/api/runs?from=\(next)")
                names.append(page["runs"]?.array?.compactMap { $0["run"]?.string } ?? [])
                let end = try #require(page["next"]?.int)
                try #require(end == next + 1 && page["all"]?.int == 3)
                next = end
            }
            #expect(names == [["run-1"], [], ["a-good-one"]])
            let beyond = try await bench.get("/api/runs?from=1000000000")
            #expect(beyond["runs"]?.array?.isEmpty == true && beyond["next"]?.int == 1_000_000_000)
        }
    }

    @Test func `no path is made of what a request says`() async throws {
        try await withDashboard { bench in
            try await bench.write(Bench.beginning("a"), "a")
            for path in [
                "/api/run?run=..", "/api/run?run=%2Fetc", "/api/trial?run=run-1&trial=..",
                "/api/lines?run=run-1&trial=..%2Fa", "/api/lines?run=run-1&trial=a&attempt=2",
                "/api/trial?run=run-1&trial=",
                "/page/..%2Fpage.js", "/api/lines?run=run-1&trial=a&file=..%2Flock.json",
                "/api/lines?run=run-1&trial=a&before=-1", "/api/line?run=run-1&trial=a&offset=999999",
            ] {
                #expect([400, 404].contains(try await bench.send(path).status), "\(path)")
            }
        }
    }

    @Test func `a run that no journal knows is shown by its summary`() async throws {
        try await withDashboard { bench in
            let moved = bench.runs.run("moved")
            try Files.createDirectory(moved.path)
            let trial = TrialSummary(plan: TrialPlan(alias: "x", model: "m", budget: USD(cents: 1)))
            let summary = JSON.record([
                "started_at": .string(Bench.start.iso8601), "trials": .array([trial.json]),
            ])
            try Files.replace(moved.summaryPath, with: summary.text, durably: false)
            let run = try await bench.get("/api/run?run=moved")
            #expect(run["order"] == ["x"] && run["head"]?["state"] == "lost")
            #expect(try await bench.get("/api/runs")["all"]?.int == 2)
        }
    }

    @Test func `a run whose process was killed is lost, and says how it goes on`() async throws {
        try await withDashboard { bench in
            let alive = try HarnessLock(path: bench.run.harnessLockPath)
            try await bench.write(Bench.beginning("a"), "a")
            #expect(try await bench.get("/api/run?run=run-1")["head"]?["state"] == "running")
            withExtendedLifetime(alive) {}
        }
        try await withDashboard { bench in
            do { withExtendedLifetime(try HarnessLock(path: bench.run.harnessLockPath)) {} }
            try await bench.write(Bench.beginning("a"), "a")
            let head = try await bench.get("/api/run?run=run-1")["head"]
            #expect(head?["state"] == "lost" && head?["unfinished"]?.int ?? 0 > 0)
        }
    }

    @Test func `a dashboard that cannot listen says so`() async throws {
        try await withDashboard { bench in
            let port = try #require(URL(string: bench.url)?.port)
            let options = DashboardOptions(port: port, token: Secret(Bench.token), version: "1")
            let doors = DashboardDoors(runs: bench.runs, now: { Bench.start })
            let error = await #expect(throws: PreflightError.self) {
                try await DashboardServer.withServer(options, doors: doors) { _ in }
            }
            #expect(error?.message.contains("cannot listen on 127.0.0.1:\(port)") == true)
        }
    }
}
