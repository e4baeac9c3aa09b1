/// What providers put around a prompt, and what images cost there: the most that is known for some models' kinds.
struct PromptFrame: Sendable {
    /// Hidden text of a chat template.
    private(set) var request = 96
    /// The instructions that come with any tools.
    private(set) var tools = 384
    /// One image, whatever its size.
    private(set) var image = 0

    init() {}

    init(model: String) { widen(for: model) }

    mutating func widen(for model: String) {
        let words = ModelWords(in: model)
        // xAI's hidden prompt had 680 tokens when it was measured.
        if words.contains(.grok) { request = max(request, 1024) }
        // 313 to 675 tokens by Anthropic's documentation, depending on the model.
        if words.contains(.claude) { tools = max(tools, 1024) }
        image = max(image, Self.image(words))
    }

    mutating func widen(to other: PromptFrame) {
        request = max(request, other.request)
        tools = max(tools, other.tools)
        image = max(image, other.image)
    }

    private static func image(_ words: ModelWords) -> Int {
        if words.contains(.smallGPT) { return 49_152 }
        if words.contains(.claude) { return 5_000 }
        return words.contains(.gemini) ? 8_192 : 16_384
    }

    /// With a margin of a thirty-second on text: random letters come close to the count.
    func tokens(of counts: PromptMeasure.Counts) -> Int {
        let text = counts.tokens + counts.tokens / 32
        let images = counts.images.multipliedReportingOverflow(by: image)
        let sum = images.partialValue.addingReportingOverflow(text)
        return images.overflow || sum.overflow ? .max / 2 : min(sum.partialValue, .max / 2)
    }
}

/// The words in a model's name that matter, whatever their case, found in one pass: several calls ask for them.
struct ModelWords: OptionSet {
    var rawValue: UInt8

    static let grok = ModelWords(rawValue: 1)
    static let claude = ModelWords(rawValue: 2)
    static let smallGPT = ModelWords(rawValue: 4)
    static let gemini = ModelWords(rawValue: 8)
    static let preset = ModelWords(rawValue: 16)
    /// A suffix that changes routing stands in it, in any case, at its end or before it.
    static let routing = ModelWords(rawValue: 32)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(in name: String) {
        var name = name
        var found: ModelWords = []
        name.withUTF8 { bytes in
            for start in bytes.indices {
                func begins(_ word: StaticString) -> Bool {
                    guard bytes.count &- start >= word.utf8CodeUnitCount else { return false }
                    for offset in 0..<word.utf8CodeUnitCount {
                        let byte = bytes[start &+ offset]
                        let lower = byte &- 65 < 26 ? byte | 0x20 : byte
                        if lower != word.utf8Start[offset] { return false }
                    }
                    return true
                }
                switch bytes[start] | 0x20 {
                case UInt8(ascii: "a") where begins("anthropic"): found.insert(.claude)
                case UInt8(ascii: "c") where begins("claude"): found.insert(.claude)
                case UInt8(ascii: "g") where begins("grok"): found.insert(.grok)
                case UInt8(ascii: "g") where begins("gpt-4o-mini"): found.insert(.smallGPT)
                case UInt8(ascii: "g") where begins("gemini") || begins("gemma"): found.insert(.gemini)
                case UInt8(ascii: "x") where begins("x-ai/"): found.insert(.grok)
                case UInt8(ascii: ":") where begins(":online") || begins(":nitro") || begins(":floor"):
                    found.insert(.routing)
                // The sign itself is in the other half of ASCII.
                case UInt8(ascii: "@") | 0x20 where begins("@preset/"): found.insert(.preset)
                default: break
                }
            }
        }
        self = found
    }
}
