extension PolicyList {
    /// Reads `eject` of an experiment file: a list of rules, or one. An outermost `any` is the same as a list.
    package init(reader: TreeReader) throws(PreflightError) {
        let members = reader.value.object?.members ?? []
        let list: TreeReader
        if members.count == 1, let member = members.first, member.key == "any", member.value.array != nil {
            list = TreeReader(member.value, path: reader.path.isEmpty ? "any" : "\(reader.path).any")
        } else if reader.value.array != nil {
            list = reader
        } else {
            self.init([try PolicyRule(reader: reader)])
            return
        }
        var rules: [PolicyRule] = []
        for element in try list.array() { rules.append(try PolicyRule(reader: element)) }
        guard !rules.isEmpty else { throw list.fail("the list is empty") }
        self.init(rules)
    }

    /// As an experiment file has it.
    package var tree: JSON { .array(rules.map(\.tree)) }
}

extension PolicyRule {
    /// What a rule has beside its policy.
    package static let keys = ["do", "message", "hook", "name", "for"]

    /// Reads a policy with what it does, such as `{idle: 60s, do: notify}`, or a policy alone.
    ///
    /// - Parameter action: what it does where it does not say so.
    package init(reader: TreeReader, action: PolicyAction = .eject) throws(PreflightError) {
        guard let object = reader.value.object, object.members.contains(where: { Self.keys.contains($0.key) }) else {
            self.init(try EjectPolicy(reader: reader), action)
            return
        }
        let own = object.members.filter { !Self.keys.contains($0.key) }
        guard !own.isEmpty else {
            throw reader.fail(
                "a policy is missing beside \(object.keys.joined(separator: ", "))", hint: "such as idle: 60s")
        }
        let policy = try EjectPolicy(reader: TreeReader(.object(JSON.Object(own)), path: reader.path))
        let options = JSON.Object(object.members.filter { Self.keys.contains($0.key) })
        let members = try TreeReader(.object(options), path: reader.path).object(keys: Self.keys)
        self.init(
            policy, try members["do"]?.choice(PolicyAction.self) ?? action, message: try members["message"]?.string(),
            label: try members["name"]?.string())
        if let hook = members["hook"] { self.hook = try PolicyHook(reader: hook) }
        if let limit = members["for"] {
            self.limit = try limit.duration()
            guard self.action == .hold else { throw limit.fail("only a hold has an end", hint: "add do: hold") }
            guard self.limit ?? .zero > .zero else { throw limit.fail("expected a time of more than 0") }
        }
        if let label, label.isEmpty || label.utf8.count > 64 || label.contains(where: { $0.isNewline }) {
            throw (members["name"] ?? reader).fail("expected a name of at most 64 bytes")
        }
        if let label, label != policy.name, EndRule.meaningfulNames.contains(label) {
            throw (members["name"] ?? reader).fail(
                EndRule.complaint(ofName: label), hint: "give it another name, such as name: my_\(label)")
        }
        if let message, message.utf8.count > 4096 {
            throw (members["message"] ?? reader).fail("expected at most 4096 bytes")
        }
    }

    package var tree: JSON {
        guard action != .eject || message != nil || hook != nil || label != nil || limit != nil else {
            return policy.tree
        }
        var object = policy.tree.object ?? JSON.Object([.init(key: policy.name, value: .null)])
        if action != .eject { object.append("do", .string(action.rawValue)) }
        if let message { object.append("message", .string(message)) }
        if let hook { object.append("hook", hook.tree) }
        if let limit { object.append("for", .string(limit.secondsText)) }
        if let label { object.append("name", .string(label)) }
        return .object(object)
    }
}

extension PolicyHook {
    init(reader: TreeReader) throws(PreflightError) {
        guard reader.value.object != nil else {
            let command = try reader.strings()
            guard let program = command.first, !program.isEmpty else {
                throw reader.fail("a program is missing", hint: "hook: [./page-me], or hook: {url: https://…}")
            }
            self = .command(command)
            return
        }
        let members = try reader.object(keys: ["url"])
        guard let address = members["url"] else { throw reader.fail("url is missing") }
        let url = try address.string()
        guard url.hasPrefix("https://") || url.hasPrefix("http://"), url.utf8.count > 8, !url.contains(" ") else {
            throw address.fail("expected an address, such as https://example.com/hook")
        }
        self = .web(url: url)
    }

    var tree: JSON {
        switch self {
        case .command(let command): .strings(command)
        case .web(let url): ["url": .string(url)]
        }
    }
}
