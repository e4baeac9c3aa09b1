/// Anthropic's messages: events, and the message itself, which is a whole body or stands in `message_start`.
extension AnswerScanner {
    mutating func readMessages(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var type: AnswerWord?
        var index = 0
        var hasUsage = false
        while let key = cursor.nextKey() {
            switch key {
            case .type: type = cursor.word()
            case .index: index = cursor.count() ?? 0
            case .delta: readBlockDelta(into: &facts)
            case .message: readStart(into: &facts)
            case .contentBlock: readBlock(index, into: &facts)
            default: hasUsage = readMessageMember(key, into: &facts) || hasUsage
            }
        }
        guard !cursor.isBroken, let type else { return }
        switch type {
        case .message, .messageDelta:
            if hasUsage { facts.usageIsFinal = true }
        case .messageStop: facts.isFinished = true
        case .messageStart: facts.hasStarted = true
        case .contentBlockStop: facts.openBlocks.removeAll { $0 == index }
        case .contentBlockStart:
            if !facts.openBlocks.contains(index), facts.openBlocks.count < AnswerFacts.mostKept {
                facts.openBlocks.append(index)
            }
        default: break
        }
    }

    /// A member of the message; answers whether it was usage.
    private mutating func readMessageMember(_ key: AnswerWord, into facts: inout AnswerFacts) -> Bool {
        switch key {
        case .id: keepText(in: &facts.id)
        case .model: keepText(in: &facts.model)
        case .usage: return facts.tally.read(&cursor)
        case .error: readError(into: &facts)
        case .content: readBlocks(into: &facts)
        case .provider: keepText(in: &facts.provider)
        case .stopReason: readStopReason(into: &facts)
        default: cursor.skip()
        }
        return false
    }

    /// The counts of the prompt are true from here on; those of the output, and a cost, are not yet.
    private mutating func readStart(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() { _ = readMessageMember(key, into: &facts) }
        facts.tally.cost = nil
        facts.tally.upstreamCost = nil
    }

    private mutating func readStopReason(into facts: inout AnswerFacts) {
        guard let reason = cursor.text(), !reason.isEmpty else { return }
        facts.finish(choice: 0, reason: reason.string(in: bytes))
    }

    @inline(__always)
    private mutating func readBlockDelta(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        while let key = cursor.nextKey() {
            switch key {
            case .text: facts.produced(countText())
            case .thinking: facts.reasoned(countText())
            case .stopReason: readStopReason(into: &facts)
            case .partialJSON: facts.produced(countText())
            default: cursor.skip()
            }
        }
    }

    private mutating func readBlocks(into facts: inout AnswerFacts) {
        guard cursor.enterArray() else { return }
        var index = 0
        while cursor.hasNextElement() {
            readBlock(index, into: &facts)
            index += 1
        }
    }

    private mutating func readBlock(_ index: Int, into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var isTool = false
        var id: JSONText?
        var name: JSONText?
        while let key = cursor.nextKey() {
            switch key {
            case .id: id = cursor.text()
            case .name: name = cursor.text()
            case .text: facts.produced(countText())
            case .type:
                guard let type = cursor.word() else { continue }
                isTool = type == .toolUse || type == .serverToolUse || type == .mcpToolUse
                if type == .redactedThinking { facts.hasContent = true }
            case .input:
                // Streams begin with an empty one.
                let input = cursor.skipped()
                if input.count > 2 { facts.produced(input.count) }
            case .thinking: facts.reasoned(countText())
            default: cursor.skip()
            }
        }
        guard isTool, let name, !name.isEmpty, !cursor.isBroken else { return }
        facts.noteToolCall(
            choice: 0, index: index, id: id.map { $0.string(in: bytes) }, name: name.string(in: bytes))
    }
}
