import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// An agent that counts, and whose every step can be found again.
enum CountingAgent {
    /// Counts to `COUNT_alias`, with a call every fourth step; a call that fails is made again. Rests for
    /// `REST_alias` seconds at the end, and ends with `FAIL_alias`.
    static let agent = """
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
        failing = os.environ.get("FAIL_" + alias)
        for n in range(count):
            say(type="progress", n=n)
            if n % 4 == 3: say(type="message_end", usage=call())
            time.sleep(0.1)
        time.sleep(float(os.environ.get("REST_" + alias, "0")))
        if failing: sys.exit(int(failing))
        say(type="agent_end")
        """

    static func options() -> SimulatorOptions {
        var options = SimulatorOptions()
        options.usageDelay = .milliseconds(100)
        options.cancelledGenerationDelay = .milliseconds(300)
        return options
    }

    static func experiment(
        _ access: String, _ trials: [String: Int], concurrency: Int = 4, budget: String = "{per_trial: 0.05}",
        image: String = "preflight-base:latest", env: [String: String] = [:]
    ) -> String {
        let aliases = trials.keys.sorted()
        return """
            image: \(image)
            access: \(access)
            models:
            \(aliases.map { "  - {id: google/gemini-2.5-flash, alias: \($0)}" }.joined(separator: "\n"))
            budget: \(budget)
            concurrency: \(concurrency)
            args: [python3, -c, \(JSON.string(Self.agent).text)]
            env:
            \(trials.sorted { $0.key < $1.key }.map { "  COUNT_\($0.key): \"\($0.value)\"" }.joined(separator: "\n"))
            \(env.sorted { $0.key < $1.key }.map { "  \($0.key): \"\($0.value)\"" }.joined(separator: "\n"))
            prompt: Count.
            """
    }
}

/// A run of the built command, and what came of it.
struct CommandRun {
    var bench: CommandBench
    var id: String

    init(_ bench: CommandBench, prefix: String = "resumed") {
        self.bench = bench
        id = "\(prefix)-\(UInt32.random(in: 0..<(.max)))"
    }

    /// Begins it, and leaves it running.
    func start(_ file: String = "e.yaml") throws -> Process {
        try bench.start([
            "run-multi", file, "--skip-check", "--run-id", id, "--poll", "300ms", "--settle", "1s",
        ])
    }

    /// Its containers that live, by their trials.
    func container(_ trial: String) async throws -> String {
        try await Docker().command([
            "ps", "-q", "--no-trunc", "--filter", "label=preflight.run=\(id)", "--filter",
            "label=preflight.trial=\(trial)",
        ]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    var directory: RunDirectory { RunsDirectory(path: bench.directory + "/runs").run(id) }

    func events(_ trial: String) throws -> [Event] {
        try Files.read("\(directory.path)/\(trial)/events.jsonl").split(separator: 0x0A).compactMap { Event(line: $0) }
    }

    /// The numbers that the agent has counted, as far as the log has them.
    func numbers(_ trial: String) throws -> [Int] {
        try events(trial).compactMap { $0.type == "progress" ? $0.fields["n"]?.int : nil }
    }

    func count(_ trial: String) -> Int { (try? numbers(trial).count) ?? 0 }

    /// What the provider has billed to the keys of all attempts.
    func bill(_ trial: String) throws -> USD {
        let logs = Files.list("\(directory.path)/attempts/\(trial)").map {
            "\(directory.path)/attempts/\(trial)/\($0)/events.jsonl"
        }
        let hashes = try (logs + ["\(directory.path)/\(trial)/events.jsonl"]).filter(Files.exists).flatMap { log in
            try Files.read(log).split(separator: 0x0A).compactMap { Event(line: $0) }
                .filter { $0.type == "subkey_created" }.compactMap { $0.fields["hash"]?.string }
        }
        return Set(hashes).reduce(.zero) { $0 + bench.server.bill.total(keyHash: $1) }
    }

    func resume(_ arguments: String..., environment: [String: String] = [:]) async throws -> ProcessResult {
        try await bench.run(
            ["resume", id, "--settle", "2s", "--poll", "300ms", "--json"] + arguments, environment)
    }

    func retry(_ arguments: String..., environment: [String: String] = [:]) async throws -> ProcessResult {
        try await bench.run(
            ["retry", id, "--settle", "2s", "--poll", "300ms", "--json"] + arguments, environment)
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
            #expect((trial["total_usd"] ?? trial["cost_usd"])?.usd() == bill, "\(alias)", sourceLocation: location)
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
