extension StreamEnding {
    func messagesEvents(after facts: AnswerFacts) -> [Event] {
        if case .failed(let refusal) = reason { return [messagesError(refusal)] }
        let counts = (usage ?? facts.usage ?? Usage()).json(in: .messages)
        var events: [Event] = []
        if !facts.hasStarted { events.append(start(facts, counts)) }
        for block in facts.openBlocks {
            events.append(event("content_block_stop", [.init(key: "index", value: .int(block))]))
        }
        if facts.finishes.isEmpty {
            let delta: JSON = ["stop_reason": "max_tokens", "stop_sequence": .null]
            events.append(
                event("message_delta", [.init(key: "delta", value: delta), .init(key: "usage", value: counts)]))
        }
        return events + [event("message_stop", [])]
    }

    func messagesError(_ refusal: Refusal) -> Event {
        Event(name: "error", json: refusal.body(in: .messages, requestID: id))
    }

    private func start(_ facts: AnswerFacts, _ counts: JSON) -> Event {
        let message = JSON.record([
            "id": .string(facts.id ?? id), "type": "message", "role": "assistant",
            "model": .string(facts.model ?? model), "content": [], "stop_reason": .null, "stop_sequence": .null,
            "usage": counts,
        ])
        return event("message_start", [.init(key: "message", value: message)])
    }

    private func event(_ name: String, _ members: [JSON.Object.Member]) -> Event {
        Event(name: name, json: .object(JSON.Object([.init(key: "type", value: .string(name))] + members)))
    }
}
