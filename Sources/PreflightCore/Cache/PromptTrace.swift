/// What of a call's prompt is told in its event: enough to see where it left an earlier one, and none of its words.
///
/// Hashes are keyed by a secret of the process that made them, so two are compared only within one process' life. They
/// are cut short: two parts that differ look alike once in sixteen million.
package struct PromptTrace: Hashable, Sendable {
    package var tools: UInt32?
    /// A system prompt that stands beside the messages.
    package var system: UInt32?
    /// The first message: in chats often the system prompt.
    package var opening: UInt32?
    package var messages: Int
    /// Of all messages up to each of the last ones; the last entry is of all.
    package var chain: [UInt32]
    /// The request asked for a place to be cached.
    package var isMarked: Bool

    package static let chainLimit = 32
    private static let mask: UInt64 = 0xFF_FFFF
    private static let digits = 6

    package init(
        tools: UInt32? = nil, system: UInt32? = nil, opening: UInt32? = nil, messages: Int, chain: [UInt32],
        isMarked: Bool = false
    ) {
        self.tools = tools
        self.system = system
        self.opening = opening
        self.messages = messages
        self.chain = chain
        self.isMarked = isMarked
    }

    package init(_ prompt: PromptMeasure) {
        func short(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash & Self.mask) }
        self.init(
            tools: prompt.tools.map(short), system: prompt.system.map(short), opening: prompt.opening.map(short),
            messages: prompt.counts.messages, chain: prompt.marks.suffix(Self.chainLimit).map { short($0.hash) },
            isMarked: prompt.isMarkedForCache)
    }

    /// Of the messages up to and with number `count`, from 1; nil where that is not kept.
    package subscript(count: Int) -> UInt32? {
        if count == 1, let opening { return opening }
        let index = count - 1 - (messages - chain.count)
        return chain.indices.contains(index) ? chain[index] : nil
    }
}

extension PromptTrace {
    /// The first part of a prompt in which it differs from an earlier one.
    package enum Difference: Hashable, Sendable {
        case tools, system
        /// From 1. `isExact` where the message before it is known to be the same.
        case message(Int, isExact: Bool)
    }

    /// Nil where this prompt begins with all of the earlier one.
    package func difference(from earlier: PromptTrace) -> Difference? {
        if tools != earlier.tools { return .tools }
        if system != earlier.system { return .system }
        var same = 0
        for number in stride(from: min(messages, earlier.messages), to: 0, by: -1) {
            guard let mine = self[number], let theirs = earlier[number] else { continue }
            guard mine != theirs else {
                same = number
                break
            }
        }
        guard same < earlier.messages else { return nil }
        // What follows the last common message is the first that differs, if its own hash is kept.
        let next = same + 1
        return .message(next, isExact: next > messages || (self[next] != nil && earlier[next] != nil))
    }

    /// How many messages both begin with, as far as is kept.
    package func shared(with earlier: PromptTrace) -> Int {
        guard tools == earlier.tools, system == earlier.system else { return 0 }
        switch difference(from: earlier) {
        case .message(let number, _)?: return number - 1
        case nil: return earlier.messages
        default: return 0
        }
    }
}

extension PromptTrace {
    package var json: JSON {
        .record([
            "messages": .int(messages), "tools": tools.map { .string(Self.text($0)) },
            "system": system.map { .string(Self.text($0)) }, "opening": opening.map { .string(Self.text($0)) },
            "chain": chain.isEmpty ? nil : .string(chain.map(Self.text).joined()), "marked": isMarked ? true : nil,
        ])
    }

    package init?(json: JSON) {
        guard let messages = json["messages"]?.int, (0...1_000_000).contains(messages) else { return nil }
        func hash(_ key: String) -> UInt32? { json[key]?.string.flatMap { UInt32($0, radix: 16) } }
        var chain: [UInt32] = []
        var rest = Substring(json["chain"]?.string ?? "")
        while !rest.isEmpty, chain.count < Self.chainLimit {
            guard let link = UInt32(rest.prefix(Self.digits), radix: 16) else { return nil }
            chain.append(link)
            rest = rest.dropFirst(Self.digits)
        }
        guard chain.count <= messages else { return nil }
        self.init(
            tools: hash("tools"), system: hash("system"), opening: hash("opening"), messages: messages, chain: chain,
            isMarked: json["marked"]?.bool ?? false)
    }

    private static func text(_ hash: UInt32) -> String {
        let text = String(hash, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
