import PreflightCore

/// An answer of `/chat/completions` or `/completions` as OpenRouter tells it.
struct AnswerJSON: AnswerFormat {
    private var call: Admission
    /// For the texts of each choice.
    private var templates: [Int: ChunkTemplate] = [:]

    init(call: Admission) { self.call = call }

    private static let keepAlive = ": OPENROUTER PROCESSING\n\n"

    private var draft: Draft { call.draft }
    private var isChat: Bool { call.request.kind == .chat }

    /// The answer to a call that is not streamed.
    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON {
        let finish = failure == nil ? draft.finishReason : "error"
        let choices = (0..<call.request.choices).map { index -> JSON in
            var choice = JSON.Object()
            choice.append("index", .int(index))
            choice.append("finish_reason", .string(finish))
            choice.append(
                "native_finish_reason", failure == nil ? .string(draft.nativeFinishReason(call.provider)) : "error")
            choice.append("logprobs", .null)
            if isChat { choice.append("message", message) } else { choice.append("text", .string(draft.text)) }
            if let failure { choice.append("error", Self.errorJSON(failure)) }
            return .object(choice)
        }
        var answer = head(object: isChat ? "chat.completion" : "text_completion")
        answer.append("system_fingerprint", .null)
        answer.append("service_tier", .string(call.tariff.serviceTier))
        answer.append("choices", .array(choices))
        answer.append("usage", settlement.json)
        return .object(answer)
    }

    mutating func begin(_ events: inout EventBuffer) { idle(&events) }

    func idle(_ events: inout EventBuffer) { events.append(Self.keepAlive) }

    mutating func say(_ piece: StreamPiece, choice: Int, produced: Int, _ events: inout EventBuffer) {
        func pattern(_ piece: StreamPiece) -> JSON {
            chunk(choices: [choiceJSON(index: choice, delta: delta(piece), finish: .null)])
        }
        guard case .text(let text) = piece else { return events.data(pattern(piece)) }
        if let template = templates[choice] { return template.write(text, to: &events) }
        templates[choice] = ChunkTemplate(pattern(.text(ChunkTemplate.mark)))
        events.data(pattern(piece))
    }

    mutating func end(_ settlement: Settlement?, _ events: inout EventBuffer) {
        for index in 0..<call.request.choices {
            let finish = JSON.string(draft.finishReason)
            events.data(chunk(choices: [choiceJSON(index: index, delta: delta(.text("")), finish: finish)]))
        }
        if let settlement { events.data(usageChunk(settlement)) }
        events.done()
    }

    /// Without usage the stream stops at the error; with it, all is told in one chunk, and `[DONE]` follows.
    mutating func fail(_ failure: Scenario.Failure, _ settlement: Settlement?, _ events: inout EventBuffer) {
        events.data(errorChunk(failure, settlement))
        if settlement != nil { events.done() }
    }

    private func usageChunk(_ settlement: Settlement) -> JSON {
        let finish: JSON = call.usageChunk == .repeatedFinish ? .string(draft.finishReason) : .null
        let choices: [JSON] =
            call.usageChunk == .noChoices ? [] : [choiceJSON(index: 0, delta: delta(.text("")), finish: finish)]
        var chunk = chunk(choices: choices).object ?? JSON.Object()
        if call.usageChunk == .repeatedFinish { chunk["service_tier"] = .string(call.tariff.serviceTier) }
        chunk["usage"] = settlement.json
        return .object(chunk)
    }

    private func errorChunk(_ failure: Scenario.Failure, _ settlement: Settlement?) -> JSON {
        var chunk = head(object: "chat.completion.chunk")
        let finish: JSON = settlement == nil ? "error" : .null
        chunk.append("error", Self.errorJSON(failure))
        chunk.append("choices", [["index": 0, "delta": ["content": ""], "finish_reason": finish]])
        if let settlement { chunk.append("usage", settlement.json) }
        return .object(chunk)
    }

    private func head(object: String) -> JSON.Object {
        JSON.Object([
            .init(key: "id", value: .string(call.generationID)), .init(key: "object", value: .string(object)),
            .init(key: "created", value: .int(Int(call.admittedAt.secondsSince1970))),
            .init(key: "model", value: .string(call.modelName)),
            .init(key: "provider", value: .string(call.provider.name)),
        ])
    }

    private func chunk(choices: [JSON]) -> JSON {
        var chunk = head(object: isChat ? "chat.completion.chunk" : "text_completion")
        chunk.append("choices", .array(choices))
        return .object(chunk)
    }

    private func choiceJSON(index: Int, delta: JSON, finish: JSON) -> JSON {
        let native: JSON = finish.isNull ? .null : .string(draft.nativeFinishReason(call.provider))
        return .record([
            "index": .int(index), "delta": isChat ? delta : nil, "text": isChat ? nil : delta["content"],
            "finish_reason": finish, "native_finish_reason": native, "logprobs": .null,
        ])
    }

    private func delta(_ piece: StreamPiece) -> JSON {
        switch piece {
        case .text(let text): ["role": "assistant", "content": .string(text)]
        case .reasoning(let text):
            [
                "role": "assistant", "content": "", "reasoning": .string(text),
                "reasoning_details": [Self.reasoningDetail(text)],
            ]
        case .callStart(let index, let id, let name):
            [
                "role": "assistant", "content": .null,
                "tool_calls": [
                    [
                        "index": .int(index), "id": .string(id), "type": "function",
                        "function": ["name": .string(name), "arguments": ""],
                    ]
                ],
            ]
        case .callArguments(let index, let text):
            [
                "role": "assistant", "content": .null,
                "tool_calls": [
                    ["index": .int(index), "type": "function", "function": ["arguments": .string(text)]]
                ],
            ]
        }
    }

    private var message: JSON {
        .record([
            "role": "assistant", "content": .string(draft.text), "refusal": .null,
            "reasoning": draft.reasoning.map(JSON.string) ?? .null,
            "reasoning_details": draft.reasoning.map { [Self.reasoningDetail($0)] },
            "tool_calls": draft.toolCalls.isEmpty ? nil : .array(draft.toolCalls.enumerated().map(Self.toolCall)),
        ])
    }

    private static func toolCall(index: Int, call: Draft.ToolCall) -> JSON {
        [
            "index": .int(index), "id": .string(call.id), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
        ]
    }

    private static func reasoningDetail(_ text: String) -> JSON {
        ["type": "reasoning.text", "text": .string(text), "format": .null, "index": 0]
    }

    static func errorJSON(_ failure: Scenario.Failure) -> JSON {
        [
            "code": .int(failure.status), "message": .string(failure.message),
            "metadata": ["error_type": .string(errorType(failure.status))],
        ]
    }

    static func errorType(_ status: Int) -> String {
        switch status {
        case 400: "invalid_request"
        case 401: "authentication"
        case 402: "payment_required"
        case 403: "permission_denied"
        case 404: "not_found"
        case 429: "rate_limit_exceeded"
        case 502: "provider_unavailable"
        case 503: "provider_overloaded"
        case 504: "timeout"
        default: "server"
        }
    }
}
