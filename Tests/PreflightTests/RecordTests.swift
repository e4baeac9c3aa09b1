import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// A run's record through the end of its harness, and under the hands of somebody who changes it.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct RecordTests {
    private func experiment(access: String) -> String {
        """
        image: preflight-agent:latest
        access: \(access)
        models:
          - {id: google/gemini-2.5-flash, alias: slow}
          - {id: anthropic/claude-sonnet-4.5, alias: spender}
        budget: {per_trial: 0.05}
        prompt: Write kurve.py.
        """
    }

    private func verify(_ bench: CommandBench, _ arguments: String...) async throws -> ProcessResult {
        try await bench.run(["verify"] + arguments)
    }

    /// What the provider has charged a trial's sub-key, once it charges no more.
    private func bill(_ bench: CommandBench, _ trial: TrialDirectory) async throws -> USD {
        var hash = ""
        _ = try EventLogReader(trial).read { event in
            if event.type == "subkey_created" { hash = event.fields["hash"]?.string ?? "" }
        }
        var last = bench.server.bill.count
        var quiet = 0
        _ = await eventually {
            quiet = bench.server.bill.count == last ? quiet + 1 : 0
            last = bench.server.bill.count
            return quiet > 25
        }
        return bench.server.bill.total(keyHash: hash)
    }

    @Test(arguments: ["gateway", "direct"])
    func `after kill -9 the status tells what was spent, and the record is whole`(access: String) async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(access: access))
            let run = "killed-\(UInt32.random(in: 0..<(.max)))"
            let process = try bench.start(["run-multi", "e.yaml", "--skip-check", "--run-id", run, "--poll", "300ms"])
            #expect(await eventually(within: .seconds(60)) { bench.server.bill.count >= 2 })
            let living = try await verify(bench, run)
            #expect(living.exitCode == 0 && living.stdoutText.contains("[v] run: it lives"), "\(living.everything)")
            let haveSpent = try await eventually(within: .seconds(60)) {
                let trials = try await bench.status(run)["trials"]?.array ?? []
                return trials.count == 2 && trials.allSatisfy { $0["cost_usd"]?.usd() ?? .zero > .zero }
            }
            #expect(haveSpent)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()

            let lost = try await bench.status(run)
            #expect(lost["alive"]?.bool == false)
            let found = try await verify(bench, run)
            #expect(found.exitCode == 0 && found.stdoutText.contains("The record is whole"), "\(found.everything)")
            #expect(found.stdoutText.contains("[!] run: its harness died"), "\(found.everything)")
            let trials = lost["trials"]?.array ?? []
            #expect(trials.count == 2 && trials.contains { $0["outcome"]?.string == "lost" })
            for trial in trials {
                let alias = trial["alias"]?.string ?? ""
                let cost = trial["cost_usd"]?.usd() ?? .zero
                let unknown = trial["unknown_up_to_usd"]?.usd() ?? .zero
                let directory = RunsDirectory(path: bench.directory + "/runs").run(run).trial(alias)
                let bill = try await bill(bench, directory)
                #expect(
                    cost <= bill && bill <= cost + unknown, "\(alias): \(cost), up to \(unknown) more, billed \(bill)")
                #expect(cost + unknown <= USD(cents: 5), "\(alias)")
                #expect(cost > .zero && trial["checkpoint"] == nil, "\(alias)")
                // All that the agent is known to have said is in the log that the status was folded from.
                var state = TrialState()
                let reading = try EventLogReader(directory).read { state.apply($0) }
                #expect(reading.fault == nil && reading.mark.lines == trial["log"]?["lines"]?.int)
                #expect(trial["events"]?.int == state.events && trial["tool_calls"]?.int == state.toolCalls)
            }
            let sweep = try await bench.run(["sweep"])
            // What other tests' dead runs left may be in somebody else's hands at this moment.
            #expect(sweep.stdoutText.contains("removed subkey preflight:\(run):"), "\(sweep.everything)")
            let swept = try await verify(bench, run)
            #expect(swept.exitCode == 0 && swept.stdoutText.contains("[v] resources"), "\(swept.everything)")
        }
    }

    @Test func `a run that has ended is whole, and what is changed in it is named`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write("e.yaml", experiment(access: "gateway"))
            let ended = try await bench.run([
                "run-multi", "e.yaml", "--run-id", "ended", "--settle", "2s", "--skip-check",
            ])
            #expect(ended.exitCode == 1, "\(ended.everything)")
            let whole = try await verify(bench, "ended", "--json")
            #expect(whole.exitCode == 0, "\(whole.everything)")
            let checks = try JSON.parse(whole.stdout)["runs"]?[0]?["checks"]?.array ?? []
            #expect(checks.map { $0["status"]?.string } == Array(repeating: "pass", count: 7), "\(whole.everything)")

            let directory = RunsDirectory(path: bench.directory + "/runs").run("ended")
            let slow = directory.trial("slow")
            let spender = directory.trial("spender")
            /// Changes one file, and expects a failed check that says so.
            func expect(
                _ path: String, as text: (String) -> String, says words: String...,
                location: SourceLocation = #_sourceLocation
            ) async throws {
                let before = try Files.read(path)
                try Files.replace(path, with: text(String(decoding: before, as: UTF8.self)))
                let result = try await verify(bench, "ended")
                #expect(result.exitCode == 1, "\(result.everything)", sourceLocation: location)
                for words in words {
                    #expect(
                        result.stdoutText.contains(words), "\(words) in \(result.everything)", sourceLocation: location)
                }
                try Files.replace(path, with: before)
            }
            let rows = String(decoding: try Files.read(slow.eventsPath), as: UTF8.self).split(separator: "\n")
            let third = rows[..<2].joined(separator: "\n").utf8.count + 1
            try await expect(
                slow.eventsPath,
                as: { $0.replacing(rows[2], with: rows[2].replacing("\"source\":", with: "\"source\" :")) },
                says: "[x] events: damaged", "slow/events.jsonl line 3 (byte \(third)): edited")
            try await expect(
                slow.eventsPath, as: { $0.replacing(rows[4] + "\n", with: "") },
                says: "slow/events.jsonl line 5", "missing: before it, 1 line of \(rows.count)")
            try await expect(
                slow.eventsPath, as: { String($0.dropLast(rows[rows.count - 1].count + 1)) },
                says: "line \(rows.count) ", "missing: the log ends here, 1 line early")
            try await expect(
                slow.eventsPath, as: { $0 + "{\"timestamp\":" }, says: "added: 13 bytes stand behind the noted end")
            let others = String(decoding: try Files.read(spender.eventsPath), as: UTF8.self)
            try await expect(
                slow.eventsPath, as: { _ in others }, says: "line 1 (byte 0): foreign: it is the log of ended/spender")
            try await expect(
                slow.summaryPath, as: { $0.replacing("\"turns\": ", with: "\"turns\": 1") },
                says: "[x] state", "slow: in its summary.json turns is 1", "[x] receipt")
            try await expect(
                directory.summaryPath, as: { $0.replacing("\"cost_usd\": 0", with: "\"cost_usd\": 1") },
                says: "[x] receipt")
            try Files.replace(slow.path + "/notes.txt", with: "mine")
            let again = try await verify(bench, "end")
            #expect(
                again.exitCode == 0 && again.stdoutText.contains("[!] files")
                    && again.stdoutText.contains("slow/notes.txt"))

            let ledger = try LedgerReader(path: bench.directory + "/runs/preflight.sqlite")
            try await ledger.execute(
                "UPDATE call SET cost = cost + 1 WHERE id = (SELECT max(id) FROM call WHERE state = 1)")
            let forged = try await verify(bench, "--all")
            #expect(
                forged.exitCode == 1 && forged.stdoutText.contains("[x] ledger")
                    && forged.stdoutText.contains("by the ledger"),
                "\(forged.everything)")
        }
    }

    @Test func `verify says what it cannot find`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            #expect(try await verify(bench).exitCode == 64)
            #expect(try await verify(bench, "--all").exitCode == 0)
            let both = try await verify(bench, "--all", "latest")
            #expect(both.exitCode == 64 && both.stderrText.contains("--all takes no names"), "\(both.everything)")
        }
    }
}
