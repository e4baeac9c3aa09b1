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
    /// Counts to `COUNT_alias`, with a call every fourth step; a call that fails is made again.
    private static let agent = """
        import json, os, sys, time, urllib.request as u
        alias = os.environ["PREFLIGHT_ALIAS"]
        count = int(os.environ.get("COUNT_" + alias.split("-")[0], "40"))
        def say(**fields): print(json.dumps(fields), flush=True)
        def call():
            body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 20,
                    "messages": [{"role": "user", "content": "go"}]}
            request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                                {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
            while True:
                try: return json.load(u.urlopen(request, timeout=20))["usage"]
                except OSError as error:
                    print("again: %s" % error, file=sys.stderr, flush=True)
                    time.sleep(0.2)
        for n in range(count):
            say(type="progress", n=n)
            if n % 4 == 3: say(type="message_end", usage=call())
            time.sleep(0.1)
        say(type="agent_end")
        """

    private func options() -> SimulatorOptions {
        var options = SimulatorOptions()
        options.usageDelay = .milliseconds(100)
        options.cancelledGenerationDelay = .milliseconds(300)
        return options
    }

    private func experiment(_ access: String, _ trials: [String: Int], concurrency: Int = 4, more: String = "")
        -> String
    {
        let aliases = trials.keys.sorted()
        return """
            image: preflight-base:latest
            access: \(access)
            models:
            \(aliases.map { "  - {id: google/gemini-2.5-flash, alias: \($0)}" }.joined(separator: "\n"))
            budget: {per_trial: 0.05}
            concurrency: \(concurrency)
            args: [python3, -c, \(JSON.string(Self.agent).text)]
            env:
            \(trials.sorted { $0.key < $1.key }.map { "  COUNT_\($0.key): \"\($0.value)\"" }.joined(separator: "\n"))
            prompt: Count.
            \(more)
            """
    }

    private struct Run {
        var bench: CommandBench
        var id: String

        var directory: RunDirectory { RunsDirectory(path: bench.directory + "/runs").run(id) }

        func events(_ trial: String) throws -> [Event] {
            try Files.read(directory.trial(trial).eventsPath).split(separator: 0x0A).compactMap { Event(line: $0) }
        }

        /// The numbers that the agent has counted, as far as the log has them.
        func numbers(_ trial: String) throws -> [Int] {
            try events(trial).compactMap { $0.type == "progress" ? $0.fields["n"]?.int : nil }
        }

        func count(_ trial: String) -> Int { (try? numbers(trial).count) ?? 0 }

        func bill(_ trial: String) throws -> USD {
            let hashes = try events(trial).filter { $0.type == "subkey_created" }.compactMap {
                $0.fields["hash"]?.string
            }
            return Set(hashes).reduce(.zero) { $0 + bench.server.bill.total(keyHash: $1) }
        }

        func resume(_ arguments: String..., environment: [String: String] = [:]) async throws -> ProcessResult {
            try await bench.run(
                ["resume", id, "--settle", "2s", "--poll", "300ms", "--json"] + arguments, environment)
        }

        func kill(_ process: Process) {
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// The promise: what the provider has billed is what the ledger and the receipts say, and the record is whole.
        func expectWhole(_ json: JSON, _ location: SourceLocation = #_sourceLocation) async throws {
            let verified = try await bench.run(["verify", id])
            #expect(
                verified.exitCode == 0 && !verified.stdoutText.contains("[!]"), "\(verified.everything)",
                sourceLocation: location)
            var billed = USD.zero
            for trial in json["trials"]?.array ?? [] {
                let alias = trial["alias"]?.string ?? ""
                let bill = try bill(alias)
                #expect(trial["cost_usd"]?.usd() == bill, "\(alias)", sourceLocation: location)
                billed += bill
            }
            #expect(json["cost_usd"]?.usd() == billed, sourceLocation: location)
            let scopes = try await LedgerReader(path: bench.directory + "/runs/preflight.sqlite").scopes()
            if let scope = scopes.first(where: { $0.scope.name == id }) {
                #expect(scope.scope.spent.total == billed && scope.scope.held == .zero, sourceLocation: location)
            }
            #expect(bench.subKeys.isEmpty, sourceLocation: location)
            #expect(try await bench.left(of: id) == "", sourceLocation: location)
        }
    }

    @Test(arguments: ["direct", "gateway"])
    func `what was alive is watched again with no event lost or doubled, and the bill is right`(access: String)
        async throws
    {
        try await withCommand(options()) { bench in
            let counts = ["a": 0, "b": 120, "c": 130, "d": 140, "e": 120, "f": 20]
            try bench.write("e.yaml", experiment(access, counts))
            let run = Run(bench: bench, id: "resumed-\(UInt32.random(in: 0..<(.max)))")
            let process = try bench.start([
                "run-multi", "e.yaml", "--skip-check", "--run-id", run.id, "--poll", "300ms", "--settle", "1s",
            ])
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
            try await run.expectWhole(json)

            let again = try await bench.run(["resume", run.id])
            #expect(again.exitCode == 0 && again.stderrText.contains("nothing to resume"), "\(again.everything)")
            let anew = try await bench.run(["run-multi", "e.yaml", "--skip-check", "--run-id", run.id])
            #expect(anew.exitCode == 64 && anew.stderrText.contains("has completed"), "\(anew.everything)")
        }
    }
}
