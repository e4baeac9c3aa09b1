import PreflightCore

/// An answer of `POST /responses` as OpenRouter tells it: no `event:` lines, numbered events, `[DONE]` at the end.
struct ResponsesAnswer: AnswerFormat {
    private var call: Admission
    private var number = 0
    /// The item that deltas go to, its place, and what it has said.
    private var open: Item?
    private var text = ""
    private var done: [JSON] = []

    private enum Item: Equatable {
        case reasoning, message
        case function(Int)
    }

    init(call: Admission) { self.call = call }

    private var isIncomplete: Bool { call.draft.finishReason == "length" }
    private var suffix: String { String(call.generationID.suffix(11)) }
    private var itemID: String {
        switch open {
        case .reasoning: "rs_tmp_\(suffix)"
        case .function(let index): "fc_tmp_\(suffix)\(index)"
        case .message, nil: "msg_tmp_\(suffix)"
        }
    }

    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON {
        let draft = call.draft
        var output: [JSON] = []
        if let reasoning = draft.reasoning {
            output.append(Self.reasoning(id: "rs_tmp_\(suffix)", reasoning))
        }
        if !draft.text.isEmpty {
            let status = isIncomplete ? "incomplete" : "completed"
            output.append(Self.message(id: "msg_tmp_\(suffix)", text: draft.text, status: status))
        }
        for (index, tool) in draft.toolCalls.enumerated() {
            output.append(
                Self.function(id: "fc_tmp_\(suffix)\(index)", tool, arguments: tool.arguments, status: "completed"))
        }
        return response(status: finalStatus(failure), output: output, settlement, failure)
    }

    private func finalStatus(_ failure: Scenario.Failure?) -> String {
        failure != nil ? "failed" : isIncomplete ? "incomplete" : "completed"
    }

    private func response(
        status: String, output: [JSON], _ settlement: Settlement?, _ failure: Scenario.Failure? = nil
    ) -> JSON {
        let created = JSON.int(Int(call.admittedAt.secondsSince1970))
        let limit = call.request.maxTokens.map(JSON.int) ?? .null
        return .record([
            "id": .string(call.generationID), "object": "response", "created_at": created,
            "model": .string(call.modelName), "provider": .string(call.provider.name), "status": .string(status),
            "completed_at": status == "completed" ? created : .null, "output": .array(output),
            "error": failure.map { ["code": .string(String($0.status)), "message": .string($0.message)] } ?? .null,
            "error_type": failure.map { AnswerJSON.errorJSON($0)["metadata"]?["error_type"] ?? .null },
            "incomplete_details": status == "incomplete" ? ["reason": "max_output_tokens"] : .null,
            "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "max_output_tokens": limit,
            "temperature": 1, "top_p": 1, "metadata": [:], "background": false, "previous_response_id": .null,
            "service_tier": .string(call.tariff.serviceTier), "truncation": "disabled", "store": false,
            "instructions": .null, "text": ["format": ["type": "text"]],
            "usage": call.orders.omitsUsage ? nil : settlement?.responsesJSON ?? .null,
        ])
    }

    private static func message(id: String, text: String, status: String) -> JSON {
        [
            "id": .string(id), "type": "message", "role": "assistant", "status": .string(status),
            "content": [part(text)],
        ]
    }

    private static func part(_ text: String) -> JSON {
        ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
    }

    private static func reasoning(id: String, _ text: String) -> JSON {
        [
            "id": .string(id), "type": "reasoning",
            "summary": [["type": "summary_text", "text": .string(text)]],
        ]
    }

    private static func function(id: String, _ call: Draft.ToolCall, arguments: String, status: String) -> JSON {
        [
            "id": .string(id), "type": "function_call", "status": .string(status), "call_id": .string(call.id),
            "name": .string(call.name), "arguments": .string(arguments),
        ]
    }

    // MARK: Events

    private mutating func event(_ type: String, _ members: KeyValuePairs<String, JSON>, _ events: inout EventBuffer) {
        var object = JSON.Object()
        object.append("type", .string(type))
        for (key, value) in members { object.append(key, value) }
        object.append("sequence_number", .int(number))
        number += 1
        events.data(.object(object))
    }

