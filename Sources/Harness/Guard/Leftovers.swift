import PreflightCore
package import Store

/// What the journal knows of runs that nobody watches any more: enough to offer a sweep, without asking anybody.
package struct Leftovers: Sendable, Equatable {
    /// In the order in which they left something.
    package private(set) var runs: [String] = []
    package private(set) var count = 0

    package init(journal: Journal, in directory: RunsDirectory) async throws {
        for resource in try await journal.resourcesLeft() {
            let lock = Sweeper.lockPath(run: resource.run, in: directory)
            guard runs.contains(resource.run) || HarnessLock.holder(path: lock) != .living else { continue }
            count += 1
            if !runs.contains(resource.run) { runs.append(resource.run) }
        }
    }

    /// The offer, in a line; nil where nothing is left.
    package var offer: String? {
        guard let first = runs.first else { return nil }
        let others = runs.count > 1 ? " and \(runs.count - 1) more" : ""
        let things = count == 1 ? "1 thing" : "\(count) things"
        return "\(first)\(others) died and left \(things): `preflight sweep` removes what is left"
    }
}
