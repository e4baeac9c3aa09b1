import Containers
import Foundation
import PreflightCore
import Simulator
import Store

extension StressField {
    /// What is to be seen now that the run is over.
    func facts() async throws -> FieldFacts {
        var facts = FieldFacts()
        let (kills, logs) = acknowledged
        facts.kills = kills
        for (index, held) in logs.enumerated() {
            facts.kills[index].lostLogs = held.filter { !log($0.key).starts(with: $0.value) }.map(\.key).sorted()
        }
        let scopes = try await scopes()
        for alias in plan.aliases { facts.trials.append(trial(alias, scopes)) }
        if facts.trials.contains(where: { $0.outcome == nil }) { try await readStatus(into: &facts) }
        if let bytes = try? Files.read(run.summaryPath) { facts.cost = try? JSON.parse(bytes)["cost_usd"]?.usd() }
        let verified = try await bench.run(["verify", id])
        if verified.exitCode != 0 {
            facts.findings = verified.stdoutText.split(separator: "\n").filter { $0.contains("[x]") }.map(String.init)
            if facts.findings.isEmpty { facts.findings = ["verify: \(verified.stderrText)"] }
        }
        facts.left = try await left()
        return facts
    }

    private func trial(_ alias: String, _ scopes: [LedgerReader.Scope]) -> FieldFacts.Trial {
        let budget = alias.hasPrefix("spender") ? StressAgent.spenderBudget : StressAgent.budget
        var trial = FieldFacts.Trial(alias: alias, budget: budget, access: plan.access, steps: plan.steps)
        let directory = run.trial(alias)
        if let bytes = try? Files.read(directory.summaryPath), let json = try? JSON.parse(bytes),
            let summary = TrialSummary(json: json)
        {
            trial.outcome = summary.outcome
            trial.cause = summary.cause
            trial.cost = summary.cost
            trial.unknownUpTo = summary.unknownUpTo
        }
        trial.billed = billed([alias])
        if let scope = scopes.first(where: { $0.scope.name == "\(id)/\(alias)" })?.scope {
            trial.settled = scope.spent.total
            trial.held = scope.held + scope.reserved
        }
        let events = events(alias)
        trial.said = said(events)
        trial.starts = events.count { $0.type == "container_started" }
        if let work = try? Files.read(directory.outputPath + "/work.txt") {
            trial.written = String(decoding: work, as: UTF8.self).split(separator: "\n").compactMap { Int($0) }
        }
        return trial
    }

    /// Names of what is there that should be gone.
    func left() async throws -> [String] {
        var left: [String] = []
        for id in runIDs {
            let label = "label=\(Names.runLabel)=\(id)"
            let containers = try await bench.docker.command(["ps", "-a", "--format", "{{.Names}}", "--filter", label])
            let networks = try await bench.docker.command(
                ["network", "ls", "--format", "{{.Name}}", "--filter", label])
            left += containers.split(separator: "\n").map { "container \($0)" }
            left += networks.split(separator: "\n").map { "network \($0)" }
            left += bench.server.keys.map(\.name).filter { Names.parseSubKey($0)?.run == id }.map { "sub-key \($0)" }
            let files = FileManager.default.enumerator(atPath: runs.run(id).path)
            while let file = files?.nextObject() as? String {
                if file.hasSuffix(".tmp") { left.append("file \(id)/\(file)") }
            }
        }
        return left
    }

    /// What is known of the money of trials that have no receipts.
    private func readStatus(into facts: inout FieldFacts) async throws {
        let status = try await bench.run(["status", id, "--json"])
        let json = status.isSuccess ? try JSON.parse(status.stdout) : .null
        for index in facts.trials.indices where facts.trials[index].outcome == nil {
            let trial = json["trials"]?.array?.first { $0["alias"]?.string == facts.trials[index].alias }
            facts.trials[index].cost = trial?["cost_usd"]?.usd() ?? .zero
            facts.trials[index].unknownUpTo = trial?["unknown_up_to_usd"]?.usd()
        }
    }

    /// Removes what runs left that were given up, or were not taken up again.
    func sweep(_ ids: [String]) async throws {
        guard Files.exists(runs.journalPath) else { return }
        let known = try await Journal(path: runs.journalPath).runs().map(\.id)
        let ids = ids.filter(known.contains)
        guard !ids.isEmpty else { return }
        let result = try await bench.run(["sweep"] + ids)
        if result.exitCode != 0 { bench.say("sweep: \(result.stdoutText)\(result.stderrText)") }
    }
}
