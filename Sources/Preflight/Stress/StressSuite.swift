import Containers
import Foundation
import PreflightCore
import Synchronization

/// Injects what a plan says, and holds the promises to what is found.
struct StressSuite: Sendable {
    let plan: StressPlan
    let bench: StressBench
    let litter = StressLitter()
    /// What came of it so far, which stands even if the suite is cut short.
    let harvest: StressHarvest

    /// How many injections go on at a time; they mostly wait.
    private static let lanes = 2

    func run() async throws {
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await injectAll()) } catch { outcome = .failure(error) }
        // What was begun is given back, whatever broke.
        let litter = litter
        await Task { await litter.clear() }.value
        try outcome.get()
    }

    private func injectAll() async throws {
        let sibling = try await StressSibling.start(bench, litter)
        let total = plan.items.count
        let numbered = plan.items.enumerated().map { ($0 + 1, $1) }
        func take(_ number: Int, _ found: [StressResult]) {
            harvest.add(number, found)
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
        let last = try await sibling.end()
        for verdict in last where verdict.broken != nil { bench.say("  sibling: \(verdict.broken ?? "")") }
        harvest.addLast(last)
    }

    private func inject(
        _ item: StressPlan.Item, number: Int, of total: Int, _ sibling: StressSibling
    ) async throws -> [StressResult] {
        try Task.checkCancellation()
        bench.say("[\(number)/\(total)] \(item.text)")
        let job = StressJob(
            item: item, name: "stress-\(plan.nonce)-\(number)", bench: bench, litter: litter,
            random: StressRandom(seed: plan.seed).child("\(number) \(item.text)"))
        var results = try await job.run().map(\.honest)
        if let index = results.firstIndex(where: { $0.skipped == nil }) {
            results[index].verdicts.append(await sibling.verdict())
        }
        return results
    }
}

/// The results of a suite as they come.
final class StressHarvest: Sendable {
    private let results = Mutex<[(number: Int, results: [StressResult])]>([])

    func add(_ number: Int, _ found: [StressResult]) { results.withLock { $0.append((number, found)) } }

    /// What was seen at the very end counts with the last fault that was injected.
    func addLast(_ verdicts: [StressVerdict]) {
        results.withLock { all in
            all.sort { $0.number < $1.number }
            for index in all.indices.reversed() {
                guard let place = all[index].results.lastIndex(where: { $0.skipped == nil }) else { continue }
                all[index].results[place].verdicts += verdicts
                return
            }
        }
    }

    /// In the order of the plan.
    var ordered: [StressResult] { results.withLock { $0.sorted { $0.number < $1.number }.flatMap(\.results) } }
}

/// What is to be given back whatever becomes of the suite: fields that have not been concluded.
final class StressLitter: Sendable {
    private let fields = Mutex<[StressField]>([])

    func add(_ field: StressField) { fields.withLock { $0.append(field) } }
    func remove(_ field: StressField) { fields.withLock { $0.removeAll { $0 === field } } }

    /// Ends and sweeps what is left, of one item of the plan or of all.
    func clear(of name: String? = nil) async {
        for field in fields.withLock({ $0 }) where name.map({ field.name.hasPrefix("\($0)-") }) ?? true {
            await field.crash()
            try? await field.sweep(field.runIDs)
            remove(field)
        }
    }
}
