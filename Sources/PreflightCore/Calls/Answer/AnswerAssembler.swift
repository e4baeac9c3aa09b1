/// Builds the whole answer from a stream, as the API would have given it without streaming.
///
/// A call whose caller wants no stream can be sent as one, so that it can be metered as it runs; this makes of it what
/// the caller expects.
package struct AnswerAssembler: Sendable {
    package let dialect: Dialect
    /// The answer grew beyond the limit and was given up.
    package private(set) var isOversized = false

    private let limit: Int
    private var size = 0
    private var splitter: EventSplitter
    private var chat = ChatAssembly()
    private var message = MessageAssembly()
    private var response: JSON?
    private var error: JSON?

    /// - Parameter limit: the most bytes of event data that are taken.
    package init(dialect: Dialect, limit: Int = 32 << 20) {
        self.dialect = dialect
        self.limit = limit
        splitter = EventSplitter(limit: limit)
    }

    /// Takes the next bytes of the stream, in any split.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        var position = 0
        while let event = splitter.next(in: bytes, at: &position) { take(event, bytes) }
    }

    /// The stream has ended. Needed for a last event without its blank line.
    package mutating func finish() {
        if let event = splitter.finish() { take(event, UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    /// The answer so far; nil as long as there is none, or if it grew too large. A responses stream has one only once
    /// it has ended. An error in the stream is a member `error` of the answer.
    package var answer: JSON? {
        guard !isOversized else { return nil }
        switch dialect {
        case .chat, .completions, .embeddings: return chat.answer(in: dialect)
        case .messages: return error ?? message.answer
        case .responses: return response ?? error.map { .record(["error": $0]) }
        }
    }

    /// The answer is an error and nothing else, which the API gives with a status of its own.
    package var isError: Bool {
        switch dialect {
        case .chat, .completions, .embeddings: false
        case .messages: error != nil
        case .responses: error != nil && response == nil
        }
    }

    private mutating func take(_ event: EventSplitter.Event, _ bytes: UnsafeRawBufferPointer) {
        guard !isOversized else { return }
        let data: [UInt8]
        switch event {
        case .inPlace(let range): data = [UInt8](bytes[range])
        case .joined(let joined): data = joined
        case .empty: return
        case .oversized:
            isOversized = true
            return
        }
        size += data.count
        guard size <= limit else {
            isOversized = true
            (chat, message, response) = (ChatAssembly(), MessageAssembly(), nil)
            return
        }
        guard let json = try? JSON.parse(data), case .object(let object) = json else { return }
        switch dialect {
        case .chat, .completions, .embeddings: chat.add(object)
        case .messages: addMessageEvent(json, object)
        case .responses: addResponseEvent(json, object)
        }
    }

    private mutating func addMessageEvent(_ json: JSON, _ object: JSON.Object) {
        if object["type"]?.string == "error" { error = json } else { message.add(object) }
    }

    private mutating func addResponseEvent(_ json: JSON, _ object: JSON.Object) {
        switch object["type"]?.string {
        case "response.completed", "response.incomplete", "response.failed": response = object["response"] ?? response
        case "error", "response.error":
            error = object["error"]?.object.map(JSON.object) ?? json
        default: break
        }
    }
}
