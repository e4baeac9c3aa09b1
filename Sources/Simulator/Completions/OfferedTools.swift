import PreflightCore

/// The function tools a caller offers, and whether it insists on a call.
struct OfferedTools: Sendable {
    struct Tool: Sendable {
        var name: String
        var parameters: JSON
    }

    var tools: [Tool]
    /// The tool that has to be called: the named one, or the first when any will do.
    var required: Tool?

    init(request: JSON) {
        let choice = request["tool_choice"]
        let offered = (request["tools"]?.array ?? []).compactMap { entry -> Tool? in
            guard let name = entry["function"]?["name"]?.string else { return nil }
            return Tool(name: name, parameters: entry["function"]?["parameters"] ?? .null)
        }
        tools = choice?.string == "none" ? [] : offered
        if let name = choice?["function"]?["name"]?.string {
            required = tools.first { $0.name == name }
        } else if choice?.string == "required" {
            required = tools.first
        }
    }

    func contains(_ name: String) -> Bool { tools.contains { $0.name == name } }

    /// The tool a model would call that does as it is told: the required one, or one the text names.
    func asked(in text: String) -> Tool? {
        required ?? tools.first { !$0.name.isEmpty && text.contains($0.name) }
    }
}

extension OfferedTools.Tool {
    /// The smallest arguments the tool's JSON Schema allows, more or less.
    var exampleArguments: JSON {
        let example = Self.example(parameters, depth: 0)
        return example.object == nil ? .object(JSON.Object()) : example
    }

    private static func example(_ schema: JSON, depth: Int) -> JSON {
        if let fixed = schema["const"] ?? schema["default"] ?? schema["enum"]?[0] { return fixed }
        switch schema["type"]?.string ?? schema["type"]?[0]?.string {
        case "integer", "number": return schema["minimum"] ?? 1
        case "boolean": return true
        case "null": return .null
        case "array": return []
        case "string": return "text"
        default: break
        }
        var object = JSON.Object()
        guard depth < 8 else { return .object(object) }
        for name in schema["required"]?.array?.compactMap(\.string) ?? [] {
            object[name] = example(schema["properties"]?[name] ?? ["type": "string"], depth: depth + 1)
        }
        return .object(object)
    }
}
