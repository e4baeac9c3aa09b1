import PreflightCore

/// A request of any API in the form of `POST /chat/completions`, so that prompts are counted and cached, and turns
/// and tools found, in one way.
struct ChatForm {
    private(set) var request = JSON.Object()
    private var messages: [JSON] = []

    var json: JSON {
        var request = request
        request["messages"] = .array(messages)
        return .object(request)
    }

    private mutating func add(_ role: String, content: JSON, calls: [JSON] = []) {
        // What a model says in several items of `/responses` is one turn.
        if role == "assistant", let last = messages.last?.object, last["role"] == "assistant" {
            var merged = last
            if let more = content.array { merged["content"] = .array((last["content"]?.array ?? []) + more) }
            if !calls.isEmpty { merged["tool_calls"] = .array((last["tool_calls"]?.array ?? []) + calls) }
            messages[messages.count - 1] = .object(merged)
            return
        }
        messages.append(
            .record([
                "role": .string(role), "content": content, "tool_calls": calls.isEmpty ? nil : .array(calls),
            ]))
    }

    private static func call(id: JSON?, name: JSON?, arguments: JSON) -> JSON {
        ["id": id ?? .null, "type": "function", "function": ["name": name ?? "", "arguments": arguments]]
    }

    private static func function(_ tool: JSON, parameters: JSON?) -> JSON {
        .record([
            "type": "function",
            "function": .record([
                "name": tool["name"], "description": tool["description"], "parameters": parameters,
            ]),
            "cache_control": tool["cache_control"],
        ])
    }
}

extension ChatForm {
    /// From a request of Anthropic's `POST /messages`.
    init(messages json: JSON) {
        if let system = json["system"] { add("system", content: system) }
        for message in json["messages"]?.array ?? [] { add(anthropic: message) }
        request["cache_control"] = json["cache_control"]
        if let tools = json["tools"]?.array {
            request["tools"] = .array(
                tools.map { $0["input_schema"] == nil ? $0 : Self.function($0, parameters: $0["input_schema"]) })
        }
        switch json["tool_choice"]?["type"]?.string {
        case "any": request["tool_choice"] = "required"
        case "none": request["tool_choice"] = "none"
        case "tool": request["tool_choice"] = ["function": ["name": json["tool_choice"]?["name"] ?? .null]]
        default: break
        }
    }

    private mutating func add(anthropic message: JSON) {
        let role = message["role"]?.string ?? "user"
        guard let blocks = message["content"]?.array else {
            add(role, content: message["content"] ?? .null)
            return
        }
        var content: [JSON] = []
        var calls: [JSON] = []
        for block in blocks {
            switch block["type"]?.string {
            case "tool_use":
                let arguments = JSON.string((block["input"] ?? [:]).text)
                calls.append(Self.call(id: block["id"], name: block["name"], arguments: arguments))
            case "tool_result": add("tool", content: block["content"] ?? "")
            default: content.append(block)
            }
        }
        if !content.isEmpty || !calls.isEmpty { add(role, content: .array(content), calls: calls) }
    }
}

extension ChatForm {
    /// From a request of OpenAI's `POST /responses`.
    init(responses json: JSON) {
        if let instructions = json["instructions"], !instructions.isNull { add("system", content: instructions) }
        if let text = json["input"]?.string { add("user", content: .string(text)) }
        for item in json["input"]?.array ?? [] { add(item: item) }
        request["cache_control"] = json["cache_control"]
        if let tools = json["tools"]?.array {
            request["tools"] = .array(
                tools.map { $0["type"] == "function" ? Self.function($0, parameters: $0["parameters"]) : $0 })
        }
        if let name = json["tool_choice"]?["name"] {
            request["tool_choice"] = ["function": ["name": name]]
        } else {
            request["tool_choice"] = json["tool_choice"]
        }
    }

    private mutating func add(item: JSON) {
        switch item["type"]?.string {
        case "function_call":
            let arguments = item["arguments"] ?? "{}"
            add(
                "assistant", content: [],
                calls: [Self.call(id: item["call_id"], name: item["name"], arguments: arguments)])
        case "function_call_output": add("tool", content: item["output"] ?? "")
        case "reasoning": break
        default:
            let role = item["role"]?.string ?? "user"
            // Merging turns needs parts.
            let content: JSON =
                item["content"]?.string.map { [["type": "text", "text": .string($0)]] }
                ?? item["content"] ?? []
            add(role, content: content)
        }
    }
}
