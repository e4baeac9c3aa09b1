/// Anthropic's messages: events, and the message itself, which is a whole body or stands in `message_start`.
extension AnswerScanner {
    mutating func readMessages(into facts: inout AnswerFacts) {
        guard cursor.enterObject() else { return }
        var type: JSONText?
        var index = 0
        var hasUsage = false
        while let key = cursor.nextKey() {
            switch key.count {
            case 4 where key.is("type"): type = cursor.text()
            case 5 where key.is("index"): index = cursor.count() ?? 0
            case 5 where key.is("delta"): readBlockDelta(into: &facts)
            case 7 where key.is("message"): readStart(into: &facts)
            case 13 where key.is("content_block"): readBlock(index, into: &facts)
            default: hasUsage = readMessageMember(key, into: &facts) || hasUsage
            }
        }
        guard !cursor.isBroken, let type else { return }
        let kind = JSONKey(bytes, type)
        switch kind.count {
        case 7 where kind.is("message"), 13 where kind.is("message_delta"):
            if hasUsage { facts.usageIsFinal = true }
        case 12 where kind.is("message_stop"): facts.isFinished = true
        case 13 where kind.is("message_start"): facts.hasStarted = true
        case 18 where kind.is("content_block_stop"): facts.openBlocks.removeAll { $0 == index }
        case 19 where kind.is("content_block_start"):
            if !facts.openBlocks.contains(index), facts.openBlocks.count < AnswerFacts.mostKept {
                facts.openBlocks.append(index)
            }
        default: break
        }
    }

    /// A member of the message; answers whether it was usage.
    private mutating func readMessageMember(_ key: JSONKey, into facts: inout AnswerFacts) -> Bool {
        switch key.count {
        case 2 where key.is("id"): keepText(in: &facts.id)
        case 5 where key.is("model"): keepText(in: &facts.model)
        case 5 where key.is("usage"): return facts.tally.read(&cursor)
        case 5 where key.is("error"): readError(into: &facts)
        case 7 where key.is("content"): readBlocks(into: &facts)
        case 8 where key.is("provider"): keepText(in: &facts.provider)
        case 11 where key.is("stop_reason"): readStopReason(into: &facts)
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
            switch key.count {
            case 4 where key.is("text"): facts.produced(countText())
            case 8 where key.is("thinking"): facts.produced(countText())
            case 11 where key.is("stop_reason"): readStopReason(into: &facts)
            case 12 where key.is("partial_json"): facts.produced(countText())
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
            switch key.count {
            case 2 where key.is("id"): id = cursor.text()
            case 4 where key.is("name"): name = cursor.text()
            case 4 where key.is("text"): facts.produced(countText())
            case 4 where key.is("type"):
                guard let type = cursor.text() else { continue }
                isTool =
                    type.is("tool_use", in: bytes) || type.is("server_tool_use", in: bytes)
                    || type.is("mcp_tool_use", in: bytes)
                if type.is("redacted_thinking", in: bytes) { facts.hasContent = true }
            case 5 where key.is("input"):
                // Streams begin with an empty one.
                let input = cursor.skipped()
                if input.count > 2 { facts.produced(input.count) }
            case 8 where key.is("thinking"): facts.produced(countText())
            default: cursor.skip()
            }
        }
        guard isTool, let name, !name.isEmpty, !cursor.isBroken else { return }
        facts.noteToolCall(
            choice: 0, index: index, id: id.map { $0.string(in: bytes) }, name: name.string(in: bytes))
    }
}