    mutating func begin(_ events: inout EventBuffer) {
        idle(&events)
        let response = response(status: "in_progress", output: [], nil)
        event("response.created", ["response": response], &events)
        event("response.in_progress", ["response": response], &events)
    }

    func idle(_ events: inout EventBuffer) { events.append(": \n\n") }

    mutating func say(_ piece: StreamPiece, choice: Int, produced: Int, _ events: inout EventBuffer) {
        switch piece {
        case .reasoning(let part):
            turn(to: .reasoning, &events)
            delta("response.reasoning_summary_text.delta", ["summary_index": 0], part, &events)
        case .text(let part):
            guard !part.isEmpty else { return }
            turn(to: .message, &events)
            delta("response.output_text.delta", ["content_index": 0, "logprobs": []], part, &events)
        case .callStart(let index, _, _): turn(to: .function(index), &events)
        case .callArguments(_, let part): delta("response.function_call_arguments.delta", [:], part, &events)
        }
    }

    private mutating func delta(
        _ type: String, _ members: KeyValuePairs<String, JSON>, _ part: String, _ events: inout EventBuffer
    ) {
        text += part
        var object = JSON.Object([
            .init(key: "type", value: .string(type)), .init(key: "output_index", value: .int(done.count)),
            .init(key: "item_id", value: .string(itemID)), .init(key: "delta", value: .string(part)),
        ])
        for (key, value) in members { object.append(key, value) }
        object.append("sequence_number", .int(number))
        number += 1
        events.data(.object(object))
    }

    private mutating func turn(to item: Item, _ events: inout EventBuffer) {
        guard open != item else { return }
        close(&events)
        open = item
        let index = JSON.int(done.count)
        switch item {
        case .message:
            let empty: JSON = [
                "id": .string(itemID), "type": "message", "status": "in_progress", "role": "assistant", "content": [],
            ]
            event("response.output_item.added", ["output_index": index, "item": empty], &events)
            event(
                "response.content_part.added",
                [
                    "output_index": index, "item_id": .string(itemID), "content_index": 0, "part": Self.part(""),
                ], &events)
        case .reasoning:
            let empty: JSON = ["id": .string(itemID), "type": "reasoning", "summary": []]
            event("response.output_item.added", ["output_index": index, "item": empty], &events)
        case .function(let place):
            let item = Self.function(
                id: itemID, call.draft.toolCalls[place], arguments: "", status: "in_progress")
            event("response.output_item.added", ["output_index": index, "item": item], &events)
        }
    }

    private mutating func close(_ events: inout EventBuffer) {
        guard let item = open else { return }
        let (index, id) = (JSON.int(done.count), JSON.string(itemID))
        let finished: JSON
        switch item {
        case .message:
            event(
                "response.output_text.done",
                [
                    "output_index": index, "item_id": id, "content_index": 0, "text": .string(text), "logprobs": [],
                ], &events)
            event(
                "response.content_part.done",
                ["output_index": index, "item_id": id, "content_index": 0, "part": Self.part(text)], &events)
            finished = Self.message(id: itemID, text: text, status: isIncomplete ? "incomplete" : "completed")
        case .reasoning:
            event(
                "response.reasoning_summary_text.done",
                ["output_index": index, "item_id": id, "summary_index": 0, "text": .string(text)], &events)
            finished = Self.reasoning(id: itemID, text)
        case .function(let place):
            event(
                "response.function_call_arguments.done",
                ["output_index": index, "item_id": id, "arguments": .string(text)], &events)
            finished = Self.function(
                id: itemID, call.draft.toolCalls[place], arguments: text, status: "completed")
        }
        event("response.output_item.done", ["output_index": index, "item": finished], &events)
        done.append(finished)
        open = nil
        text = ""
    }

    mutating func end(_ settlement: Settlement?, _ events: inout EventBuffer) {
        close(&events)
        let status = finalStatus(nil)
        event("response.\(status)", ["response": response(status: status, output: done, settlement)], &events)
        events.done()
    }

    mutating func fail(_ failure: Scenario.Failure, _ settlement: Settlement?, _ events: inout EventBuffer) {
        let response = response(status: "failed", output: done, settlement, failure)
        event("response.failed", ["response": response], &events)
        if settlement != nil { events.done() }
    }
}
