/// OpenAI's responses: events, and the response itself, which is a whole body or stands in the first and last events.
extension AnswerScanner {
    mutating func readResponses(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var type: AnswerWord?
        var text = 0
        var hasUsage = false
        var hasMessage = false
        while let key = cursor.nextKey() {
            switch key {
            case .item: readItem(into: &facts)
            case .type: type = cursor.word()
            case .delta: text = countText()
            case .message: hasMessage = cursor.text() != nil
            case .response:
                let start = cursor.index
                hasUsage = readResponse(into: &facts) || hasUsage
                response = start..<cursor.index
            case .sequenceNumber:
                facts.lastSequenceNumber = cursor.count() ?? facts.lastSequenceNumber
            default: hasUsage = readResponseMember(key, into: &facts) || hasUsage
            }
        }
        guard let type else {
            if hasUsage { facts.usageIsFinal = true }
            return
        }
        // Sound is no text; what it says comes as a transcript.
        if text > 0, type == .responseAudioDelta {
            facts.hasContent = true
        } else if type == .responseReasoningDelta || type == .responseReasoningSummaryDelta {
            facts.reasoned(text)
        } else {
            facts.produced(text)
        }
        guard !cursor.isBroken else { return }
        switch type {
        case .error where hasMessage, .responseError where hasMessage:
            facts.error = (try? JSON.parse([UInt8](bytes))).flatMap(AnswerError.init(json:))
        case .responseFailed, .responseCompleted, .responseIncomplete:
            facts.isFinished = true
            if hasUsage { facts.usageIsFinal = true }
        case .responseCreated: facts.hasStarted = true
        default: break
        }
    }

    private mutating func readResponse(into facts: inout AnswerFacts) -> Bool {
        guard cursor.enterObject() else { return false }
        var hasUsage = false
        while let key = cursor.nextKey() { hasUsage = readResponseMember(key, into: &facts) || hasUsage }
        return hasUsage
    }

    /// A member of the response; answers whether it was usage.
    private mutating func readResponseMember(_ key: AnswerWord, into facts: inout AnswerFacts) -> Bool {
        switch key {
        case .id: keepText(in: &facts.id)
        case .error: readError(into: &facts)
        case .model: readText(into: &facts.model)
        case .usage: return facts.tally.read(&cursor)
        case .output: readOutput(into: &facts)
        case .status: readStatus(into: &facts)
        case .provider: keepText(in: &facts.provider)
        case .createdAt where facts.created == nil: facts.created = cursor.integer()
        // It is `auto` until the call has been served.
        case .serviceTier: readText(into: &facts.serviceTier)
        case .incompleteDetails: readIncompleteDetails(into: &facts)
        default: cursor.skip()
        }
        return false
    }

    private mutating func readText(into member: inout String?) {
        guard let text = cursor.text(), !text.isEmpty, text.range.count <= 1024 else { return }
        member = text.string(in: bytes)
    }

    /// `completed` and `failed` are reasons of their own; `incomplete` has one in its details.
    private mutating func readStatus(into facts: inout AnswerFacts) {
        guard let status = cursor.word() else { return }
        if status == .completed || status == .failed || status == .cancelled {
            facts.finish(choice: 0, reason: status.rawValue)
        }
    }

    private mutating func readIncompleteDetails(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            guard key == .reason else {
                cursor.skip()
                continue
            }
            if let reason = cursor.text(), !reason.isEmpty {
                facts.finish(choice: 0, reason: reason.string(in: bytes))
            }
        }
    }

    private mutating func readOutput(into facts: inout AnswerFacts) {
        guard cursor.enterArray() else { return }
        while cursor.hasNextElement() { readItem(into: &facts) }
    }

    /// Only the names of tools are read: the text of an item has come before, or is not asked for.
    private mutating func readItem(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var isCall = false
        var id: JSONText?
        var name: JSONText?
        while let key = cursor.nextKey() {
            switch key {
            case .id: id = cursor.text()
            case .name: name = cursor.text()
            case .type:
                guard let type = cursor.word() else { continue }
                isCall = type == .functionCall || type == .customToolCall || type == .mcpCall
            default: cursor.skip()
            }
        }
        guard isCall, let name, !name.isEmpty, !cursor.isBroken else { return }
        facts.noteToolCall(
            choice: 0, index: 0, id: id.map { $0.string(in: bytes) }, name: name.string(in: bytes))
    }
}
