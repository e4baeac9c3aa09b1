extension EjectPolicy {
    private var isRace: Bool { if case .race = self { true } else { false } }

    /// A race below the top, where nobody judges it.
    var hasInnerRace: Bool {
        switch self {
        case .any(let policies), .all(let policies): policies.contains { $0.isRace || $0.hasInnerRace }
        case .not(let policy), .after(_, let policy): policy.isRace || policy.hasInnerRace
        default: false
        }
    }
}
