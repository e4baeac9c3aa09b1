import PreflightCore

/// What a suite injects, in its order; the same for the same seed.
struct StressPlan: Sendable {
    /// Faults that are injected in one go.
    struct Item: Sendable, Equatable {
        var faults: [StressFault]
        var access = StressField.Access.direct
        /// How often each is injected, where that is not up to the agents.
        var count = 1
        /// How many trials a field has.
        var trials = 4
        /// Others may go on beside it: it is neither about time nor about the whole machine.
        var mayShare = true

        var text: String {
            let names =
                faults.count > 2
                ? "\(faults[0].id) and \(faults.count - 1) more" : faults.map(\.id).joined(separator: ", ")
            return "\(names) (\(access.rawValue))"
        }
    }

    var seed: UInt64
    /// Keeps the names of two suites apart.
    var nonce: String
    var items: [Item]

    /// - Parameter only: ids of faults, or of groups; empty for all that the suite has.
    static func make(seed: UInt64, nonce: String, isLong: Bool, only: [String]) throws(PreflightError) -> StressPlan {
        let known = Set(StressFault.all.map(\.id)).union(StressFault.groups.keys)
        for name in only where !known.contains(name) {
            throw PreflightError(
                .usage, "--only '\(name)': there is no such fault",
                hint: NearestName.hint(name, among: known) ?? "one of \(known.sorted().joined(separator: ", "))")
        }
        func isWanted(_ fault: StressFault) -> Bool {
            only.isEmpty || only.contains { fault.id == $0 || StressFault.groups[$0]?(fault) ?? false }
        }
        var items = isLong ? long() : short(StressRandom(seed: seed), all: !only.isEmpty)
        for index in items.indices { items[index].faults.removeAll { !isWanted($0) } }
        return StressPlan(seed: seed, nonce: nonce, items: items.filter { !$0.faults.isEmpty })
    }

    /// A few minutes on two processors: something of everything, another something for each seed.
    private static func short(_ random: StressRandom, all: Bool) -> [Item] {
        var random = random
        let (one, other) = Bool.random(using: &random) ? (direct, gateway) : (gateway, direct)
        let steps = all ? MarkedStep.allCases : Array(MarkedStep.allCases.shuffled(using: &random).prefix(5))
        var items = [
            Item(faults: [.killHarness], access: one, count: 3),
            Item(faults: [.killHarness], access: other, count: 3),
        ]
        items += steps.map {
            Item(
                faults: [.killStep($0)], access: $0.needsGateway || Bool.random(using: &random) ? gateway : direct,
                trials: 2)
        }
        items += [
            Item(faults: [.killGateway], access: gateway, count: 3, mayShare: false),
            Item(faults: [.killGuard], access: one, trials: 2),
            Item(faults: [.orphans], access: other, trials: 2),
            Item(faults: [.managementDown], access: one, trials: 2),
            Item(faults: StressFault.Provider.allCases.map(StressFault.provider), access: gateway),
            Item(faults: StressFault.Agent.allCases.map(StressFault.agent), access: gateway, mayShare: false),
            Item(faults: [.resumeEight], access: one, trials: 8, mayShare: false),
        ]
        // These take an engine or a disk of their own: only for those who ask.
        if all {
            items += [
                Item(faults: [.diskFull], access: gateway, trials: 2, mayShare: false),
                Item(faults: [.killEngine], access: one, mayShare: false),
            ]
        }
        return items
    }

    private static func long() -> [Item] {
        // In parts, so that what was done stands if the rest is cut short.
        var items = (0..<20).map {
            Item(
                faults: [.killHarness], access: $0 % 2 == 0 ? direct : gateway, count: 25, trials: 8, mayShare: false)
        }
        for access in [direct, gateway] {
            items += MarkedStep.allCases.filter { access == gateway || !$0.needsGateway }.map {
                Item(faults: [.killStep($0)], access: access, count: 3, trials: 4)
            }
            items += [
                Item(faults: [.killGuard], access: access, count: 5),
                Item(faults: [.orphans], access: access, count: 5),
                Item(faults: [.managementDown], access: access, count: 5),
            ]
            items += (0..<3).map { _ in
                Item(faults: StressFault.Provider.allCases.map(StressFault.provider), access: access)
            }
            items += (0..<10).map { _ in
                Item(faults: StressFault.Agent.allCases.map(StressFault.agent), access: access, mayShare: false)
            }
            items += [
                Item(faults: [.resumeEight], access: access, count: 10, trials: 8, mayShare: false),
                Item(faults: [.diskFull], access: access, trials: 2, mayShare: false),
                Item(faults: [.killEngine], access: access, count: 3, mayShare: false),
            ]
        }
        return items + [Item(faults: [.killGateway], access: gateway, count: 100, mayShare: false)]
    }

    private static let direct = StressField.Access.direct
    private static let gateway = StressField.Access.gateway
}

extension MarkedStep {
    /// Whether it is passed with `access: gateway` alone.
    var needsGateway: Bool {
        switch self {
        case .runScopeMade, .ledgerCommits, .ledgerCommitted, .callReserved, .callSent, .callAnswered: true
        default: false
        }
    }

    /// Whether it is passed only where a trial is stopped.
    var needsEject: Bool { [.stopDecided, .subKeyDisabled, .containerStopped].contains(self) }

    /// Whether a run passes it once, however many trials it has.
    func isOfRun(_ access: StressField.Access) -> Bool {
        switch self {
        case .runScopeMade, .runBegun, .runReceiptWritten: true
        case .networkIntended, .networkMade: access == .direct
        default: false
        }
    }
}
