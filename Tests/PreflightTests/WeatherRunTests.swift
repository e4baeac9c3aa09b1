import Containers
import Foundation
import OpenRouter
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Whole runs of the command in bad weather: outcomes, receipts, exit status, and sums of money.
@Suite(.serialized, .timeLimit(.minutes(5)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct WeatherRunTests {
    private func experiment(_ models: String, outage: String = "60s", more: String = "") -> String {
        """
        image: preflight-agent:latest
        access: gateway
        models: [\(models)]
        budget: {per_trial: 0.05}
        limits: {outage: \(outage)}
        prompt: Write kurve.py.
        \(more)
        """
    }

    private let quick = "{id: meta-llama/llama-3.3-70b-instruct, alias: quick}"

    private func events(_ bench: CommandBench, _ run: String, _ trial: String) throws -> [Event] {
        try Files.read("\(bench.directory)/runs/\(run)/\(trial)/events.jsonl").split(separator: 0x0A)
            .compactMap(Event.init(line:))
    }

    /// The receipt, the ledger and the simulator's bill say the same, and the record is whole.
    private func expectBooks(
        _ bench: CommandBench, _ run: String, _ receipt: JSON, _ location: SourceLocation = #_sourceLocation
    )
        async throws
    {
        let bill = bench.server.bill.total
        #expect(receipt["cost_usd"]?.usd() == bill, sourceLocation: location)
        let budget = try await bench.run(["budget", "show", run, "--json"])
        let scope = try JSON.parse(budget.stdout)
        #expect(scope["spent"]?.usd() == bill, "\(budget.everything)", sourceLocation: location)
        let verified = try await bench.run(["verify", run])
        #expect(verified.exitCode == 0, "\(verified.everything)", sourceLocation: location)
        #expect(bench.subKeys.isEmpty, sourceLocation: location)
        #expect(try await bench.left(of: run) == "", sourceLocation: location)
    }

    @Test(arguments: [503, 429, 529]) func `a run waits for the end of its provider's outage`(status: Int) async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick))
            bench.server.addFault(Fault(.status, path: "/chat/completions", count: 3, status: status))
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "wait", "--skip-check", "--settle", "2s", "--json"])
            #expect(result.exitCode == 0, "\(result.everything)")
            let receipt = try JSON.parse(result.stdout)
            let trial = try #require(receipt["trials"]?[0])
            #expect(trial["outcome"]?.string == "completed" && trial["errors"]?.int == 0)
            #expect(trial["paused_s"]?.numberText != nil && trial["waits_for"] == nil)
            let log = try events(bench, "wait", "quick")
            let paused = try #require(log.first { $0.type == "calls_paused" })
            #expect(paused.fields["status"]?.int == status && paused.source == .gateway)
            #expect(log.contains { $0.type == "calls_resumed" && $0.fields["end"]?.string == "answered" })
            try await expectBooks(bench, "wait", receipt)
        }
    }

    @Test func `while calls wait, status says for what`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick, more: "eject: [{idle: 5s}]"))
            bench.server.addFault(Fault(.status, path: "/chat/completions", count: nil, status: 503))
            let process = try bench.start(["run-multi", "e.yaml", "--run-id", "note", "--skip-check", "--settle", "2s"])
            let isShown = try await eventually(within: .seconds(40)) {
                try await bench.status("note")["trials"]?[0]?["waits_for"]?.string?.hasPrefix("openrouter answered 503")
                    == true
            }
            #expect(isShown)
            #expect(try await bench.run(["status", "note"]).stdoutText.contains("waits: "))
            // Longer than the idle policy has patience for.
            let waited = try await eventually(within: .seconds(30)) {
                try events(bench, "note", "quick").count { $0.type == "call_failed" } >= 4
            }
            #expect(waited)
            bench.server.removeFaults()
            #expect(await eventually(within: .seconds(60)) { !process.isRunning })
            #expect(process.terminationStatus == 0)
            let receipt = try JSON.parse(try Files.read("\(bench.directory)/runs/note/summary.json"))
            #expect(receipt["trials"]?[0]?["outcome"]?.string == "completed")
            try await expectBooks(bench, "note", receipt)
        }
    }

    @Test func `how long calls wait is a flag, too`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick, outage: "60s"))
            bench.server.addFault(Fault(.status, path: "/chat/completions", count: nil, status: 503))
            let arguments = ["run-multi", "e.yaml", "--skip-check", "--settle", "2s", "--json"]
            for (run, more, changes) in [
                ("flag", ["--outage", "1s"], [:]), ("twin", [], ["PREFLIGHT_OUTAGE": "0"]),
            ] {
                let result = try await bench.run(arguments + ["--run-id", run] + more, changes)
                #expect(result.exitCode == 1, "\(result.everything)")
                #expect(try JSON.parse(result.stdout)["trials"]?[0]?["cause"]?.string == "outage")
            }
            let paused = try events(bench, "twin", "quick").contains { $0.type == "calls_paused" }
            #expect(!paused, "0 lets no call wait")
            let wrong = try await bench.run(arguments + ["--outage", "soon"])
            #expect(wrong.exitCode == 64 && wrong.stderrText.contains("--outage 'soon'"), "\(wrong.everything)")
            let direct = try await bench.run(arguments + ["--outage", "1s", "--access", "direct"])
            #expect(direct.exitCode == 64 && direct.stderrText.contains("limits.outage needs access: gateway"))
        }
    }

    @Test func `an outage without end is the provider's failure`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick, outage: "1s"))
            bench.server.addFault(Fault(.status, path: "/chat/completions", count: nil, status: 503))
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "dark", "--skip-check", "--settle", "2s", "--json"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let receipt = try JSON.parse(result.stdout)
            let trial = try #require(receipt["trials"]?[0])
            #expect(trial["outcome"]?.string == "provider_failed" && trial["cause"]?.string == "outage")
            #expect(trial["reason"]?.string?.contains("answered 503") == true)
            try await expectBooks(bench, "dark", receipt)
        }
    }

    @Test func `a key that somebody deletes at the provider ends its own trial, and the others go on`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write("e.yaml", CountingAgent.experiment("gateway", ["a": 400, "b": 90]))
            let run = CommandRun(bench, prefix: "keyless")
            let process = try run.start()
            #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 && run.count("b") >= 8 })
            let client = OpenRouterClient(
                baseURL: try #require(bench.environment["OPENROUTER_BASE_URL"]),
                key: Secret(SimulatorOptions.defaultManagementKey))
            let name = Names.subKey(run: run.id, trial: "a")
            let key = try #require(try await client.subKeys().first { $0.name == name })
            try await client.deleteSubKey(hash: key.hash)
            #expect(await eventually(within: .seconds(90)) { !process.isRunning })
            #expect(process.terminationStatus == 1)
            let receipt = try JSON.parse(try Files.read(run.directory.summaryPath))
            let trials = receipt["trials"]?.array ?? []
            #expect(trials.compactMap { $0["outcome"]?.string } == ["provider_failed", "completed"], "\(receipt.text)")
            #expect(trials.first?["cause"]?.string == "key_refused")
            #expect(trials.first?["reason"]?.string?.contains("10 times in a row: openrouter answered 401") == true)
            #expect(receipt["breaker"] == nil)
            #expect(try run.numbers("b") == Array(0..<90))
            #expect(try run.events("a").count { $0.type == "call_failed" && $0.fields["status"]?.int == 401 } >= 10)
            try await run.expectWhole(receipt)
        }
    }

    @Test func `a balance that runs out ends the field, and says so in its own words`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick, more: "repeat: 13\nconcurrency: 1"))
            bench.server.setCredits(USD(picodollars: 1_000_000))
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "poor", "--skip-check", "--settle", "2s", "--json"],
                timeout: .seconds(200))
            #expect(result.exitCode == 1, "\(result.everything)")
            let receipt = try JSON.parse(result.stdout)
            let trials = receipt["trials"]?.array ?? []
            #expect(trials.count == 13)
            let first = try #require(trials.first)
            #expect(first["outcome"]?.string == "provider_failed" && first["cause"]?.string == "balance_exhausted")
            #expect(first["reason"]?.string?.hasPrefix("the account's balance is used up") == true)
            let last = try #require(trials.last)
            #expect(last["outcome"]?.string == "cancelled" && last["cause"]?.string == "field_ended")
            #expect(last["reason"]?.string?.contains("same error 10 times") == true)
            #expect(receipt["breaker"]?["cause"]?.string == "balance_exhausted")
            #expect(receipt["breaker"]?["times"]?.int == 10)
            try await expectBooks(bench, "poor", receipt)
        }
    }

    @Test func `a price that rises is followed: the call is sent again at the new one, and the sums are exact`()
        async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick))
            // The list that the run begins with is the old one.
            bench.server.addFault(Fault(.delay, path: "/chat/completions", count: 1, delay: .seconds(2)))
            let process = try bench.start(["run-multi", "e.yaml", "--run-id", "dear", "--skip-check", "--settle", "2s"])
            #expect(
                await eventually(within: .seconds(60)) {
                    bench.server.calls.contains { $0.path.hasSuffix("/chat/completions") }
                        || ((try? events(bench, "dear", "quick").contains { $0.type == "call_reserved" }) ?? false)
                })
            bench.server.setPrice(
                of: "meta-llama/llama-3.3-70b-instruct", prompt: USD(picodollars: 900_000),
                completion: USD(picodollars: 2_000_000))
            #expect(await eventually(within: .seconds(90)) { !process.isRunning })
            let log = try events(bench, "dear", "quick")
            let receipt = try JSON.parse(try Files.read("\(bench.directory)/runs/dear/summary.json"))
            #expect(receipt["trials"]?[0]?["outcome"]?.string == "completed", "\(log.map(\.type))")
            let change = try #require(log.first { $0.type == "prices_changed" })
            #expect(change.fields["now"]?["prompt_usd"]?.usd() == USD(picodollars: 900_000))
            try await expectBooks(bench, "dear", receipt)
        }
    }

    @Test func `a field that needs more files than there may be is refused, and a low soft limit is raised`()
        async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(quick))
            func run(_ limit: String, _ id: String) async throws -> ProcessResult {
                let command = "\(limit) && exec \"$0\" run-multi e.yaml --run-id \(id) --skip-check --settle 2s"
                return try await ProcessRunner().run(
                    "bash", ["-c", command, CommandBench.executable], environment: bench.environment,
                    directory: bench.directory, timeout: .seconds(100))
            }
            let refused = try await run("ulimit -n 100", "few")
            #expect(refused.exitCode == 3, "\(refused.everything)")
            #expect(refused.stderrText.contains("may open 100 files") && refused.stderrText.contains("ulimit -n 184"))
            #expect(!Files.exists("\(bench.directory)/runs/few"))
            let raised = try await run("ulimit -Sn 100", "enough")
            #expect(raised.exitCode == 0, "\(raised.everything)")
        }
    }

    @Test(.enabled(if: canMount, "needs root, and the engine in this mount namespace"))
    func `a disk that is full ends the run, says so, and leaves neither container nor key`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            let small = "\(bench.directory)/small"
            try Files.createDirectory(small)
            let mounted = try await ProcessRunner().run(
                "mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small], environment: bench.environment)
            #expect(mounted.isSuccess, "\(mounted.everything)")
            try bench.write(
                "e.yaml",
                """
                image: preflight-base:latest
                models: [{id: openai/gpt-4.1-mini, alias: a}]
                args: [bash, -c, "while true; do echo \\"$(head -c 3000 /dev/zero | tr '\\\\0' x)\\"; sleep 0.05; done"]
                """)
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", "full", "--skip-check", "--settle", "2s", "--runs-dir", small])
            let unmounted = try await ProcessRunner().run("umount", ["--lazy", small], environment: bench.environment)
            #expect(unmounted.isSuccess)
            #expect(result.exitCode == 70, "\(result.everything)")
            #expect(result.everything.contains("No space left on device"), "\(result.everything)")
            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: "full") == "")
        }
    }
}

/// Where the engine sees what is mounted here.
private let canMount: Bool = {
    func namespace(_ process: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/mnt")
    }
    let engine = try? String(contentsOfFile: "/var/run/docker.pid", encoding: .utf8)
    guard let engine = engine?.trimmingCharacters(in: .whitespacesAndNewlines) else { return false }
    return geteuid() == 0 && namespace("self") != nil && namespace("self") == namespace(engine)
}()
