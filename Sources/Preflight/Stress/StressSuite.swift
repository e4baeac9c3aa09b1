import Containers
import Foundation
import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store

/// Injects what a plan says, one after the other, and holds the promises to what is found.
struct StressSuite: Sendable {
    let plan: StressPlan
    let bench: StressBench

    func run() async throws -> [StressResult] {
        let sibling = try await StressSibling.start(bench)
        var results: [StressResult] = []
        do {
            for (index, item) in plan.items.enumerated() {
                try Task.checkCancellation()
                bench.say("[\(index + 1)/\(plan.items.count)] \(item.text)")
                var result = try await inject(item, number: index + 1)
                if result.skipped == nil { result.verdicts.append(await sibling.verdict()) }
                for verdict in result.broken {
                    bench.say("  broken: \(verdict.promise.rawValue): \(verdict.broken ?? "")")
                }
                if let reason = result.skipped { bench.say("  skipped: \(reason)") }
                results.append(result)
            }
        } catch {
            _ = try? await sibling.end()
            throw error
        }
        if let last = results.lastIndex(where: { $0.skipped == nil }) {
            results[last].verdicts.append(contentsOf: try await sibling.end())
        }
        return results
    }

    private func inject(_ item: StressPlan.Item, number: Int) async throws -> StressResult {
        let name = "stress-\(plan.nonce)-\(number)"
        var chance = StressRandom(seed: plan.seed).child(item.text)
        switch item.fault {
        case .killRandom: return try await killAtRandom(item, name, &chance)
        }
    }
}

// MARK: The harness is killed

extension StressSuite {
    /// Kills at random times and takes up again, field after field, until it was done often enough.
    private func killAtRandom(
        _ item: StressPlan.Item, _ name: String, _ chance: inout StressRandom
    ) async throws -> StressResult {
        var result = StressResult(fault: item.fault.id, variant: item.access.rawValue)
        var number = 0
        while result.injected < item.count {
            number += 1
            let field = StressField(
                bench, .init(access: item.access, aliases: item.aliases, steps: item.steps), name: "\(name)-\(number)")
            var child = try field.start()
            while result.injected < item.count {
                if await child.ended(within: chance.duration(200...5000)) != nil { break }
                await child.crash()
                try await field.noteKill()
                result.injected += 1
                child = try await field.takeUp()
            }
            result.verdicts += try await conclude(field, child)
        }
        return result
    }

    /// Waits for the field's end, and looks at what it left.
    func conclude(_ field: StressField, _ child: StressChild) async throws -> [StressVerdict] {
        let code = await child.ended(within: .seconds(180))
        if code == nil { await child.crash() }
        try await field.sweep(code == nil ? field.runIDs : field.runIDs.dropLast())
        let facts = try await field.facts()
        var faults: [String] = []
        if code == nil { faults.append("\(field.id) did not end within 180 s") }
        if let code, ![0, 1].contains(code) { faults.append("\(field.id) ended with exit status \(code)") }
        faults += facts.trials.filter { !Self.isWell($0) }.map {
            "\($0.alias): \($0.outcome?.rawValue ?? "without an outcome")"
        }
        return facts.verdicts + [.of(.outcome, faults)]
    }

    private static func isWell(_ trial: FieldFacts.Trial) -> Bool {
        trial.alias.hasPrefix("spender") ? trial.outcome == .budgetExhausted : trial.outcome == .completed
    }
}
