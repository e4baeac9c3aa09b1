import Foundation
import PreflightCore
import Store

/// One item of a plan, while it is injected.
struct StressJob: Sendable {
    let item: StressPlan.Item
    let name: String
    let bench: StressBench
    let litter: StressLitter
    let random: StressRandom

    func run() async throws -> [StressResult] {
        guard let fault = item.faults.first else { return [] }
        switch fault {
        case .killHarness: return [try await killHarness(fault)]
        case .killStep(let step): return [try await kill(at: step, fault)]
        case .resumeEight: return [try await resumeEight(fault)]
        case .killGateway: return [try await killGateway(fault)]
        case .killGuard: return [try await killGuard(fault)]
        case .orphans: return [try await orphans(fault)]
        case .managementDown: return [try await managementDown(fault)]
        case .provider: return try await provider()
        case .agent: return try await agents()
        case .diskFull: return [try await fillDisk(fault)]
        case .killEngine: return [try await killEngine(fault)]
        }
    }

    func result(_ fault: StressFault) -> StressResult { StressResult(fault: fault, variant: item.access.rawValue) }

    func field(_ number: Int = 1, on bench: StressBench? = nil, _ change: (inout StressField.Plan) -> Void = { _ in })
        -> StressField
    {
        var plan = StressField.Plan(access: item.access)
        plan.aliases = (1..<item.trials).map { "worker-\($0)" } + ["spender-1"]
        change(&plan)
        let field = StressField(bench ?? self.bench, plan, name: "\(name)-\(number)")
        litter.add(field)
        return field
    }

    /// Waits for the field's end, and holds the promises to what it left.
    func conclude(_ field: StressField, within limit: Duration = .seconds(180)) async throws -> [StressVerdict] {
        let (facts, faults) = try await end(field, within: limit)
        let wrong = facts.trials.filter { !field.plan.mayEnd($0.alias, as: $0.outcome) }.map {
            "\($0.alias): \($0.outcome?.rawValue ?? "without an outcome")"
        }
        return facts.verdicts + [.of(.outcome, faults + wrong)]
    }

    /// The same for a field of which nobody can say how it ends.
    ///
    /// - Parameter allowed: the exit statuses that it may have.
    func end(
        _ field: StressField, within limit: Duration = .seconds(180), allowing allowed: Set<Int> = [0, 1]
    ) async throws -> (FieldFacts, [String]) {
        let code = await field.ended(within: limit)
        if code == nil { await field.crash() }
        try await field.sweep(code == nil ? field.runIDs : field.runIDs.dropLast())
        let facts = try await field.facts()
        litter.remove(field)
        var faults: [String] = []
        if code == nil { faults.append("\(field.id) did not end within \(limit.shortText)") }
        if let code, !allowed.contains(code) {
            faults.append("\(field.id) ended with exit status \(code): \(field.lastWords)")
        }
        return (facts, faults)
    }
}

// MARK: Kills of the harness

extension StressJob {
    /// Field after field, until it was done often enough.
    private func killHarness(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        var random = random
        var number = 0
        while result.injected < item.count {
            number += 1
            let field = field(number)
            try field.start()
            while result.injected < item.count {
                if await field.ended(within: random.duration(200...5000)) != nil { break }
                try await field.kill()
                result.injected += 1
                try await field.takeUp()
            }
            result.verdicts += try await conclude(field)
            let broken = result.broken.isEmpty ? "every promise held" : "\(result.broken.count) promises broken"
            bench.say("  \(field.id): \(result.injected) of \(item.count) kills, \(broken)")
        }
        return result
    }

