import PreflightCore

/// An answer of `POST /messages`, in Anthropic's shapes and with OpenRouter's additions.
struct MessagesAnswer: AnswerFormat {
    private var call: Admission
    private var prompt: Usage
    private var showsCostInStream: Bool
    /// The block that deltas go to.
    private var open: Block?
    private var nextIndex = 0

    private enum Block: Equatable {
        case thinking, text
        case tool(Int)
    }

    init(call: Admission, prompt: Usage, showsCostInStream: Bool) {
        self.call = call
        self.prompt = prompt
        self.showsCostInStream = showsCostInStream
    }

    private var stopReason: String {
        switch call.draft.finishReason {
        case "length": "max_tokens"
        case "tool_calls": "tool_use"
        default: "end_turn"
        }
    }

    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON {
        if let failure { return APIError(failure).json(.anthropic) }
        var content: [JSON] = []
        if let reasoning = call.draft.reasoning {
            content.append(["type": "thinking", "thinking": .string(reasoning), "signature": "c2ltdWxhdGVk"])
        }
        if !call.draft.text.isEmpty { content.append(["type": "text", "text": .string(call.draft.text)]) }
        for tool in call.draft.toolCalls {
            let input = (try? JSON.parse(tool.arguments)) ?? [:]
            content.append(
                ["type": "tool_use", "id": .string(tool.id), "name": .string(tool.name), "input": input])
        }
        var message = head(content: content, stopReason: .string(stopReason))
        message["usage"] = settlement.messagesJSON
        return .object(message)
    }

    private func head(content: [JSON], stopReason: JSON) -> JSON.Object {
        JSON.Object([
            .init(key: "id", value: .string(call.generationID)), .init(key: "type", value: "message"),
            .init(key: "role", value: "assistant"), .init(key: "model", value: .string(call.modelName)),
            .init(key: "provider", value: .string(call.provider.name)),
            .init(key: "content", value: .array(content)), .init(key: "stop_reason", value: stopReason),
            .init(key: "stop_sequence", value: .null),
        ])
    }

    mutating func begin(_ events: inout EventBuffer) {
        var message = head(content: [], stopReason: .null)
        if !call.orders.omitsUsage { message["usage"] = .object(prompt.messagesJSON(outputTokens: 1)) }
        events.data(["type": "message_start", "message": .object(message)], event: "message_start")
        idle(&events)
    }

    func idle(_ events: inout EventBuffer) { events.data(["type": "ping"], event: "ping") }

    mutating func say(_ piece: StreamPiece, choice: Int, produced: Int, _ events: inout EventBuffer) {
        switch piece {
        case .reasoning(let text):
            turn(to: .thinking, ["type": "thinking", "thinking": "", "signature": ""], &events)
            delta(["type": "thinking_delta", "thinking": .string(text)], &events)
        case .text(let text):
            guard !text.isEmpty else { return }
            turn(to: .text, ["type": "text", "text": ""], &events)
            delta(["type": "text_delta", "text": .string(text)], &events)
        case .callStart(let index, let id, let name):
            turn(
                to: .tool(index),
                ["type": "tool_use", "id": .string(id), "name": .string(name), "input": [:]], &events)
            delta(["type": "input_json_delta", "partial_json": ""], &events)
        case .callArguments(_, let text):
            delta(["type": "input_json_delta", "partial_json": .string(text)], &events)
        }
    }

    private mutating func turn(to block: Block, _ start: JSON, _ events: inout EventBuffer) {
        guard open != block else { return }
        close(&events)
        open = block
        events.data(
            ["type": "content_block_start", "index": .int(nextIndex), "content_block": start],
            event: "content_block_start")
    }

    private func delta(_ delta: JSON, _ events: inout EventBuffer) {
        events.data(
            ["type": "content_block_delta", "index": .int(nextIndex), "delta": delta], event: "content_block_delta")
    }

    private mutating func close(_ events: inout EventBuffer) {
        guard let block = open else { return }
        if block == .thinking { delta(["type": "signature_delta", "signature": "c2ltdWxhdGVk"], &events) }
        events.data(["type": "content_block_stop", "index": .int(nextIndex)], event: "content_block_stop")
        open = nil
        nextIndex += 1
    }

    mutating func end(_ settlement: Settlement?, _ events: inout EventBuffer) {
        close(&events)
        events.data(
            .record([
                "type": "message_delta",
                "delta": ["stop_reason": .string(stopReason), "stop_sequence": .null],
                "usage": settlement.map(streamedUsage),
            ]), event: "message_delta")
        events.data(["type": "message_stop"], event: "message_stop")
    }

    private func streamedUsage(_ settlement: Settlement) -> JSON {
        if showsCostInStream { return settlement.messagesJSON }
        var usage = settlement.usage.messagesJSON(outputTokens: settlement.usage.completionTokens)
        usage["service_tier"] = nil
        if settlement.searches > 0 {
            usage["server_tool_use"] = ["web_search_requests": .int(settlement.searches)]
        }
        return .object(usage)
    }

    mutating func fail(_ failure: Scenario.Failure, _ settlement: Settlement?, _ events: inout EventBuffer) {
        if let settlement {
            events.data(
                ["type": "message_delta", "delta": ["stop_reason": .null], "usage": streamedUsage(settlement)],
                event: "message_delta")
        }
        events.data(APIError(failure).json(.anthropic), event: "error")
    }
}
