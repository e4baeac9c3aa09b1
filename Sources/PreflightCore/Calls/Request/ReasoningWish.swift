/// What a request says of reasoning.
package enum ReasoningWish: Hashable, Sendable {
    /// Nothing, or that there should be none. The model may reason all the same.
    case unsaid
    case wanted
    /// It is paid for, and is not to be in the answer.
    case unshown
}

extension CallReading {
    /// A member of a kind that is not known counts as a wish.
    func reasoningWish(model: String) -> ReasoningWish {
        guard !fields.given.isDisjoint(with: Self.reasoning) else {
            return model.hasSuffix(":thinking") ? .wanted : .unsaid
        }
        var isWanted = false
        if let member = fields[.reasoning] {
            let wish = member.json(in: bytes)
            if wish?["exclude"]?.bool == true { return .unshown }
            if wish?["enabled"]?.bool != false, wish?["effort"]?.string != "none" { isWanted = true }
        }
        if let member = fields[.thinking] {
            let wish = member.json(in: bytes)
            if wish?["display"]?.string == "omitted" { return .unshown }
            if wish?["type"]?.string != "disabled" { isWanted = true }
        }
        if let member = fields[.includeReasoning] {
            if member.bool(in: bytes) == false { return .unshown }
            isWanted = true
        }
        if let member = fields[.reasoningEffort], member.string(in: bytes) != "none" { isWanted = true }
        return isWanted ? .wanted : .unsaid
    }

    private static let reasoning = BodyFieldSet(.reasoning, .thinking, .reasoningEffort, .includeReasoning)
}
