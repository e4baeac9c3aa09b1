import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct RunCommandTests {
    private static let quickModel = "meta-llama/llama-3.3-70b-instruct"
    private static let silentModel = "deepseek/deepseek-chat-v3.1"

    private func experiment(_ models: String) -> String {
        "image: preflight-agent:latest\nmodels: [\(models)]\nbudget: 0.05\nprompt: Write kurve.py.\n"
    }

    @Test func `one model, flags alone, answered in JSON`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            let result = try await bench.run([
                "run", "--model", "\(Self.quickModel)=quick", "--image", "preflight-agent", "--budget", "0.05",
                "--prompt",
                "Write kurve.py.", "--run-id", "one", "--settle", "3s", "--json", "--", "--max-turns", "9",
            ])
            #expect(result.exitCode == 0, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            #expect(json["trials"]?[0]?["outcome"]?.string == "completed")
            #expect(json["cost_usd"]?.usd() ?? .zero > .zero)
            // The smoke call of the check is on the bill too.
            #expect(
                json["cost_usd"]?.usd()
                    == bench.server.bill.charges.filter { $0.model == Self.quickModel }.dropFirst().reduce(USD.zero) {
                        $0 + $1.cost
                    })
            #expect(FileManager.default.fileExists(atPath: "\(bench.directory)/runs/one/quick/output/kurve.py"))
            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: "one") == "")
            let again = try await bench.run([
                "run", "--model", Self.quickModel, "--image", "preflight-agent", "--run-id", "one", "--skip-check",
            ])
            #expect(
                again.exitCode == 64 && again.stderrText.contains("there is a run one already"), "\(again.everything)")
        }
    }

    @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func `a signal ends the run gracefully, and leaves nothing`(signal: Int32, exitStatus: Int32) async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment("\(Self.silentModel)"))
            let run = "signal-\(signal)"
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--settle", "1s"])
            #expect(try await eventually { try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running" })
            kill(process.processIdentifier, signal)
            #expect(await eventually { !process.isRunning })
            #expect(process.terminationStatus == exitStatus && process.terminationReason == .exit)
            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: run) == "")
            #expect(try await bench.status(run)["trials"]?[0]?["outcome"]?.string == "cancelled")
        }
    }

    @Test func `after kill -9 the status says lost, and a sweep leaves nothing`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment("\(Self.silentModel), \(Self.quickModel)"))
            let run = "killed-\(UInt32.random(in: 0..<(.max)))"
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run])
            #expect(try await eventually { try await bench.status(run)["trials"]?[0]?["phase"]?.string == "running" })
            let living = try await bench.run(["sweep", "--dry-run"])
            #expect(!living.stdoutText.contains("would remove container preflight-\(run)"), "\(living.everything)")
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()

            let lost = try await bench.status(run)
            #expect(lost["alive"]?.bool == false)
            #expect(lost["trials"]?[0]?["outcome"]?.string == "lost")
            #expect(try await bench.left(of: run) != "")
            let check = try await bench.run(["check", "e.yaml", "--only", "leftovers"])
            #expect(check.stdoutText.contains("[!] leftovers:") && check.stdoutText.contains("preflight sweep"))

            let sweep = try await bench.run(["sweep"])
            #expect(
                sweep.exitCode == 0 && sweep.stdoutText.contains("removed subkey preflight:\(run):"),
                "\(sweep.everything)")
            #expect(try await bench.left(of: run) == "")
            #expect(!bench.subKeys.contains { $0.contains(run) })
            let again = try await bench.run(["sweep", "--dry-run", "--json"])
            #expect(try JSON.parse(again.stdout)["removed"]?.array?.contains { $0["run"]?.string == run } == false)
        }
    }
}