    /// Kills at the step, and once more at a random one while the run is taken up again.
    private func kill(at step: MarkedStep, _ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        var random = random
        for number in 1...item.count {
            let field = field(number) {
                $0.steps = 16
                if step.needsEject {
                    $0.steps = 100_000
                    $0.lines = ["eject: {wall: 4s}"]
                    $0.ending = .ejected
                    $0.isTimed = true
                }
            }
            // Spenders end by themselves.
            let most = step.isOfRun(item.access) ? 1 : item.trials - (step.needsEject ? 1 : 0)
            let kill = StressKill(step: step, count: Int.random(in: 1...most, using: &random))
            try field.start([StressKill.variable: kill.text])
            guard await field.ended(within: .seconds(90)) == 128 + 9 else {
                result.verdicts += try await conclude(field) + [.broken(.outcome, "\(kill.text) was not reached")]
                continue
            }
            try await field.noteKill()
            result.injected += 1
            let second = StressKill(
                step: MarkedStep.allCases.randomElement(using: &random) ?? step,
                count: Int.random(in: 1...2, using: &random))
            try await field.takeUp([StressKill.variable: second.text])
            if await field.ended(within: .seconds(90)) == 128 + 9 {
                try await field.noteKill()
                result.injected += 1
                try await field.takeUp()
            }
            result.verdicts += try await conclude(field)
        }
        return result
    }

    private func resumeEight(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        for number in 1...item.count {
            let field = field(number) {
                $0.aliases = (1...item.trials).map { "worker-\($0)" }
                $0.steps = 200
            }
            let aliases = field.plan.aliases
            try field.start()
            guard await eventually(within: .seconds(90), { aliases.allSatisfy { field.progress($0) > 2 } }) else {
                result.verdicts += try await conclude(field) + [.broken(.outcome, "not all of its trials began")]
                continue
            }
            try await field.kill()
            result.injected += 1
            let began = ContinuousClock.now
            try await field.takeUp()
            let isWatched = await eventually(within: .seconds(60)) {
                aliases.allSatisfy { field.has("trial_resumed", $0) }
            }
            let took = ContinuousClock.now - began
            result.resumptions.append(took)
            let isTimely = isWatched && took <= StressResult.resumeLimit
            result.verdicts +=
                try await conclude(field) + [
                    isTimely
                        ? .kept(.resume) : .broken(.resume, "eight trials were watched again after \(took.shortText)")
                ]
        }
        return result
    }
}

// MARK: Guards

extension StressJob {
    /// Nobody is left to end the containers: a sweep does.
    private func killGuard(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        for number in 1...item.count {
            let field = field(number) { $0.steps = 100_000 }
            try field.start()
            let workers = field.plan.aliases.filter { $0.hasPrefix("worker") }
            let hasBegun = await eventually(within: .seconds(60)) { workers.allSatisfy { field.progress($0) > 5 } }
            let guardProcess = (try? Files.read(field.run.guardLockPath)).flatMap {
                Int32(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
            }
            guard hasBegun, let guardProcess, guardProcess > 1 else {
                _ = try await end(field, within: .zero)
                result.verdicts.append(.broken(.outcome, "no guard stood beside \(field.id)"))
                continue
            }
            Foundation.kill(guardProcess, SIGKILL)
            try await field.kill()
            result.injected += 1
            try await field.sweep(field.runIDs)
            let facts = try await field.facts()
            litter.remove(field)
            result.verdicts += facts.verdicts
        }
        return result
    }

    /// The guard ends the containers of a dead harness; the run is taken up all the same.
    private func orphans(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        for number in 1...item.count {
            let field = field(number) {
                $0.steps = 100_000
                $0.arguments = ["--orphan-grace", "1s"]
            }
            try field.start()
            let workers = field.plan.aliases.filter { $0.hasPrefix("worker") }
            guard await eventually(within: .seconds(60), { workers.allSatisfy { field.progress($0) > 5 } }) else {
                _ = try await end(field, within: .zero)
                result.verdicts.append(.broken(.outcome, "not all agents of \(field.id) began"))
                continue
            }
            try await field.kill()
            result.injected += 1
            let areGone = try await eventually(within: .seconds(30)) {
                try await Task.sleep(for: .milliseconds(500))
                return try await field.left().filter { $0.hasPrefix("container") }.isEmpty
            }
            try await field.takeUp()
            let (facts, faults) = try await end(field)
            let wrong = areGone ? [] : ["the guard left containers"]
            let ended = facts.trials.filter { $0.outcome == nil || $0.outcome == .completed }.map {
                "\($0.alias): \($0.outcome?.rawValue ?? "without an outcome")"
            }
            result.verdicts += facts.verdicts + [.of(.outcome, faults + wrong + ended)]
        }
        return result
    }
}
