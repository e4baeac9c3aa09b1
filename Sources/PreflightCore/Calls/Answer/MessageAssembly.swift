/// The events of Anthropic's messages, put together.
struct MessageAssembly: Sendable {
    private var message: JSON.Object?
    private var blocks: [Int: Block] = [:]

    fileprivate struct Block: Sendable {
        var members: JSON.Object
        var texts: [String: String] = [:]
        var input = ""
        var citations: [JSON] = []
    }

    mutating func add(_ event: JSON.Object) {
        let index = event["index"]?.int ?? 0
        switch event["type"]?.string {
        case "message_start": message = event["message"]?.object ?? message
        case "content_block_start":
            guard blocks.count < AnswerFacts.mostKept, let members = event["content_block"]?.object else { return }
            blocks[index] = Block(members: members)
        case "content_block_delta":
            if let delta = event["delta"]?.object { blocks[index]?.add(delta) }
        case "message_delta":
            for member in event["delta"]?.object?.members ?? [] { message?[member.key] = member.value }
            var usage = message?["usage"]?.object ?? JSON.Object()
            for member in event["usage"]?.object?.members ?? [] where member.value != .null {
                usage[member.key] = member.value
            }
            message?["usage"] = .object(usage)
            for member in event.members where !["type", "delta", "usage"].contains(member.key) {
                message?[member.key] = member.value
            }
        default: break
        }
    }

    var answer: JSON? {
        guard var message else { return nil }
        message["content"] = .array(blocks.sorted { $0.key < $1.key }.map { $0.value.json })
        return .object(message)
    }
}

extension MessageAssembly.Block {
    fileprivate mutating func add(_ delta: JSON.Object) {
        for member in delta.members where member.key != "type" {
            switch (member.key, member.value) {
            case ("partial_json", .string(let text)): input += text
            case ("citation", _): citations.append(member.value)
            case (_, .string(let text)): texts[member.key, default: ""] += text
            default: members[member.key] = member.value
            }
        }
    }

    /// An input that was cut is no JSON, and becomes the empty object that the block began with.
    fileprivate var json: JSON {
        var block = members
        for (key, text) in texts { block[key] = .string((members[key]?.string ?? "") + text) }
        if !input.isEmpty { block["input"] = (try? JSON.parse(input)) ?? block["input"] ?? .object(JSON.Object()) }
        if !citations.isEmpty { block["citations"] = .array((members["citations"]?.array ?? []) + citations) }
        return .object(block)
    }
}
