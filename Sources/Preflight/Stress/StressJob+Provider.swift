import Foundation
import PreflightCore
import Simulator

extension StressJob {
    /// A trial for each fault, which it asks for at every call. What the provider has done to it counts, not what it asked.
    func provider() async throws -> [StressResult] {
        let faults: [StressFault.Provider] = item.faults.compactMap {
            if case .provider(let fault) = $0 { fault } else { nil }
        }
        let field = field {
            $0.aliases = faults.map(\.alias)
            $0.steps = 16
            $0.faults = Dictionary(uniqueKeysWithValues: faults.map { ($0.alias, $0.order) })
            $0.lines = ["concurrency: \(max(1, faults.count))"]
        }
        try field.start()
        let (facts, endFaults) = try await end(field)
        var results: [StressResult] = []
        for (index, fault) in faults.enumerated() {
            var part = facts
            part.trials = facts.trials.filter { $0.alias == fault.alias }
            part.left = facts.left.filter { $0.contains(fault.alias) }
            // The run's sum is that of all.
            part.cost = nil
            if index == 0 { part = facts }
            var result = result(.provider(fault))
            result.injected = field.keyHashes(fault.alias).reduce(0) { $0 + bench.server.faults(keyHash: $1) }
            let outcome = part.trials.first { $0.alias == fault.alias }?.outcome
            let wrong = outcome == .completed ? [] : ["\(fault.alias): \(outcome?.rawValue ?? "without an outcome")"]
            result.verdicts = part.verdicts + [.of(.outcome, endFaults + wrong)]
            results.append(result)
        }
        return results
    }

    /// Keys that cannot be deleted are named, and swept later.
    func managementDown(_ fault: StressFault) async throws -> StressResult {
        var result = result(fault)
        for number in 1...item.count {
            let field = field(number) { $0.steps = 8 }
            try field.start()
            let aliases = field.plan.aliases
            _ = await eventually(within: .seconds(60)) { aliases.allSatisfy { !field.keyHashes($0).isEmpty } }
            let hashes = aliases.flatMap { field.keyHashes($0) }
            // Others use the same account meanwhile.
            let own = hashes.map {
                bench.server.addFault(Fault(.status, path: "/keys/\($0)", method: "DELETE", count: nil, status: 503))
            }
            // It tries for two minutes.
            _ = await field.ended(within: .seconds(240))
            result.injected += hashes.count
            let named = aliases.filter { field.has("subkey_not_deleted", $0) }
            let isSaid = named.count == hashes.count && !hashes.isEmpty
            bench.server.removeFaults(own)
            try await field.sweep(field.runIDs)
            result.verdicts +=
                try await conclude(field) + [
                    isSaid
                        ? .kept(.outcome)
                        : .broken(.outcome, "of \(hashes.count) keys that stayed \(named.count) were named")
                ]
        }
        return result
    }
}