@Suite(.timeLimit(.minutes(4))) struct ReadmeTests {
    private var readme: String {
        get throws { try String(contentsOf: TestData.package.appendingPathComponent("README.md"), encoding: .utf8) }
    }

    private func commands() throws -> [[String]] {
        var isCode = false
        var commands: [[String]] = []
        for line in try readme.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isCode.toggle() }
            guard isCode else { continue }
            let words = line.split(separator: " ").map(String.init).drop { $0 == "$" || $0 == "watch" }
            if words.first == "preflight" {
                commands.append(words.dropFirst().prefix { !$0.hasPrefix("#") && $0 != "\\" }.map { $0 })
            }
        }
        return commands
    }

    @Test func `every preflight command in the README has flags that exist`() async throws {
        let commands = try commands()
        #expect(commands.count >= 5)
        try await withCommand { bench in
            for command in commands {
                guard let name = command.first, !name.hasPrefix("-") else { continue }
                let help = try await bench.run([name, "--help"])
                #expect(help.exitCode == 0 && help.stdoutText.contains("USAGE: preflight \(name)"), "\(command)")
                for flag in command.prefix(while: { $0 != "--" }) where flag.hasPrefix("--") {
                    let bare = flag.split(separator: "=")[0]
                    #expect(help.stdoutText.contains(bare), "\(command)")
                }
            }
        }
    }

    @Test func `the scripts that the README names are there and can be run`() throws {
        for script in ["scripts/quickstart", "scripts/test", "scripts/install"] {
            #expect(try readme.contains(script))
            #expect(FileManager.default.isExecutableFile(atPath: TestData.package.appendingPathComponent(script).path))
        }
    }

    /// The first command itself, with the command that is built already.
    @Test(.enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
    func `the quickstart tells nine fates apart and leaves nothing`() async throws {
        let result = try await ProcessRunner().run(
            TestData.package.appendingPathComponent("scripts/quickstart").path, [],
            environment: ProcessInfo.processInfo.environment.merging([
                "PREFLIGHT_QUICKSTART_COMMAND": CommandBench.executable, "PREFLIGHT_QUICKSTART_PORT": "8897",
            ]) { $1 }, timeout: .seconds(200))
        #expect(result.exitCode == 0, "\(result.everything)")
        let table = result.stdoutText.split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true)
        }
        func outcome(_ alias: String) -> String? {
            table.first { $0.first == Substring(alias) && $0.count > 4 && $0[1].first?.isLowercase == true }.map {
                String($0[1])
            }
        }
        let fates = [
            "quick": "completed", "slow": "completed", "spender": "budget_exhausted", "looper": "ejected",
            "silent": "ejected",
            "crasher": "agent_failed", "wanderer": "ejected", "broken": "agent_failed", "quitter": "completed",
        ]
        for (alias, fate) in fates { #expect(outcome(alias) == fate, "\(alias): \(result.stdoutText)") }
        for line in ["containers: 0", "networks:   0", "sub-keys:   0"] { #expect(result.stdoutText.contains(line)) }

        // Judged once more from its logs, the field comes to the same verdicts at the same times.
        let run = try #require(result.stdoutText.split(separator: "\n").first { $0.hasPrefix("Run: ") }?.dropFirst(5))
        func replay(_ arguments: String...) async throws -> ProcessResult {
            try await ProcessRunner().run(
                CommandBench.executable, ["replay", String(run)] + arguments,
                environment: ProcessInfo.processInfo.environment, directory: TestData.package.path,
                timeout: .seconds(60))
        }
        let own = try await replay("--json")
        #expect(own.exitCode == 0, "\(own.everything)")
        let trials = try JSON.parse(own.stdout)["runs"]?[0]?["trials"]?.array ?? []
        #expect(trials.count == 9 && trials.allSatisfy { $0["as_recorded"] == true }, "\(own.stdoutText)")
        #expect(
            trials.filter { $0["stopped"] == true }.compactMap { $0["trial"]?.string }
                == trials.filter { $0["outcome"] == "ejected" }.compactMap { $0["trial"]?.string })
        let loop = try await replay("--eject", "loop: 4")
        #expect(loop.exitCode == 0 && loop.stdoutText.contains("1 of 9 stopped"), "\(loop.everything)")
        #expect(loop.stdoutText.contains("4 times the same call, bash"))
        let tuned = try await replay("--eject", "idle: 5s", "--tune")
        #expect(tuned.exitCode == 0 && tuned.stdoutText.contains("of 9 trials"), "\(tuned.everything)")
    }
}
