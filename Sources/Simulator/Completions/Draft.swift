import PreflightCore

/// What a model is going to say, fixed before the first byte leaves.
struct Draft: Sendable {
    var text: String
    var reasoning: String?
    var toolCalls: [ToolCall]
    /// For one choice, reasoning included.
    var completionTokens: Int
    var reasoningTokens: Int
    var finishReason: String

    struct ToolCall: Sendable {
        var id: String
        var name: String
        /// JSON as text, the way models send it.
        var arguments: String
    }

    /// The provider's own word for the end.
    func nativeFinishReason(_ provider: Provider) -> String {
        switch (provider.name, finishReason) {
        case ("Anthropic", "stop"): "end_turn"
        case ("Anthropic", "tool_calls"): "tool_use"
        case ("Anthropic", "length"): "max_tokens"
        case ("Google AI Studio", "length"): "MAX_TOKENS"
        case ("Google AI Studio", _): "STOP"
        default: finishReason
        }
    }

    init(turn: Scenario.Turn, request: CompletionRequest, orders: Orders, idSuffix: String, seed: UInt64) {
        func filled(_ template: String) -> String {
            guard template.utf8.contains(UInt8(ascii: "{")) else { return template }
            return template.replacing("{{turn}}", with: String(request.turnIndex + 1))
                .replacing("{{prompt}}", with: String(request.lastUserText.prefix(200)))
        }
        if request.kind == .embeddings {
            text = ""
            toolCalls = []
            (completionTokens, reasoningTokens, finishReason) = (0, 0, "stop")
            return
        }
        let ordered = Self.orderedTokens(orders, limit: request.maxTokens)
        text = ordered.map { Babble.text(tokens: $0, seed: seed) } ?? turn.text.map(filled) ?? ""
        reasoning = turn.reasoning.map(filled)
        let calls = ordered == nil ? Self.calls(turn: turn, request: request) : []
        toolCalls = calls.enumerated().map { index, call in
            ToolCall(
                id: "call_\(idSuffix)_\(index)", name: call.name,
                arguments: call.arguments.mappingStrings(filled).text)
        }
        if text.isEmpty, ordered == nil, toolCalls.isEmpty, turn.toolCalls.isEmpty == false {
            text = "I would need my tools for that."
        }

        reasoningTokens = turn.reasoningTokens ?? Prompt.tokens(bytes: reasoning?.utf8.count ?? 0)
        let spoken = text.utf8.count + toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.arguments.utf8.count }
        completionTokens = ordered ?? turn.completionTokens ?? max(1, Prompt.tokens(bytes: spoken)) + reasoningTokens
        finishReason = toolCalls.isEmpty ? "stop" : "tool_calls"
        reasoningTokens = ordered.map { min($0, reasoningTokens) } ?? reasoningTokens
        if let limit = request.maxTokens, completionTokens > limit, orders.overrun == nil { cut(to: limit) }
    }

    /// The count that was ordered, by itself or to run over the caller's limit.
    private static func orderedTokens(_ orders: Orders, limit: Int?) -> Int? {
        switch orders.overrun {
        case nil: orders.completionTokens
        case .tokens(let count): count
        case .fourfold: orders.completionTokens ?? min(limit ?? 256, 250_000) * 4
        }
    }

    /// Ends the answer by length: the text is cut, and calls that do not fit are lost.
    private mutating func cut(to limit: Int) {
        completionTokens = limit
        reasoningTokens = min(reasoningTokens, limit)
        finishReason = "length"
        var bytesLeft = limit * 4
        while text.utf8.count > bytesLeft, !text.isEmpty {
            text = String(text.prefix(max(0, min(text.count - 1, bytesLeft))))
        }
        bytesLeft -= text.utf8.count
        toolCalls = toolCalls.prefix { call in
            bytesLeft -= call.name.utf8.count + call.arguments.utf8.count
            return bytesLeft >= 0
        }
    }

    /// The scripted calls as far as the caller offers the tools; otherwise what a helpful model would call.
    private static func calls(turn: Scenario.Turn, request: CompletionRequest) -> [Scenario.ToolCall] {
        let offered = turn.toolCalls.compactMap { $0.translated(for: request.tools) }
        if !offered.isEmpty { return offered }
        guard let tool = request.tools.asked(in: request.lastUserText) else { return [] }
        return [Scenario.ToolCall(name: tool.name, arguments: tool.exampleArguments)]
    }
}

extension Scenario.ToolCall {
    /// The call itself where its tool is offered; file tools become shell commands where only a shell is.
    fileprivate func translated(for tools: OfferedTools) -> Scenario.ToolCall? {
        if tools.contains(name) { return self }
        guard tools.contains("bash"), let path = arguments["path"]?.string else { return nil }
        switch name {
        case "read_file": return .bash("cat '\(path)'")
        case "write_file":
            let content = arguments["content"]?.string ?? ""
            let newline = content.hasSuffix("\n") ? "" : "\n"
            return .bash("cat > '\(path)' <<'END_OF_FILE'\n\(content)\(newline)END_OF_FILE")
        default: return nil
        }
    }
}

extension JSON {
    fileprivate func mappingStrings(_ change: (String) -> String) -> JSON {
        switch self {
        case .string(let text): .string(change(text))
        case .array(let values): .array(values.map { $0.mappingStrings(change) })
        case .object(let object):
            .object(
                object.members.reduce(into: Object()) { $0.append($1.key, $1.value.mappingStrings(change)) })
        default: self
        }
    }
}
