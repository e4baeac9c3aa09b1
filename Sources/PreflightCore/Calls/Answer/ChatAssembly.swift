/// The chunks of a chat completion, or of an older completion, put together.
struct ChatAssembly: Sendable {
    private var top = JSON.Object()
    private var choices: [Int: ChatChoiceAssembly] = [:]
    private var isEmpty = true

    /// Padding against traffic analysis, and what is built here.
    private static let leftOut: Set<String> = ["object", "choices", "obfuscation", "p"]
    private static let mostChoices = 1024

    mutating func add(_ chunk: JSON.Object) {
        isEmpty = false
        for member in chunk.members where !Self.leftOut.contains(member.key) {
            // Null keeps the place of a member that may still come.
            if member.value != .null || top[member.key] == nil { top[member.key] = member.value }
        }
        for choice in chunk["choices"]?.array ?? [] {
            guard case .object(let object) = choice else { continue }
            let index = object["index"]?.int ?? 0
            guard choices[index] != nil || choices.count < Self.mostChoices else { continue }
            choices[index, default: ChatChoiceAssembly()].add(object)
        }
    }

    func answer(in dialect: Dialect) -> JSON? {
        guard !isEmpty else { return nil }
        var answer = JSON.Object()
        if let id = top["id"] { answer.append("id", id) }
        answer.append("object", dialect == .completions ? "text_completion" : "chat.completion")
        for member in top.members where member.key != "id" && member.key != "usage" {
            answer.append(member.key, member.value)
        }
        answer.append(
            "choices",
            .array(choices.sorted { $0.key < $1.key }.map { $0.value.answer(index: $0.key, in: dialect) }))
        if let usage = top["usage"], usage != .null { answer.append("usage", usage) }
        return .object(answer)
    }
}

/// One choice of it.
struct ChatChoiceAssembly: Sendable {
    private var members = JSON.Object()
    private var delta = DeltaAssembly()
    private var text = ""
    /// Lists under the same key become one list; nil while there are none.
    private var logprobs: [String: [JSON]]?

    mutating func add(_ choice: JSON.Object) {
        for member in choice.members {
            switch member.key {
            case "index": break
            case "delta", "message":
                if case .object(let object) = member.value { delta.add(object) }
            case "text": text += member.value.string ?? ""
            case "logprobs":
                guard case .object(let object) = member.value else { continue }
                for list in object.members where list.value != .null {
                    logprobs = logprobs ?? [:]
                    logprobs?[list.key, default: []] += list.value.array ?? [list.value]
                }
            default:
                if member.value != .null || members[member.key] == nil { members[member.key] = member.value }
            }
        }
    }

    func answer(index: Int, in dialect: Dialect) -> JSON {
        var choice = JSON.Object()
        choice.append("index", .int(index))
        if dialect == .completions {
            choice.append("text", .string(text))
        } else {
            choice.append("message", delta.message)
        }
        choice.append("logprobs", logprobsJSON)
        for member in members.members { choice.append(member.key, member.value) }
        return .object(choice)
    }

    private var logprobsJSON: JSON {
        guard let logprobs else { return .null }
        return .object(
            JSON.Object(logprobs.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .array($0.value)) }))
    }
}
