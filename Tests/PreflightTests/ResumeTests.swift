import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Runs whose process was killed, and that another process takes up.
@Suite(.serialized, .timeLimit(.minutes(6)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct ResumeTests {
    @Test(arguments: ["direct", "gateway"])
    func `a trial that is killed before its container, and again while it begins anew, still begins`(access: String)
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment(access, ["a": 4]))
            let run = CommandRun(bench)
            let killed = try await bench.run(
                ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id],
                ["PREFLIGHT_STRESS_KILL": "container-intended"])
            #expect(!killed.isSuccess && Files.exists(run.directory.trial("a").eventsPath), "\(killed.everything)")
            // What was left is cleared away by then, and nothing new is made.
            let again = try await run.resume(
                environment: ["COUNT_a": "4", "PREFLIGHT_STRESS_KILL": "subkey-intended"])
            #expect(!again.isSuccess, "\(again.everything)")
            let result = try await run.resume(environment: ["COUNT_a": "4"])
            #expect(result.exitCode == 0, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            #expect(json["trials"]?[0]?["outcome"] == "completed")
            let how = try run.events("a").filter { $0.type == "trial_resumed" }.map { $0.fields["how"] }
            #expect(how == ["begin", "begin"])
            #expect(try run.numbers("a") == Array(0..<4))
            try await run.expectWhole(json)
        }
    }

    @Test func `a receipt that a full disk did not take is written once there is room`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 4]))
            let run = CommandRun(bench)
            let killed = try await bench.run(
                ["run-multi", "e.yaml", "--skip-check", "--run-id", run.id],
                ["PREFLIGHT_STRESS_KILL": "run-receipt-written"])
            let path = run.directory.trial("a").summaryPath
            let receipt = try Files.read(path)
            #expect(!killed.isSuccess && !receipt.isEmpty, "\(killed.everything)")
            Files.remove(path)
            let result = try await run.resume(environment: ["COUNT_a": "4"])
            #expect(result.exitCode == 0, "\(result.everything)")
            #expect(try Files.read(path) == receipt)
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }

    @Test(arguments: ["direct", "gateway"])
    func `what was alive is watched again with no event lost or doubled, and the bill is right`(access: String)
        async throws
    {
        try await withCommand(CountingAgent.options()) { bench in
            let counts = ["a": 0, "b": 120, "c": 130, "d": 140, "e": 120, "f": 20]
            try bench.write("e.yaml", CountingAgent.experiment(access, counts))
            let run = CommandRun(bench)
            let process = try run.start()
            // One has ended, four are alive, one has not begun.
            #expect(
                await eventually(within: .seconds(90)) {
                    Files.exists(run.directory.trial("a").summaryPath)
                        && ["b", "c", "d", "e"].allSatisfy { run.count($0) >= 8 }
                })
            let receipt = try Files.read(run.directory.trial("a").summaryPath)
            let node = try FileManager.default.attributesOfItem(atPath: run.directory.trial("a").summaryPath)
            let living = try await run.resume()
            #expect(
                living.exitCode == 3 && living.stderrText.contains("as process \(process.processIdentifier)"),
                "\(living.everything)")
            run.kill(process)
            let seen = ["b", "c", "d", "e"].map(run.count)
            // The kill came while a file was replaced, and before a container was made.
            let stray = [run.directory.path, run.directory.trial("b").path].map { "\($0)/summary.json.7.tmp" }
            for path in stray { try Files.replace(path, with: "{") }
            _ = try await Journal(path: "\(bench.directory)/runs/preflight.sqlite").intend(
                .container, name: "preflight-\(run.id)-never", run: run.id, trial: "f", at: Timestamp(seconds: 1))

            let blind = try await run.resume()
            #expect(blind.exitCode == 3 && blind.stderrText.contains("COUNT_a, COUNT_b"), "\(blind.everything)")
            let values = Dictionary(uniqueKeysWithValues: counts.map { ("COUNT_\($0)", "\($1)") })
            let result = try await run.resume(environment: values)
            #expect(result.exitCode == 0, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            #expect(
                json["trials"]?.array?.compactMap { $0["outcome"]?.string } == Array(repeating: "completed", count: 6))
            for (trial, count) in counts {
                #expect(try run.numbers(trial) == Array(0..<count), "\(trial)")
                let starts = try run.events(trial).filter { $0.type == "container_started" }
                #expect(starts.count == 1, "\(trial)")
            }
            for (trial, count) in zip(["b", "c", "d", "e"], seen) {
                let events = try run.events(trial)
                let resumed = try #require(events.first { $0.type == "trial_resumed" })
                #expect(resumed.fields["how"]?.string == "attach")
                // Lines that were there before it were neither moved nor read again.
                let before = events.prefix { $0.type != "trial_resumed" }.filter { $0.type == "progress" }
                #expect(before.count >= count && before.count < counts[trial] ?? 0)
            }
            #expect(try Files.read(run.directory.trial("a").summaryPath) == receipt)
            let after = try FileManager.default.attributesOfItem(atPath: run.directory.trial("a").summaryPath)
            #expect(node[.modificationDate] as? Date == after[.modificationDate] as? Date)
            #expect(json["resumed"]?.array?.count == 1)
            #expect(json["left"]?.array?.isEmpty ?? true)
            #expect(stray.filter(Files.exists).isEmpty)
            try await run.expectWhole(json)

            let again = try await bench.run(["resume", run.id])
            #expect(again.exitCode == 0 && again.stderrText.contains("nothing to resume"), "\(again.everything)")
            let anew = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--run-id", run.id])
            #expect(anew.exitCode == 64 && anew.stderrText.contains("has completed"), "\(anew.everything)")
        }
    }

    @Test func `eight live trials are watched again within seconds, and no work is repeated`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let aliases = ["a", "b", "c", "d", "e", "f", "g", "h"]
            let counts = Dictionary(uniqueKeysWithValues: aliases.map { ($0, 170) })
            try bench.write("e.yaml", CountingAgent.experiment("gateway", counts, concurrency: 8))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(90)) { aliases.allSatisfy { run.count($0) >= 5 } })
            run.kill(process)
            let containers = try await ids(aliases, run)
            let values = Dictionary(uniqueKeysWithValues: counts.map { ("COUNT_\($0)", "\($1)") })
            let began = SimulatorServer.systemTime()
            async let resumed = run.resume(environment: values)
            #expect(
                await eventually(within: .seconds(60)) {
                    aliases.allSatisfy { alias in
                        (try? run.events(alias).contains { $0.type == "trial_resumed" }) == true
                    }
                })
            #expect(try await ids(aliases, run) == containers, "none was started anew")
            let result = try await resumed
            #expect(result.exitCode == 0, "\(result.everything)")
            var attached: [Duration] = []
            var repeated = 0
            for alias in aliases {
                let events = try run.events(alias)
                let again = try #require(events.first { $0.type == "trial_resumed" })
                #expect(again.fields["how"]?.string == "attach", "\(alias)")
                // Attached is who has the next word of the agent.
                let next = events.drop { $0.type != "trial_resumed" }.first { $0.type == "progress" }
                attached.append(try #require(next).timestamp - began)
                let numbers = try run.numbers(alias)
                repeated += numbers.count - Set(numbers).count
                #expect(numbers == Array(0..<170), "\(alias)")
                repeated += events.filter { $0.type == "container_started" }.count - 1
            }
            #expect(repeated == 0)
            print("resume: 8 live trials re-attached within \((attached.max() ?? .zero).shortText), 0 repeated work")
            try await run.expectWhole(try JSON.parse(result.stdout))
        }
    }

    private func ids(_ aliases: [String], _ run: CommandRun) async throws -> [String] {
        var ids: [String] = []
        for alias in aliases { ids.append(try await run.container(alias)) }
        return ids
    }

    @Test(arguments: ["direct", "gateway"])
    func `what ended while nobody watched is judged, settled, and told to its last line`(access: String) async throws {
        try await withCommand(CountingAgent.options()) { bench in
            // Behind a dead gateway an agent that still calls would wait: this one has made its last call.
            let counts = ["a": 23, "b": 23]
            try bench.write(
                "e.yaml", CountingAgent.experiment(access, counts, env: ["FAIL_b": "7", "REST_a": "2", "REST_b": "2"]))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 21 && run.count("b") >= 21 })
            run.kill(process)
            for alias in counts.keys {
                #expect(await eventually { (try? await run.container(alias)) == "" }, "\(alias) ends by itself")
            }
            let result = try await run.resume()
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trials = json["trials"]?.array ?? []
            #expect(trials.compactMap { $0["outcome"]?.string } == ["completed", "agent_failed"])
            #expect(trials.last?["exit_code"]?.int == 7)
            for alias in counts.keys {
                #expect(try run.numbers(alias) == Array(0..<23))
                let again = try #require(try run.events(alias).first { $0.type == "trial_resumed" })
                #expect(again.fields["how"]?.string == "collect")
            }
            try await run.expectWhole(json)
        }
    }

    @Test func `a trial whose container was removed while nobody watched is lost, and the others go on`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let counts = ["a": 60, "b": 200]
            try bench.write("e.yaml", CountingAgent.experiment("direct", counts))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 && run.count("b") >= 8 })
            run.kill(process)
            _ = try await Docker().command(["rm", "-f", try await run.container("b")])
            let result = try await run.resume()
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trials = json["trials"]?.array ?? []
            #expect(trials.compactMap { $0["outcome"]?.string } == ["completed", "lost"])
            #expect(trials.last?["reason"]?.string?.contains("its container was gone") == true)
            #expect(try run.numbers("a") == Array(0..<60))
            try await run.expectWhole(json)
        }
    }

    @Test func `a trial that its guard ended at the wall limit is judged as that`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 400]))
            let run = CommandRun(bench)
            let process = try bench.start([
                "run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--settle", "1s", "--wall", "6s",
            ])
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 4 })
            run.kill(process)
            #expect(try await eventually(within: .seconds(40)) { try await run.container("a") == "" })
            let log = run.directory.guardLogPath
            #expect(
                try await eventually(within: .seconds(40)) {
                    String(decoding: try Files.read(log), as: UTF8.self).contains("removed container")
                })
            let result = try await run.resume()
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let trial = try #require(json["trials"]?[0])
            #expect(trial["outcome"]?.string == "ejected", "\(trial.text)")
            #expect(trial["reason"]?.string?.hasPrefix("wall: ran for ") == true, "\(trial.text)")
            try await run.expectWhole(json)
        }
    }

    @Test func `a run that drifted is refused with the difference, and goes on where that is accepted`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            let docker = Docker()
            let image = "preflight-drift-\(UInt32.random(in: 0..<(.max)))"
            _ = try await docker.command(["tag", "preflight-base:latest", image])
            try bench.write("e.yaml", CountingAgent.experiment("direct", ["a": 60], image: image))
            let run = CommandRun(bench)
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 })
            run.kill(process)
            // Prices, image and experiment are others now.
            let lock = String(decoding: try Files.read(run.directory.lockPath), as: UTF8.self)
            let prices = try JSON.parse(lock)["models"]?.array?.first?["pricing"]
            let prompt = try #require(prices?["prompt"])
            #expect(lock.contains(#""prompt": \#(prompt.text)"#), "\(lock)")
            try Files.replace(
                run.directory.lockPath,
                with: lock.replacingOccurrences(of: #""prompt": \#(prompt.text)"#, with: #""prompt": "0.0000001""#))
            _ = try await docker.command(["tag", "preflight-agent:latest", image])
            let experiment = try Files.read(run.directory.experimentPath)
            try Files.replace(run.directory.experimentPath, with: experiment + Array("# edited\n".utf8))
            let refused = try await run.resume()
            #expect(refused.exitCode == 3 && refused.stderrText.contains("--accept-drift"), "\(refused.everything)")
            for what in [
                "experiment.yaml: ", "image \(image): sha256:",
                "google/gemini-2.5-flash: price of prompt: 0.0000001 -> ",
            ] {
                #expect(refused.stderrText.contains(what), "\(what) of \(refused.stderrText)")
            }
            #expect(try run.events("a").allSatisfy { $0.type != "trial_resumed" }, "nothing was done")

            let result = try await run.resume("--accept-drift")
            #expect(result.exitCode == 0, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let drift = json["resumed"]?.array?.first?["drift"]?.array?.compactMap(\.string) ?? []
            #expect(drift.count == 3 && drift.contains { $0.hasPrefix("image \(image)") }, "\(drift)")
            let again = try #require(try run.events("a").first { $0.type == "trial_resumed" })
            #expect(again.fields["drift"]?.array?.count == 3)
            #expect(try run.numbers("a") == Array(0..<60))
            try await run.expectWhole(json)
            _ = try await docker.command(["rmi", image])
        }
    }
}
