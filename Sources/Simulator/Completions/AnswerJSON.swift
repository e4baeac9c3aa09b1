import PreflightCore

/// The JSON shapes of one completion's answer, whole and in chunks.
struct AnswerJSON: Sendable {
    var call: Admission

    private var draft: Draft { call.draft }
    private var isChat: Bool { call.request.kind == .chat }

    /// The answer to a call that is not streamed.
    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON {
        let finish = failure == nil ? draft.finishReason : "error"
        let choices = (0..<call.request.choices).map { index -> JSON in
            var choice = JSON.Object()
            choice["index"] = .int(index)
            choice["finish_reason"] = .string(finish)
            choice["native_finish_reason"] =
                failure == nil ? .string(draft.nativeFinishReason(call.provider)) : "error"
            choice["logprobs"] = .null
            if isChat { choice["message"] = message } else { choice["text"] = .string(draft.text) }
            if let failure { choice["error"] = Self.errorJSON(failure) }
            return .object(choice)
        }
        var answer = head(object: isChat ? "chat.completion" : "text_completion")
        answer["system_fingerprint"] = .null
        answer["service_tier"] = "default"
        answer["choices"] = .array(choices)
        answer["usage"] = settlement.json
        return .object(answer)
    }

    /// A chunk that says something.
    func chunk(_ piece: StreamPiece, choice: Int) -> JSON {
        chunk(choices: [choiceJSON(index: choice, delta: delta(piece), finish: .null)])
    }

    /// The chunk with the reason for the end.
    func finishChunk(choice: Int) -> JSON {
        chunk(choices: [choiceJSON(index: choice, delta: delta(.text("")), finish: .string(draft.finishReason))])
    }

    func usageChunk(_ settlement: Settlement) -> JSON {
        let finish: JSON = call.usageChunk == .repeatedFinish ? .string(draft.finishReason) : .null
        let choices: [JSON] =
            call.usageChunk == .noChoices ? [] : [choiceJSON(index: 0, delta: delta(.text("")), finish: finish)]
        var chunk = chunk(choices: choices).object ?? JSON.Object()
        if call.usageChunk == .repeatedFinish { chunk["service_tier"] = "default" }
        chunk["usage"] = settlement.json
        return .object(chunk)
    }

    func errorChunk(_ failure: Scenario.Failure) -> JSON {
        var chunk = head(object: "chat.completion.chunk")
        chunk["error"] = Self.errorJSON(failure)
        chunk["choices"] = [["index": 0, "delta": ["content": ""], "finish_reason": "error"]]
        return .object(chunk)
    }

    private func head(object: String) -> JSON.Object {
        var head = JSON.Object()
        head["id"] = .string(call.generationID)
        head["object"] = .string(object)
        head["created"] = .int(Int(call.admittedAt.secondsSince1970))
        head["model"] = .string(call.modelName)
        head["provider"] = .string(call.provider.name)
        return head
    }

    private func chunk(choices: [JSON]) -> JSON {
        var chunk = head(object: isChat ? "chat.completion.chunk" : "text_completion")
        chunk["choices"] = .array(choices)
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

    private static func errorType(_ status: Int) -> String {
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
