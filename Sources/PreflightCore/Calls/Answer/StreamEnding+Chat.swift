extension StreamEnding {
    func chatEvents(after facts: AnswerFacts) -> [Event] {
        var events: [Event] = []
        switch reason {
        case .truncated:
            let choices = unfinishedChoices(facts)
            if !choices.isEmpty {
                events.append(Event(json: chunk(facts, choices.map { choice($0, "length", facts.dialect) })))
            }
            if let usage {
                events.append(Event(json: chunk(facts, [], ["usage": usage.json(in: facts.dialect)])))
            }
        case .failed(let refusal):
            let choices = unfinishedChoices(facts).map { choice($0, "error", facts.dialect) }
            events.append(Event(json: chunk(facts, choices, ["error": refusal.error(in: facts.dialect)])))
        }
        return events + [Event(json: Self.doneMark)]
    }

    private func chunk(_ facts: AnswerFacts, _ choices: [JSON], _ more: KeyValuePairs<String, JSON?> = [:]) -> JSON {
        var object = JSON.Object()
        object.append("id", .string(facts.id ?? id))
        object.append("object", facts.dialect == .completions ? "text_completion" : "chat.completion.chunk")
        object.append("created", .int(facts.created ?? 0))
        object.append("model", .string(facts.model ?? model))
        if let provider = facts.provider { object.append("provider", .string(provider)) }
        object.append("choices", .array(choices))
        for (key, value) in more {
            if let value { object.append(key, value) }
        }
        return .object(object)
    }

    private func choice(_ index: Int, _ reason: String, _ dialect: Dialect) -> JSON {
        guard dialect == .completions else {
            return .record([
                "index": .int(index), "delta": .object(JSON.Object()), "logprobs": .null,
                "finish_reason": .string(reason),
            ])
        }
        return .record(["index": .int(index), "text": "", "logprobs": .null, "finish_reason": .string(reason)])
    }

    private func unfinishedChoices(_ facts: AnswerFacts) -> [Int] {
        let opened = facts.openedChoices == 0 ? 1 : facts.openedChoices
        return (0..<64).filter { (opened & ~facts.finishedChoices) & AnswerFacts.bit($0) != 0 }
    }
}
