import PreflightCore

/// A completion of a server without prices: vLLM, or OpenAI.
struct PlainAnswer: AnswerFormat {
    private var call: Admission
    private var promptTokens: Int
    /// Choices that have said something.
    private var begun: Set<Int> = []
    /// For the texts of each choice, where nothing else changes.
    private var templates: [Int: ChunkTemplate] = [:]

    init(call: Admission, promptTokens: Int) {
        self.call = call
        self.promptTokens = promptTokens
    }

    private var isChat: Bool { call.request.kind == .chat }
    private var isOpenAI: Bool { call.flavour == .openAI }

    private func head(_ object: String) -> JSON.Object {
        var head = JSON.Object()
        head.append("id", .string(call.generationID))
        head.append("object", .string(object))
        head.append("created", .int(Int(call.admittedAt.secondsSince1970)))
        head.append("model", .string(call.model.id))
        if isOpenAI {
            head.append("service_tier", .string(call.tariff.serviceTier))
            head.append("system_fingerprint", .null)
        }
        return head
    }

    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON {
        if let failure { return APIError(failure).json(call.flavour.errorShape) }
        let draft = call.draft
        let tools: [JSON] = draft.toolCalls.map {
            [
                "id": .string($0.id), "type": "function",
                "function": ["name": .string($0.name), "arguments": .string($0.arguments)],
            ]
        }
        let message: JSON = .record([
            "role": "assistant", "content": draft.text.isEmpty ? .null : .string(draft.text), "refusal": .null,
            "tool_calls": tools.isEmpty ? (isOpenAI ? nil : []) : .array(tools),
            "reasoning": isOpenAI ? nil : draft.reasoning.map(JSON.string) ?? .null,
        ])
        var answer = head(isChat ? "chat.completion" : "text_completion")
        answer.append(
            "choices",
            .array(
                (0..<call.request.choices).map { index in
                    .record([
                        "index": .int(index), "message": isChat ? message : nil,
                        "text": isChat ? nil : .string(draft.text), "logprobs": .null,
                        "finish_reason": .string(draft.finishReason), "stop_reason": isOpenAI ? nil : .null,
                    ])
                }))
        answer.append("usage", settlement.usage.plainJSON(call.flavour))
        return .object(answer)
    }

    // MARK: Events

    mutating func begin(_ events: inout EventBuffer) {}

    func idle(_ events: inout EventBuffer) {}

    mutating func say(_ piece: StreamPiece, choice: Int, produced: Int, _ events: inout EventBuffer) {
        if isChat, begun.insert(choice).inserted {
            chunk([self.choice(choice, ["role": "assistant", "content": ""])], produced: 0, &events)
        }
        if case .text(let text) = piece, let template = templates[choice] {
            return template.write(text, to: &events)
        }
        if case .text = piece, !(call.request.includesUsage && call.request.hasContinuousUsage) {
            let mark = self.choice(choice, delta(.text(ChunkTemplate.mark)))
            templates[choice] = ChunkTemplate(chunkJSON([mark], produced: produced))
        }
        chunk([self.choice(choice, delta(piece))], produced: produced, &events)
    }

    private func delta(_ piece: StreamPiece) -> JSON {
        switch piece {
        case .text(let text): ["content": .string(text)]
        case .reasoning(let text): ["reasoning": .string(text)]
        case .callStart(let index, let id, let name):
            [
                "tool_calls": [
                    [
                        "index": .int(index), "id": .string(id), "type": "function",
                        "function": ["name": .string(name), "arguments": ""],
                    ]
                ]
            ]
        case .callArguments(let index, let text):
            ["tool_calls": [["index": .int(index), "function": ["arguments": .string(text)]]]]
        }
    }

    private func choice(_ index: Int, _ delta: JSON, finish: JSON = .null) -> JSON {
        .record([
            "index": .int(index), "delta": isChat ? delta : nil, "text": isChat ? nil : delta["content"] ?? "",
            "logprobs": .null, "finish_reason": finish,
            "stop_reason": isOpenAI || finish.isNull ? nil : .null,
        ])
    }

    private func chunk(_ choices: [JSON], produced: Int, usage: JSON? = nil, _ events: inout EventBuffer) {
        events.data(chunkJSON(choices, produced: produced, usage: usage))
    }

    private func chunkJSON(_ choices: [JSON], produced: Int, usage: JSON? = nil) -> JSON {
        var chunk = head(isChat ? "chat.completion.chunk" : "text_completion")
        chunk.append("choices", .array(choices))
        if let usage {
            chunk.append("usage", usage)
        } else if call.request.includesUsage, !call.orders.omitsUsage {
            if !isOpenAI, call.request.hasContinuousUsage {
                let usage = Usage(promptTokens: promptTokens, completionTokens: produced)
                chunk.append("usage", usage.plainJSON(call.flavour))
            } else if isOpenAI {
                chunk.append("usage", .null)
            }
        }
        return .object(chunk)
    }

    mutating func end(_ settlement: Settlement?, _ events: inout EventBuffer) {
        for index in 0..<call.request.choices {
            let finish = JSON.string(call.draft.finishReason)
            let empty: JSON = isOpenAI ? [:] : ["content": ""]
            chunk([choice(index, empty, finish: finish)], produced: call.completionTokens, &events)
        }
        if let settlement, call.request.includesUsage {
            chunk([], produced: 0, usage: settlement.usage.plainJSON(call.flavour), &events)
        }
        events.done()
    }

    mutating func fail(_ failure: Scenario.Failure, _ settlement: Settlement?, _ events: inout EventBuffer) {
        events.data(APIError(failure).json(call.flavour.errorShape))
        events.done()
    }
}
