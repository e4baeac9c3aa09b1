import Containers
import Foundation
import PreflightCore
import Simulator
import Store

extension StressJob {
    private static let logLimit = 4 << 20
    private static let bait = "This file is the host's.\n"

    /// A trial for each behaviour, which its owner ejects once it is at it.
    func agents() async throws -> [StressResult] {
        let agents: [StressFault.Agent] = item.faults.compactMap {
            if case .agent(let agent) = $0 { agent } else { nil }
        }
        let bait = "\(bench.directory)/\(name).bait"
        try Files.replace(bait, with: Self.bait, durably: false)
        let field = field {
            $0.aliases = agents.map(\.alias)
            $0.steps = 100_000
            $0.environment = ["STRESS_BAIT": bait]
            $0.lines = ["limits: {pids: 48, log: 4m}"]
            $0.ending = .ejected
        }
        try field.start()
        let areAtIt = await eventually(within: .seconds(90)) { agents.allSatisfy { isAtIt($0, field) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for agent in agents {
                group.addTask {
                    let ejected = try await bench.run(["eject", field.id, agent.alias, "--reason", "stress"])
                    if ejected.exitCode != 0 { bench.say("  eject \(agent.alias): \(ejected.stderrText)") }
                }
            }
            try await group.waitForAll()
        }
        var (facts, faults) = try await end(field)
        if !areAtIt { faults.append("not all of its agents came to what they were to do") }
        for index in facts.trials.indices where facts.trials[index].alias == StressFault.Agent.logFlood.alias {
            // Its words are torn by its own flood, and the rest is not kept.
            facts.trials[index].isFlood = true
        }
        return agents.enumerated().map { index, agent in
            var part = facts
            part.trials = facts.trials.filter { $0.alias == agent.alias }
            part.left = facts.left.filter { $0.contains(agent.alias) }
            part.cost = nil
            if index == 0 { part = facts }
            var result = result(.agent(agent))
            result.injected = 1
            let outcome = part.trials.first { $0.alias == agent.alias }?.outcome
            let wrong = outcome == .ejected ? [] : ["\(agent.alias): \(outcome?.rawValue ?? "without an outcome")"]
            result.verdicts = part.verdicts + [.of(.outcome, faults + wrong)] + ejection(agent.alias, field, &result)
            result.verdicts += own(of: agent, field, bait: bait)
            return result
        }
    }

    private func isAtIt(_ agent: StressFault.Agent, _ field: StressField) -> Bool {
        switch agent {
        case .logFlood: (try? size(field.run.trial(agent.alias).logPath)) ?? 0 > Self.logLimit / 2
        case .daemon:
            Files.exists(field.run.trial(agent.alias).outputPath + "/daemon.txt") && field.progress(agent.alias) > 3
        default: field.progress(agent.alias) > 3
        }
    }

    /// What only this behaviour could break.
    private func own(of agent: StressFault.Agent, _ field: StressField, bait: String) -> [StressVerdict] {
        switch agent {
        case .links:
            let text = (try? Files.read(bait)).map { String(decoding: $0, as: UTF8.self) }
            return [text == Self.bait ? .kept(.host) : .broken(.host, "a file of the host was written through a link")]
        case .logFlood:
            let directory = field.run.trial(agent.alias)
            return [Self.flood(log: try? size(directory.logPath), events: try? size(directory.eventsPath))]
        default: return []
        }
    }

    /// - Parameters: bytes on the disk; nil where they cannot be read.
    static func flood(log: Int?, events: Int?) -> StressVerdict {
        guard let log, let events else { return .broken(.host, "what the flood has left cannot be read") }
        // The events have lines that are no events besides, 8 MiB of them.
        let isBounded = log <= logLimit + 4096 && events <= logLimit + (9 << 20)
        return isBounded ? .kept(.host) : .broken(.host, "the flood has \(log) and \(events) bytes on the disk")
    }

    private func size(_ path: String) throws -> Int {
        guard let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else {
            throw PreflightError(.failed, "\(path): no size")
        }
        return size
    }

    /// From the order to a dead container; nil where the log does not tell of both.
    static func ejection(_ events: [Event]) -> (took: Duration, stopped: Timestamp)? {
        guard let asked = events.first(where: { ["owner_request", "policy_fired"].contains($0.type) }),
            events.contains(where: { $0.type == "eject_decided" }),
            let stopped = events.first(where: { $0.type == "container_stopped" })
        else { return nil }
        return (stopped.elapsed - asked.elapsed, stopped.timestamp)
    }

    /// Whether it was dead in time, and did nothing after.
    private func ejection(_ alias: String, _ field: StressField, _ result: inout StressResult) -> [StressVerdict] {
        guard let (took, stopped) = Self.ejection(field.events(alias)) else {
            return [.broken(.ejected, "\(alias): its log does not tell that it was stopped")]
        }
        result.ejections.append(took)
        var faults: [String] = []
        if took > StressResult.ejectLimit { faults.append("\(alias): dead after \(took.shortText)") }
        let hashes = field.keyHashes(alias)
        let late = bench.server.bill.charges.filter { hashes.contains($0.keyHash) && $0.at > stopped }
        if !late.isEmpty { faults.append("\(alias): \(late.count) calls after its end") }
        let output = field.run.trial(alias).outputPath
        let files = Files.list(output)
        if alias == StressFault.Agent.daemon.alias, !files.contains("daemon.txt") {
            faults.append("\(alias): what it wrote is not there")
        }
        for file in files {
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: "\(output)/\(file)"),
                let changed = attributes[.modificationDate] as? Date
            else {
                faults.append("\(alias): \(file) cannot be read")
                continue
            }
            let time = Timestamp(microseconds: Int64(changed.timeIntervalSince1970 * 1_000_000))
            if time > stopped { faults.append("\(alias): \(file) changed after its end") }
        }
        return [.of(.ejected, faults)]
    }
}
