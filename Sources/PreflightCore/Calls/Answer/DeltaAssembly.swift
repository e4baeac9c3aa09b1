/// The deltas of one choice, joined to a message.
struct DeltaAssembly: Sendable {
    /// In the order in which they came first.
    private var keys: [String] = []
    private var texts: [String: String] = [:]
    private var lists: [String: [JSON]] = [:]
    private var others: [String: JSON] = [:]
    private var calls: [(index: Int, call: ToolCall)] = []
    private var function: ToolCall?
    private var audio = Pieces()
    private var reasoning: [Pieces] = []

    /// Members of which some texts come in pieces.
    private struct Pieces: Sendable {
        var members = JSON.Object()
        var texts: [String: String] = [:]

        mutating func add(_ new: JSON.Object, joining keys: Set<String>) {
            for member in new.members {
                if keys.contains(member.key), case .string(let text) = member.value {
                    if members[member.key] == nil { members[member.key] = .null }
                    texts[member.key, default: ""] += text
                } else if members[member.key] == nil || (member.value != .null && member.value != "") {
                    members[member.key] = member.value
                }
            }
        }

        var json: JSON {
            var joined = members
            for (key, text) in texts { joined[key] = .string(text) }
            return .object(joined)
        }
    }

    private struct ToolCall: Sendable {
        var members = JSON.Object()
        var function = JSON.Object()
        var arguments = ""
    }

    mutating func add(_ delta: JSON.Object) {
        for member in delta.members {
            if !keys.contains(member.key) { keys.append(member.key) }
            switch (member.key, member.value) {
            case ("role", .string): others["role"] = member.value
            case ("tool_calls", .array(let pieces)):
                for (place, piece) in pieces.enumerated() { addCall(piece, place) }
            case ("function_call", .object(let piece)): Self.add(piece, to: &function)
            case ("audio", .object(let piece)): audio.add(piece, joining: ["data", "transcript"])
            case ("reasoning_details", .array(let pieces)):
                for piece in pieces.compactMap(\.object) { addReasoning(piece) }
            case (_, .string(let text)): texts[member.key, default: ""] += text
            case (_, .array(let values)): lists[member.key, default: []] += values
            case (_, .null): break
            default: others[member.key] = member.value
            }
        }
    }

    var message: JSON {
        var message = JSON.Object()
        message.append("role", others["role"] ?? "assistant")
        let content = texts["content"].flatMap { $0.isEmpty && !(calls.isEmpty && function == nil) ? nil : $0 }
        message.append("content", lists["content"].map(JSON.array) ?? content.map(JSON.string) ?? .null)
        for key in keys where key != "role" && key != "content" { message.append(key, value(of: key)) }
        return .object(message)
    }

    private func value(of key: String) -> JSON {
        switch key {
        case "tool_calls": .array(calls.map { Self.json($0.call) })
        case "function_call": function.map { Self.json($0)["function"] ?? .null } ?? .null
        case "audio": audio.members.isEmpty ? .null : audio.json
        case "reasoning_details": .array(reasoning.map(\.json))
        default: lists[key].map(JSON.array) ?? texts[key].map(JSON.string) ?? others[key] ?? .null
        }
    }

    /// Pieces belong together by index. A server that numbers all calls alike starts another one with another id.
    private mutating func addCall(_ piece: JSON, _ place: Int) {
        guard case .object(let object) = piece else { return }
        let index = object["index"]?.int ?? place
        let id = object["id"]?.string ?? ""
        let known = calls.lastIndex { entry in
            guard entry.index == index else { return false }
            let old = entry.call.members["id"]?.string ?? ""
            return id.isEmpty || old.isEmpty || old == id
        }
        var call: ToolCall? = known.map { calls[$0].call }
        Self.add(object["function"]?.object ?? JSON.Object(), to: &call)
        for member in object.members where member.key != "function" && member.key != "index" {
            if member.value != .null, member.value != "" { call?.members[member.key] = member.value }
        }
        guard let call else { return }
        if let known {
            calls[known].call = call
        } else if calls.count < AnswerFacts.mostKept {
            calls.append((index, call))
        }
    }

    private static func add(_ function: JSON.Object, to call: inout ToolCall?) {
        var joined = call ?? ToolCall()
        for member in function.members {
            if member.key == "arguments" {
                joined.arguments += member.value.string ?? ""
            } else if member.value != .null, member.value != "" {
                joined.function[member.key] = member.value
            }
        }
        call = joined
    }

    private static func json(_ call: ToolCall) -> JSON {
        var function = call.function
        function["arguments"] = .string(call.arguments)
        var members = call.members
        if members["type"] == nil { members["type"] = "function" }
        members["function"] = .object(function)
        return .object(members)
    }

    /// Text and summary of one block come in pieces, encrypted data whole.
    private mutating func addReasoning(_ piece: JSON.Object) {
        let joinsLast =
            reasoning.last.map { last in
                piece["data"]?.string == nil && last.members["data"]?.string == nil
                    && last.members["type"] == piece["type"] && last.members["index"] == piece["index"]
            } ?? false
        if !joinsLast {
            guard reasoning.count < AnswerFacts.mostKept else { return }
            reasoning.append(Pieces())
        }
        reasoning[reasoning.count - 1].add(piece, joining: ["text", "summary"])
    }
}
