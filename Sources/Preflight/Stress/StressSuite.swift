import Containers
import Foundation
import PreflightCore
import Synchronization

/// Injects what a plan says, and holds the promises to what is found.
struct StressSuite: Sendable {
    let plan: StressPlan
    let bench: StressBench
    let litter = StressLitter()

    /// How many injections go on at a time; they mostly wait.
    private static let lanes = 2

    func run() async throws -> [StressResult] {
        let outcome: Result<[StressResult], any Error>
        do { outcome = .success(try await injectAll()) } catch { outcome = .failure(error) }
        // What was begun is given back, whatever broke.
        let litter = litter
        await Task { await litter.clear() }.value
        return try outcome.get()
    }

    private func injectAll() async throws -> [StressResult] {
        let sibling = try await StressSibling.start(bench, litter)
        let total = plan.items.count
        let numbered = plan.items.enumerated().map { ($0 + 1, $1) }
        var results: [(Int, [StressResult])] = []
        func take(_ number: Int, _ found: [StressResult]) {
            results.append((number, found))
            for result in found {
                let place = "  [\(number)/\(total)] \(result.fault.id):"
                for verdict in result.broken {
                    bench.say("\(place) broken: \(verdict.promise.rawValue): \(verdict.broken ?? "")")
                }
                if let reason = result.skipped {
                    bench.say("\(place) skipped: \(reason)")
                }
            }
        }
        try await withThrowingTaskGroup(of: (Int, [StressResult]).self) { group in
            var waiting = numbered.filter(\.1.mayShare)[...]
            func startNext() {
                guard let (number, item) = waiting.popFirst() else { return }
                group.addTask { (number, try await inject(item, number: number, of: total, sibling)) }
            }
            for _ in 0..<Self.lanes { startNext() }
            for try await (number, found) in group {
                take(number, found)
                startNext()
            }
        }
        for (number, item) in numbered where !item.mayShare {
            take(number, try await inject(item, number: number, of: total, sibling))
        }
        var ordered = results.sorted { $0.0 < $1.0 }.flatMap(\.1)
        let last = try await sibling.end()
        for verdict in last where verdict.broken != nil { bench.say("  sibling: \(verdict.broken ?? "")") }
        if let index = ordered.lastIndex(where: { $0.skipped == nil }) { ordered[index].verdicts += last }
        return ordered
    }

    private func inject(
        _ item: StressPlan.Item, number: Int, of total: Int, _ sibling: StressSibling
    ) async throws -> [StressResult] {
        try Task.checkCancellation()
        bench.say("[\(number)/\(total)] \(item.text)")
        let job = StressJob(
            item: item, name: "stress-\(plan.nonce)-\(number)", bench: bench, litter: litter,
            random: StressRandom(seed: plan.seed).child("\(number) \(item.text)"))
        var results = try await job.run()
        if let index = results.firstIndex(where: { $0.skipped == nil }) {
            results[index].verdicts.append(await sibling.verdict())
        }
        return results
    }
}

/// What is to be given back whatever becomes of the suite: fields that have not been concluded.
final class StressLitter: Sendable {
    private let fields = Mutex<[StressField]>([])

    func add(_ field: StressField) { fields.withLock { $0.append(field) } }
    func remove(_ field: StressField) { fields.withLock { $0.removeAll { $0 === field } } }

    /// Ends and sweeps what is left.
    func clear() async {
        for field in fields.withLock({ $0 }) {
            await field.crash()
            try? await field.sweep(field.runIDs)
        }
    }
}
