/// How large the prompt of a request is, as far as its bytes tell.
package struct PromptMeasure: Hashable, Sendable {
    /// What was counted up to some point of the request.
    package struct Counts: Hashable, Sendable {
        /// Tokens of all text, of sound and files, and of the framing of messages and tools.
        package var tokens = 0
        /// Images; what one costs depends on the model.
        package var images = 0
        package var messages = 0
        package var tools = 0
    }

    /// A place between two messages, by which a later request that begins with the same messages is recognised.
    package struct Mark: Hashable, Sendable {
        /// Of all messages before it.
        package var hash: UInt64
        package var counts: Counts
    }

    package var counts = Counts()
    /// Part of the prompt lies elsewhere: a file or video by its address, an earlier answer, a stored prompt.
    package var isOpenEnded = false
    /// The same bytes are the same prompt at any time: none of it is a picture by its address, which may show another
    /// then, and the server is not asked to leave out what is too long.
    package var isRepeatable = true
    /// The last ones, in the order of the messages.
    package var marks: [Mark] = []
    /// A hash of everything but the messages that a prompt is made of, and of the models asked for.
    package var identity: UInt64 = 0

    /// Hashes of the parts that come before the messages, and of the first message; nil where there is none.
    package var tools: UInt64?
    package var system: UInt64?
    package var opening: UInt64?
    /// It asks for a place of it to be cached.
    package var isMarkedForCache = false
    /// Prompts that are read one by one, each in a context of its own: several of completions and embeddings only.
    package var sequences = 1
    /// Those of them that come with a template's hidden text.
    package var framed = 1

    package static let maximumMarks = 48

    /// The most tokens that the prompt can have, whichever of the models takes it; nil when that is unbounded.
    ///
    /// - Parameter contextLength: the largest of these models', nil when one of them is unknown. Each of several prompts
    ///   may fill one.
    package func tokenBound(models: [String], contextLength: Int? = nil) -> Int? {
        var frame = PromptFrame()
        for model in models { frame.widen(for: model) }
        return tokenBound(in: frame, contextLength: contextLength)
    }

    func tokenBound(in frame: PromptFrame, contextLength: Int? = nil) -> Int? {
        let most = contextLength.map { $0.saturatingMultiply(by: max(1, sequences)) }
        guard !isOpenEnded else { return most }
        let hidden = frame.request.saturatingMultiply(by: max(1, framed)) + (counts.tools > 0 ? frame.tools : 0)
        let bound = frame.tokens(of: counts).saturatingAdd(hidden)
        return most.map { min(bound, $0) } ?? bound
    }
}
