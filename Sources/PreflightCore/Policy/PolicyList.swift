/// The policies of an experiment, in their order.
package struct PolicyList: Hashable, Sendable {
    package var rules: [PolicyRule]

    package init(_ rules: [PolicyRule] = []) { self.rules = rules }

    /// Policies that eject.
    package init(ejecting policies: EjectPolicy...) { rules = policies.map { PolicyRule($0) } }

    /// What holds where an experiment says nothing.
    package static let standard = PolicyList(ejecting: .budgetExceeded, .idle(.seconds(300)))

    /// The command policies anywhere inside, for the harness to ask.
    package var commands: [CommandPolicy] { rules.flatMap(\.policy.commands) }

    /// The same with the programs of command policies and hooks changed.
    package func mappingPrograms(_ change: ([String]) -> [String]) -> PolicyList {
        PolicyList(
            rules.map { rule in
                var rule = rule
                rule.policy = rule.policy.mappingCommands {
                    CommandPolicy(name: $0.name, command: change($0.command), every: $0.every)
                }
                if case .command(let command) = rule.hook { rule.hook = .command(change(command)) }
                return rule
            })
    }

    /// The same with another bound for silence that ejects, or with none.
    package func replacingIdle(with bound: Duration?) -> PolicyList {
        var rules = rules.filter { rule in
            if case .idle = rule.policy { rule.action != .eject } else { true }
        }
        if let bound { rules.append(PolicyRule(.idle(bound))) }
        return PolicyList(rules)
    }

    package static func + (list: PolicyList, more: [PolicyRule]) -> PolicyList { PolicyList(list.rules + more) }
}
