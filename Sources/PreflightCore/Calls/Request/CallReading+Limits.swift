extension CallReading {
    func bool(_ field: BodyField) throws(CallRefusal) -> Bool? {
        guard let member = fields[field] else { return nil }
        guard let value = member.bool(in: bytes) else {
            throw .invalidMember(field.name, expected: "true or false")
        }
        return value
    }

    func asksForUsage() throws(CallRefusal) -> Bool {
        guard let options = try object(.streamOptions), let member = options.member("include_usage", in: bytes) else {
            return false
        }
        guard let value = member.bool(in: bytes) else {
            throw .invalidMember("stream_options.include_usage", expected: "true or false")
        }
        return value
    }

    /// The models to fall back on: names in `models`, or objects with one in `fallbacks`.
    func fallbacks() throws(CallRefusal) -> [String] {
        var names: [String] = []
        for field in BodyFieldSet.namingFallbacks.intersection(fields.given) {
            guard let member = fields[field] else { continue }
            guard let entries = member.json(in: bytes)?.array, entries.count <= CallFacts.maximumFallbacks else {
                throw .invalidMember(
                    field.name, expected: "a list of at most \(CallFacts.maximumFallbacks) models")
            }
            for entry in entries {
                guard let name = entry.string ?? Self.onlyModel(entry), !name.isEmpty else {
                    throw .invalidMember(field.name, expected: "a list of models")
                }
                if !names.contains(name) { names.append(name) }
            }
        }
        return names
    }

    private static func onlyModel(_ entry: JSON) -> String? {
        guard let members = entry.object?.members else { return nil }
        let names = members.filter { BodyNames.folded($0.key) == "model" }
        return names.count == 1 ? names[0].value.string : nil
    }

    /// The smallest of the members that cap the output in this dialect.
    func outputCap() throws(CallRefusal) -> Int? {
        var cap: Int?
        for field in dialect.outputCaps.intersection(fields.given) {
            guard let member = fields[field] else { continue }
            // Only a completion may ask for its prompt alone. Elsewhere some servers take 0 as no limit.
            let least = dialect == .completions ? 0 : 1
            guard let value = member.int(in: bytes), value >= least else {
                throw .invalidMember(field.name, expected: "a positive whole number")
            }
            cap = min(cap ?? CallFacts.maximumOutput, value)
        }
        return cap
    }

    /// `n` and `best_of`, times the prompts of a completion.
    func choices() throws(CallRefusal) -> Int {
        var choices = 1
        for field in BodyFieldSet.multiplying.intersection(fields.given) {
            guard let member = fields[field] else { continue }
            guard let value = member.int(in: bytes), (1...CallFacts.maximumChoices).contains(value) else {
                throw .invalidMember(
                    field.name, expected: "a whole number from 1 to \(CallFacts.maximumChoices)")
            }
            choices = max(choices, value)
        }
        guard dialect == .completions else { return choices }
        return choices.saturatingMultiply(by: sequences)
    }

    /// `thinking.budget_tokens` of Anthropic, `reasoning.max_tokens` of OpenRouter: the larger.
    func thinkingBudget() throws(CallRefusal) -> Int? {
        guard !fields.given.isDisjoint(with: .thinking) else { return nil }
        var budget: Int?
        for (field, key) in ThinkingMember.all {
            guard let object = try object(field), let member = object.member(key, in: bytes) else { continue }
            guard let value = member.int(in: bytes), value >= 0 else {
                throw .invalidMember("\(field.name).\(key)", expected: "a whole number")
            }
            budget = max(budget ?? value, value)
        }
        return budget
    }
}

/// The members that give thinking a share of the output.
enum ThinkingMember {
    static let all: [(BodyField, StaticString)] = [(.thinking, "budget_tokens"), (.reasoning, "max_tokens")]
}

extension BodyFieldSet {
    fileprivate static let namingFallbacks = BodyFieldSet(.models, .fallbacks)
    fileprivate static let multiplying = BodyFieldSet(.n, .bestOf)
    static let thinking = BodyFieldSet(.thinking, .reasoning)

    fileprivate static let none = BodyFieldSet()
    fileprivate static let ofChat = BodyFieldSet(.maxTokens, .maxCompletionTokens)
    fileprivate static let ofMessages = BodyFieldSet(.maxTokens)
    fileprivate static let ofResponses = BodyFieldSet(.maxOutputTokens)
}

extension Dialect {
    /// The members that cap the output, the preferred one first.
    var outputCaps: BodyFieldSet {
        switch self {
        case .chat: .ofChat
        case .completions, .messages: .ofMessages
        case .responses: .ofResponses
        case .embeddings: .none
        }
    }
}
