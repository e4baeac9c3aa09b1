package import PreflightCore

/// What a trial's end says of its model.
package enum Fate: Hashable, Sendable {
    case completed
    /// It ended without a result, or a policy found it hopeless.
    case failed
    /// It was stopped by something that says nothing of what it would have become.
    case cutOff(CutOff)
    /// What it would have done nobody could see: the machine, the provider or Preflight failed.
    case missing

    package enum CutOff: String, Hashable, Sendable, CaseIterable {
        /// Its money was used up, or a bound on it was reached.
        case money
        case time
        /// The field was decided without it.
        case race
        /// Its owner did not let it go on.
        case owner
        /// It has not ended yet.
        case underWay = "under_way"

        package var words: String {
            switch self {
            case .money: "by money"
            case .time: "by time"
            case .race: "by a race"
            case .owner: "by its owner"
            case .underWay: "still under way"
            }
        }
    }

    /// - Parameter rules: of the trial's experiment: a policy that its owner has named is known by them alone.
    package init(_ trial: TrialSummary, rules: [PolicyRule] = []) {
        switch trial.outcome {
        case .completed: self = .completed
        case .agentFailed: self = .failed
        case .budgetExhausted: self = .cutOff(.money)
        case .ejected: self = Self.cutOff(byPolicy: trial.reason ?? "", rules).map(Fate.cutOff) ?? .failed
        case .imageFailed, .dockerFailed, .providerFailed, .provisioningFailed, .harnessFailed, .lost: self = .missing
        // Who never began was not seen.
        case .cancelled: self = trial.runtime > .zero ? .cutOff(.owner) : .missing
        case nil: self = trial.runtime > .zero ? .cutOff(.underWay) : .missing
        }
    }

    /// What bound was reached, if the policy is one on money, time or others alone; nil where it judged the trial.
    ///
    /// - Parameter reason: `POLICY: MESSAGE`; several policies that fired together are joined by `+`, their messages by
    ///   semicolons.
    private static func cutOff(byPolicy reason: String, _ rules: [PolicyRule]) -> CutOff? {
        let named = rules.filter { rule in
            rule.action == .eject && rule.label.map { reason.hasPrefix("\($0): ") } ?? false
        }
        if !named.isEmpty { return together(named.map { bound(of: $0.policy) }) }
        let policy = String(reason.prefix { $0 != ":" })
        let policies = policy.split(separator: "+").map(String.init)
        let message = ownWords(in: String(reason.dropFirst(policy.count + 2)), rules)
        // Each has its own words, in the same order, unless some have a semicolon of their own.
        let messages = message.split(separator: "; ", omittingEmptySubsequences: false).map(String.init)
        return together(
            policies.indices.map { index in
                bound(of: policies[index], messages.count == policies.count ? messages[index] : message)
            })
    }

    /// A rule may have something to say before its policy's own words, which then stand in brackets.
    private static func ownWords(in message: String, _ rules: [PolicyRule]) -> String {
        for rule in rules where rule.action == .eject {
            let told = String(rule.telling(Verdict.Reason(policy: "", message: "")).message.dropLast())
            if !told.isEmpty, message.hasPrefix(told), message.hasSuffix(")") {
                return String(message.dropFirst(told.count).dropLast())
            }
        }
        return message
    }

    /// With one judgement among them it is a judgement.
    private static func together(_ bounds: [CutOff?]) -> CutOff? {
        bounds.contains(nil) ? nil : bounds.compactMap(\.self).first
    }

    private static func bound(of policy: EjectPolicy) -> CutOff? {
        switch policy {
        case .when(let question): bound(in: question.text)
        case .any(let policies), .all(let policies): together(policies.map { bound(of: $0) })
        case .after(_, let policy): bound(of: policy)
        // One's own may be called as anything.
        case .command, .custom, .not: nil
        default: bound(of: policy.name, "")
        }
    }

    private static func bound(of policy: String, _ message: String) -> CutOff? {
        switch policy {
        case EjectPolicy.budgetExceeded.name, "budget_fraction": .money
        case EjectPolicy.wall(.zero).name: .time
        case "race": .race
        case EjectPolicy.heldTooLong.name: .owner
        case "when": bound(in: message)
        default: nil
        }
    }

    private static let ofMoney: Set<String> = ["spend", "remaining", "budget", "spend_share", "cost_per_minute"]

    /// An expression over money and time alone is a bound like the others.
    private static func bound(in expression: String) -> CutOff? {
        let words = expression.split { !($0.isLetter || $0.isNumber || "_.$".contains($0)) }.filter {
            $0.first?.isLetter ?? false
        }.map(String.init)
        let names = Set(words).subtracting(["and", "or", "not", "min", "max"])
        guard !names.isEmpty, names.isSubset(of: ofMoney.union(["elapsed"])) else { return nil }
        return names.isDisjoint(with: ofMoney) ? .time : .money
    }
}
