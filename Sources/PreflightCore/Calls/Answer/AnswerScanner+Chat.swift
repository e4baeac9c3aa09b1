/// Chat completions, older completions and embeddings: chunks and whole bodies have the same members.
extension AnswerScanner {
    mutating func readChat(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var hasEmptyChoices = false
        var hasUsage = false
        var isFlatError = false
        while let key = cursor.nextKey() {
            switch key {
            case .id: keepText(in: &facts.id)
            case .model: keepText(in: &facts.model)
            case .usage: hasUsage = facts.tally.read(&cursor)
            case .error: readError(into: &facts)
            case .object: isFlatError = cursor.word() == .error
            case .choices: hasEmptyChoices = !readChoices(into: &facts)
            case .created where facts.created == nil: facts.created = cursor.integer()
            case .provider: keepText(in: &facts.provider)
            case .serviceTier: keepText(in: &facts.serviceTier)
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
            switch key {
            case .text: facts.produced(countText())
            case .index: choice = cursor.count() ?? 0
            case .delta: readDelta(choice, into: &facts)
            case .error: readError(into: &facts)
            case .message: readDelta(choice, into: &facts)
            case .finishReason: reason = cursor.text()
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
            switch key {
            case .role: cursor.skip()
            case .audio: readAudio(into: &facts)
            case .images: readImages(into: &facts)
            case .content: readContent(into: &facts)
            case .refusal: facts.produced(countText())
            case .reasoning: reasoning = max(reasoning, countText())
            case .toolCalls: readToolCalls(choice, into: &facts)
            case .functionCall: readToolFunction(choice, 0, nil, into: &facts)
            case .reasoningContent: reasoning = max(reasoning, countText())
            case .reasoningDetails: reasoning = max(reasoning, readReasoningDetails(into: &facts))
            default: cursor.skip()
            }
        }
        facts.reasoned(reasoning)
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
                if key == .text { facts.produced(countText()) } else { cursor.skip() }
            }
        }
    }

    private mutating func readReasoningDetails(into facts: inout AnswerFacts) -> Int {
        guard cursor.enterArray() else { return 0 }
        var count = 0
        while cursor.hasNextElement() {
            guard cursor.enterObject() else { continue }
            while let key = cursor.nextKey() {
                if key == .text || key == .summary {
                    count += countText()
                } else if key == .data {
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
            if key == .transcript {
                facts.produced(countText())
            } else if key == .data {
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
                switch key {
                case .id: id = cursor.text()
                case .index: index = cursor.count() ?? place
                case .function: name = readFunction(into: &facts)
                case .custom: name = readFunction(into: &facts)
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
            switch key {
            case .name: name = cursor.text()
            case .input: facts.produced(countText())
            case .arguments: facts.produced(countText())
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
