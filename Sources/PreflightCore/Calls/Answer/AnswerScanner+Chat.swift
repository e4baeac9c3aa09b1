/// Chat completions, older completions and embeddings: chunks and whole bodies have the same members.
extension AnswerScanner {
    mutating func readChat(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var hasEmptyChoices = false
        var hasUsage = false
        var isFlatError = false
        while let key = cursor.nextKey() {
            switch key.count {
            case 2 where key.is("id"): keepText(in: &facts.id)
            case 5 where key.is("model"): keepText(in: &facts.model)
            case 5 where key.is("usage"): hasUsage = facts.tally.read(&cursor)
            case 5 where key.is("error"): readError(into: &facts)
            case 6 where key.is("object"): isFlatError = cursor.text()?.is("error", in: bytes) ?? false
            case 7 where key.is("choices"): hasEmptyChoices = !readChoices(into: &facts)
            case 7 where key.is("created") && facts.created == nil: facts.created = cursor.integer()
            case 8 where key.is("provider"): keepText(in: &facts.provider)
            case 12 where key.is("service_tier"): keepText(in: &facts.serviceTier)
            default: cursor.skip()
            }
        }
        // vLLM until 2025-09: message, type and code stand beside `"object":"error"`.
        if isFlatError, facts.error == nil {
            facts.error = (try? JSON.parse([UInt8](bytes))).flatMap(AnswerError.init(json:))
        }
        isUsageOnly = hasEmptyChoices && hasUsage && facts.error == nil
        if hasUsage { judgeChatUsage(&facts, hasEmptyChoices: hasEmptyChoices) }
    }

    /// vLLM can count on every chunk; then only a count behind the end of all choices is that of the whole call.
    private func judgeChatUsage(_ facts: inout AnswerFacts, hasEmptyChoices: Bool) {
        let allChoicesEnded = facts.finishedChoices != 0 && facts.openedChoices & ~facts.finishedChoices == 0
        facts.usageIsFinal =
            hasEmptyChoices || allChoicesEnded || facts.error != nil || facts.tally.cost != nil
            || facts.dialect == .embeddings
    }

    /// Answers whether there was any.
    @inline(__always)
    private mutating func readChoices(into facts: inout AnswerFacts) -> Bool {
        guard cursor.enterArray() else { return true }
        var isEmpty = true
        while cursor.hasNextElement() {
            isEmpty = false
            readChoice(into: &facts)
        }
        return !isEmpty
    }

    @inline(__always)
    private mutating func readChoice(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var choice = 0
        var reason: JSONText?
        while let key = cursor.nextKey() {
            switch key.count {
            case 4 where key.is("text"): facts.produced(countText())
            case 5 where key.is("index"): choice = cursor.count() ?? 0
            case 5 where key.is("delta"): readDelta(choice, into: &facts)
            case 5 where key.is("error"): readError(into: &facts)
            case 7 where key.is("message"): readDelta(choice, into: &facts)
            case 13 where key.is("finish_reason"): reason = cursor.text()
            default: cursor.skip()
            }
        }
        facts.openedChoices |= AnswerFacts.bit(choice)
        if let reason, !reason.isEmpty, !cursor.isBroken {
            facts.finish(choice: choice, reason: reason.string(in: bytes))
        }
    }

    @inline(__always)
    private mutating func readDelta(_ choice: Int, into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        // The same reasoning may stand under several names.
        var reasoning = 0
        while let key = cursor.nextKey() {
            switch key.count {
            case 4 where key.is("role"): cursor.skip()
            case 5 where key.is("audio"): readAudio(into: &facts)
            case 6 where key.is("images"): readImages(into: &facts)
            case 7 where key.is("content"): readContent(into: &facts)
            case 7 where key.is("refusal"): facts.produced(countText())
            case 9 where key.is("reasoning"): reasoning = max(reasoning, countText())
            case 10 where key.is("tool_calls"): readToolCalls(choice, into: &facts)
            case 13 where key.is("function_call"): readToolFunction(choice, 0, nil, into: &facts)
            case 17 where key.is("reasoning_content"): reasoning = max(reasoning, countText())
            case 17 where key.is("reasoning_details"): reasoning = max(reasoning, readReasoningDetails(into: &facts))
            default: cursor.skip()
            }
        }
        facts.produced(reasoning)
    }

