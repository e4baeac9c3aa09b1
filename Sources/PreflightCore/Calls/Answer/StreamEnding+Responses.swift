extension StreamEnding {
    func responsesEvents(after meter: StreamMeter) -> [Event] {
        let facts = meter.facts
        var number = facts.lastSequenceNumber.map { $0 + 1 } ?? 0
        var events: [Event] = []
        func add(_ type: String, _ response: JSON) {
            events.append(
                Event(
                    name: type,
                    json: ["type": .string(type), "response": response, "sequence_number": .int(number)]))
            number += 1
        }
        var response = started(meter)
        switch reason {
        case .truncated:
            if !facts.hasStarted { add("response.created", .object(response)) }
            response["status"] = "incomplete"
            response["incomplete_details"] = ["reason": "max_output_tokens"]
            response["output"] = .array(output)
            response["usage"] = (usage ?? facts.usage ?? Usage()).json(in: .responses)
            add("response.incomplete", .object(response))
        case .failed(let refusal) where facts.hasStarted:
            response["status"] = "failed"
            response["error"] = ["code": .string(refusal.code), "message": .string(refusal.message)]
            response["output"] = .array(output)
            add("response.failed", .object(response))
        case .failed(let refusal): events.append(responsesError(refusal, number))
        }
        return events + [Event(json: Self.doneMark)]
    }

    func responsesError(_ refusal: Refusal, _ number: Int) -> Event {
        Event(
            name: "error",
            json: .record([
                "type": "error", "code": .string(refusal.code), "message": .string(refusal.message),
                "param": refusal.param.map(JSON.string) ?? .null, "sequence_number": .int(number),
            ]))
    }

    /// The response as the stream began with it, or the least that one has.
    private func started(_ meter: StreamMeter) -> JSON.Object {
        if let bytes = meter.startedResponse, let object = (try? JSON.parse(bytes))?.object { return object }
        let least = JSON.record([
            "id": .string(meter.facts.id ?? id), "object": "response", "created_at": .int(meter.facts.created ?? 0),
            "model": .string(meter.facts.model ?? model), "status": "in_progress", "output": [], "error": .null,
            "incomplete_details": .null, "usage": .null,
        ])
        return least.object ?? JSON.Object()
    }
}
