/// OpenAI's responses: events, and the response itself, which is a whole body or stands in the first and last events.
extension AnswerScanner {
    mutating func readResponses(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var type: JSONText?
        var text = 0
        var hasUsage = false
        var hasMessage = false
        while let key = cursor.nextKey() {
            switch key.count {
            case 4 where key.is("item"): readItem(into: &facts)
            case 4 where key.is("type"): type = cursor.text()
            case 5 where key.is("delta"): text = countText()
            case 7 where key.is("message"): hasMessage = cursor.text() != nil
            case 8 where key.is("response"):
                let start = cursor.index
                hasUsage = readResponse(into: &facts) || hasUsage
                response = start..<cursor.index
            case 15 where key.is("sequence_number"):
                facts.lastSequenceNumber = cursor.count() ?? facts.lastSequenceNumber
            default: hasUsage = readResponseMember(key, into: &facts) || hasUsage
            }
        }
        guard let type else {
            if hasUsage { facts.usageIsFinal = true }
            return
        }
        let kind = JSONKey(bytes, type)
        // Sound is no text; what it says comes as a transcript.
        if text > 0, kind.is("response.audio.delta") {
            facts.hasContent = true
        } else {
            facts.produced(text)
        }
        guard !cursor.isBroken else { return }
        switch kind.count {
        case 5 where kind.is("error") && hasMessage, 14 where kind.is("response.error") && hasMessage:
            facts.error = (try? JSON.parse([UInt8](bytes))).flatMap(AnswerError.init(json:))
        case 15 where kind.is("response.failed"), 18 where kind.is("response.completed"),
            19 where kind.is("response.incomplete"):
            facts.isFinished = true
            if hasUsage { facts.usageIsFinal = true }
        case 16 where kind.is("response.created"): facts.hasStarted = true
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
    private mutating func readResponseMember(_ key: JSONKey, into facts: inout AnswerFacts) -> Bool {
        switch key.count {
        case 2 where key.is("id"): keepText(in: &facts.id)
        case 5 where key.is("error"): readError(into: &facts)
        case 5 where key.is("model"): readText(into: &facts.model)
        case 5 where key.is("usage"): return facts.tally.read(&cursor)
        case 6 where key.is("output"): readOutput(into: &facts)
        case 6 where key.is("status"): readStatus(into: &facts)
        case 8 where key.is("provider"): keepText(in: &facts.provider)
        case 10 where key.is("created_at") && facts.created == nil: facts.created = cursor.integer()
        // It is `auto` until the call has been served.
        case 12 where key.is("service_tier"): readText(into: &facts.serviceTier)
        case 18 where key.is("incomplete_details"): readIncompleteDetails(into: &facts)
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
        guard let status = cursor.text() else { return }
        if status.is("completed", in: bytes) || status.is("failed", in: bytes) || status.is("cancelled", in: bytes) {
            facts.finish(choice: 0, reason: status.string(in: bytes))
        }
    }

    private mutating func readIncompleteDetails(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            guard key.is("reason") else {
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
            switch key.count {
            case 2 where key.is("id"): id = cursor.text()
            case 4 where key.is("name"): name = cursor.text()
            case 4 where key.is("type"):
                guard let type = cursor.text() else { continue }
                isCall =
                    type.is("function_call", in: bytes) || type.is("custom_tool_call", in: bytes)
                    || type.is("mcp_call", in: bytes)
            default: cursor.skip()
            }
        }
        guard isCall, let name, !name.isEmpty, !cursor.isBroken else { return }
        facts.noteToolCall(
            choice: 0, index: 0, id: id.map { $0.string(in: bytes) }, name: name.string(in: bytes))
    }
}