    /// Text, or a list of parts with text as Mistral sends them.
    @inline(__always)
    private mutating func readContent(into facts: inout AnswerFacts) {
        guard cursor.peek() == UInt8(ascii: "[") else { return facts.produced(countText()) }
        readContentParts(into: &facts)
    }

    private mutating func readContentParts(into facts: inout AnswerFacts) {
        guard cursor.enterArray() else { return }
        while cursor.hasNextElement() {
            guard cursor.enterObject() else { continue }
            while let key = cursor.nextKey() {
                if key.is("text") { facts.produced(countText()) } else { cursor.skip() }
            }
        }
    }

    private mutating func readReasoningDetails(into facts: inout AnswerFacts) -> Int {
        guard cursor.enterArray() else { return 0 }
        var count = 0
        while cursor.hasNextElement() {
            guard cursor.enterObject() else { continue }
            while let key = cursor.nextKey() {
                if key.is("text") || key.is("summary") {
                    count += countText()
                } else if key.is("data") {
                    // Encrypted reasoning is no text, but the model has begun.
                    if countText() > 0 { facts.hasContent = true }
                } else {
                    cursor.skip()
                }
            }
        }
        return count
    }

    private mutating func readAudio(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            if key.is("transcript") {
                facts.produced(countText())
            } else if key.is("data") {
                if countText() > 0 { facts.hasContent = true }
            } else {
                cursor.skip()
            }
        }
    }

    private mutating func readImages(into facts: inout AnswerFacts) {
        guard cursor.enterArray() else { return }
        while cursor.hasNextElement() {
            cursor.skip()
            facts.hasContent = true
        }
    }

    private mutating func readToolCalls(_ choice: Int, into facts: inout AnswerFacts) {
        guard cursor.enterArray() else { return }
        var place = 0
        while cursor.hasNextElement() {
            guard cursor.enterObject() else { continue }
            var index = place
            var id: JSONText?
            var name: JSONText?
            while let key = cursor.nextKey() {
                switch key.count {
                case 2 where key.is("id"): id = cursor.text()
                case 5 where key.is("index"): index = cursor.count() ?? place
                case 8 where key.is("function"): name = readFunction(into: &facts)
                case 6 where key.is("custom"): name = readFunction(into: &facts)
                default: cursor.skip()
                }
            }
            note(choice, index, id: id, name: name, into: &facts)
            place += 1
        }
    }

    private mutating func readToolFunction(
        _ choice: Int, _ index: Int, _ id: JSONText?, into facts: inout AnswerFacts
    ) {
        let name = readFunction(into: &facts)
        note(choice, index, id: id, name: name, into: &facts)
    }

    /// Answers the name, if there is one.
    private mutating func readFunction(into facts: inout AnswerFacts) -> JSONText? {
        guard cursor.enterObject() else { return nil }
        var name: JSONText?
        while let key = cursor.nextKey() {
            switch key.count {
            case 4 where key.is("name"): name = cursor.text()
            case 5 where key.is("input"): facts.produced(countText())
            case 9 where key.is("arguments"): facts.produced(countText())
            default: cursor.skip()
            }
        }
        return name
    }

    private func note(_ choice: Int, _ index: Int, id: JSONText?, name: JSONText?, into facts: inout AnswerFacts) {
        guard let name, !name.isEmpty, !cursor.isBroken else { return }
        facts.noteToolCall(
            choice: choice, index: index, id: id.flatMap { $0.isEmpty ? nil : $0.string(in: bytes) },
            name: name.string(in: bytes))
    }
}
