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
    /// The last ones, in the order of the messages.
    package var marks: [Mark] = []
    /// A hash of everything but the messages that a prompt is made of, and of the models asked for.
    package var identity: UInt64 = 0

    package static let maximumMarks = 48

    /// The most tokens that the prompt can have, whichever of the models takes it; nil when that is unbounded.
    ///
    /// - Parameter contextLength: the largest of these models', nil when one of them is unknown.
    package func tokenBound(models: [String], contextLength: Int? = nil) -> Int? {
        guard !isOpenEnded else { return contextLength }
        let frame = PromptFrame(models: models)
        let bound = frame.tokens(of: counts) + frame.request + (counts.tools > 0 ? frame.tools : 0)
        return contextLength.map { min(bound, $0) } ?? bound
    }
}

/// What providers put around a prompt, and what images cost there: the most that is known for a model's kind.
struct PromptFrame {
    /// Hidden text of a chat template.
    var request = 96
    /// The instructions that come with any tools.
    var tools = 384
    /// One image, whatever its size.
    var image = 0

    init(models: [String]) {
        for model in models {
            // xAI's hidden prompt had 680 tokens when it was measured.
            if model.mentions("grok") || model.mentions("x-ai/") { request = max(request, 1024) }
            // 313 to 675 tokens by Anthropic's documentation, depending on the model.
            let isClaude = model.mentions("claude") || model.mentions("anthropic")
            if isClaude { tools = max(tools, 1024) }
            image = max(image, Self.image(model, isClaude: isClaude))
        }
    }

    private static func image(_ name: String, isClaude: Bool) -> Int {
        if name.mentions("gpt-4o-mini") { return 49_152 }
        if isClaude { return 5_000 }
        if name.mentions("gemini") || name.mentions("gemma") { return 8_192 }
        return 16_384
    }

    /// With a margin of a thirty-second on text: random letters come close to the count.
    func tokens(of counts: PromptMeasure.Counts) -> Int {
        let text = counts.tokens + counts.tokens / 32
        let images = counts.images.multipliedReportingOverflow(by: image)
        let sum = images.partialValue.addingReportingOverflow(text)
        return images.overflow || sum.overflow ? .max / 2 : min(sum.partialValue, .max / 2)
    }
}

extension String {
    /// Whether a word in ASCII, its letters in lower case, is part of this one, whatever its case. Several times faster
    /// than the library's search, which runs with every call.
    func mentions(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        var text = self
        return text.withUTF8 { bytes in
            guard bytes.count >= count else { return false }
            return (0...(bytes.count - count)).contains { start in
                for offset in 0..<count {
                    let byte = bytes[start + offset]
                    let lower = (65...90).contains(byte) ? byte | 0x20 : byte
                    if lower != word.utf8Start[offset] { return false }
                }
                return true
            }
        }
    }
}
