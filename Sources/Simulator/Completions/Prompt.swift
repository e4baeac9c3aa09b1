import PreflightCore

/// A prompt as a provider's cache sees it: tools, then messages, each part a block with the hash of all that came
/// before it.
struct Prompt: Sendable {
    struct Block: Sendable {
        /// Of everything up to and including this block.
        var prefixHash: UInt64
        var prefixBytes: Int
        var breakpoint: Breakpoint?

        var prefixTokens: Int { Prompt.tokens(bytes: prefixBytes) }
    }

    /// An explicit `cache_control` marker.
    struct Breakpoint: Sendable, Equatable {
        var isHour: Bool

        init?(json: JSON?) {
            guard let json, json["type"]?.string == "ephemeral" else { return nil }
            isHour = json["ttl"]?.string == "1h"
        }
    }

    private(set) var blocks: [Block] = []

    /// Deterministic, and near enough to what tokenizers make of English and code.
    static func tokens(bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }
    static let bytesPerToken = 4

    var tokenCount: Int { max(1, Self.tokens(bytes: blocks.last?.prefixBytes ?? 0)) }

    init(request: JSON) {
        for tool in request["tools"]?.array ?? [] { append(tool, role: "tool definition") }
        for message in request["messages"]?.array ?? [] { append(message: message) }
        if let prompt = request["prompt"] { append(prompt, role: "prompt") }
        if let marker = Breakpoint(json: request["cache_control"]), !blocks.isEmpty {
            blocks[blocks.count - 1].breakpoint = marker
        }
    }

    /// The input of an embedding: a text, tokens, or a list of either.
    init(embedding input: JSON) {
        let tokens = Self.embeddingTokens(input, depth: 0)
        blocks = [Block(prefixHash: 0, prefixBytes: tokens * Self.bytesPerToken)]
    }

    private static func embeddingTokens(_ input: JSON, depth: Int) -> Int {
        switch input {
        case .string(let text): max(1, tokens(bytes: text.utf8.count))
        case .number: 1
        case .array(let values): depth < 2 ? values.reduce(0) { $0 + embeddingTokens($1, depth: depth + 1) } : 1
        default: max(1, tokens(bytes: input.bytes.count))
        }
    }

    private mutating func append(message: JSON) {
        let role = message["role"]?.string ?? ""
        switch message["content"] {
        case .string(let text): append(["type": "text", "text": .string(text)], role: role)
        case .array(let parts): for part in parts { append(part, role: role) }
        default: break
        }
        for call in message["tool_calls"]?.array ?? [] { append(call, role: role) }
        if let marker = Breakpoint(json: message["cache_control"]), !blocks.isEmpty {
            blocks[blocks.count - 1].breakpoint = marker
        }
    }

    /// Markers take no part in the hash: moving one must not change the prefix.
    private mutating func append(_ part: JSON, role: String) {
        var bare = JSON.Object()
        for member in part.object?.members ?? [] where member.key != "cache_control" && member.key != "index" {
            bare.append(member.key, member.value)
        }
        let bytes = part.object == nil ? part.bytes : JSON.object(bare).bytes
        var hash = blocks.last?.prefixHash ?? 0xCBF2_9CE4_8422_2325
        for byte in role.utf8 { hash = Self.mixed(hash, byte) }
        for byte in bytes { hash = Self.mixed(hash, byte) }
        // Only what the model reads is counted, not the JSON around it.
        let counted = (part.string ?? part["text"]?.string)?.utf8.count ?? bytes.count
        blocks.append(
            Block(
                prefixHash: hash, prefixBytes: (blocks.last?.prefixBytes ?? 0) + counted,
                breakpoint: Breakpoint(json: part["cache_control"])))
    }

    /// FNV-1a.
    private static func mixed(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
}
