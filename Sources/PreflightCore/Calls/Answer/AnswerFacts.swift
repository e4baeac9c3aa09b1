/// What an answer said of itself, as far as it was read: from a stream or a whole body, in any dialect.
package struct AnswerFacts: Hashable, Sendable {
    package var dialect: Dialect
    /// The generation's id: `gen-…`, `chatcmpl-…`, `msg_…`.
    package var id: String?
    /// The model and the provider that served.
    package var model: String?
    package var provider: String?
    package var serviceTier: String?
    /// Unix seconds.
    package var created: Int?

    package var tally = UsageTally()
    /// The counts are those of the whole call, not of the part that had come when they were sent.
    package var usageIsFinal = false

    package var finishes: [Finish] = []
    package var toolCalls: [ToolCall] = []
    package var error: AnswerError?
    /// The end mark was seen, or the body read to its end.
    package var isFinished = false
    /// Something that the model made has come: text, reasoning, a tool call, an image.
    package var hasContent = false
    /// Bytes of text, reasoning, refusal and tool arguments. Tokens can be estimated from it; hidden reasoning is not
    /// in it.
    package var producedBytes = 0
    /// Those of them that are reasoning, or a summary of it.
    package var reasoningBytes = 0
    /// Events that brought some of `producedBytes`.
    package var contentEvents = 0

    /// Choices that were seen to begin and to end, a bit each; those from the 63rd share one.
    var openedChoices: UInt64 = 0
    var finishedChoices: UInt64 = 0
    /// Anthropic's blocks that were begun and not ended.
    package var openBlocks: [Int] = []
    /// Anthropic's `message_start` or OpenAI's `response.created` was seen.
    package var hasStarted = false
    /// The last number that OpenAI's responses counted an event by.
    package var lastSequenceNumber: Int?

    package init(dialect: Dialect) { self.dialect = dialect }

    /// Why a choice ended, in the upstream's word.
    package struct Finish: Hashable, Sendable {
        package var choice: Int
        package var reason: String
    }

    /// A tool that the model wants called.
    package struct ToolCall: Hashable, Sendable {
        package var choice: Int
        package var index: Int
        package var id: String?
        package var name: String
    }

    package var usage: Usage? { tally.usage }
    package var finishReasons: [String] { finishes.map(\.reason) }
    package var toolNames: [String] { toolCalls.map(\.name) }
    /// Output tokens so far, where a stream counts them as it goes.
    package var runningCompletionTokens: Int? { tally.completionTokens }
}

extension AnswerFacts {
    /// More tool calls, choices or blocks than this are not kept.
    static let mostKept = 1024

    mutating func finish(choice: Int, reason: String) {
        if let place = finishes.firstIndex(where: { $0.choice == choice }) {
            finishes[place].reason = reason
        } else if finishes.count < Self.mostKept {
            finishes.append(Finish(choice: choice, reason: reason))
        }
        finishedChoices |= Self.bit(choice)
    }

    /// A call whose name is sent with every piece counts once; servers that number all calls alike tell them by id.
    mutating func noteToolCall(choice: Int, index: Int, id: String?, name: String) {
        let call = ToolCall(choice: choice, index: index, id: id, name: String(name.prefix(256)))
        let isKnown = toolCalls.contains {
            $0.choice == choice && $0.index == index && (id == nil || $0.id == nil || $0.id == id)
        }
        hasContent = true
        if !isKnown, toolCalls.count < Self.mostKept { toolCalls.append(call) }
    }

    mutating func produced(_ bytes: Int) {
        producedBytes += bytes
        if bytes > 0 { hasContent = true }
    }

    mutating func reasoned(_ bytes: Int) {
        reasoningBytes += bytes
        produced(bytes)
    }

    static func bit(_ choice: Int) -> UInt64 { 1 << UInt64(min(63, max(0, choice))) }
}
