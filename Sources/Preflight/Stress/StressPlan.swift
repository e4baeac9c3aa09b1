import PreflightCore

/// What is done to Preflight.
enum StressFault: Hashable, Sendable {
    case killRandom

    var id: String {
        switch self {
        case .killRandom: "kill-harness"
        }
    }
}

/// What a suite injects, in its order; the same for the same seed.
struct StressPlan: Sendable {
    struct Item: Sendable {
        var fault: StressFault
        var access = StressField.Access.direct
        /// How often it is injected.
        var count = 1
        var aliases: [String] = ["worker-1", "worker-2", "worker-3", "spender-1"]
        var steps = 60

        var text: String { "\(fault.id), \(access.rawValue), \(count)x" }
    }

    var seed: UInt64
    /// Keeps the names of two suites apart.
    var nonce: String
    var items: [Item]
}
