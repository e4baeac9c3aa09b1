/// What a request asks for, as far as it decides what the call may cost.
package struct CallFacts: Hashable, Sendable {
    package var dialect: Dialect
    /// As the request names it, suffixes included.
    package var model: String
    /// Tried in order when the model fails; each may be the one that is charged.
    package var fallbacks: [String]
    package var isStreamed: Bool
    /// The caller asked for usage in a stream by itself.
    package var asksForUsage: Bool
    /// The most output tokens that the caller wants: the smallest, where several members say it.
    package var outputCap: Int?
    /// Answers of the full length that are generated: choices, times prompts of a completion. At least 1.
    package var choices: Int
    /// Tokens for thinking that must fit below the output cap.
    package var thinkingBudget: Int?
    package var hasTools: Bool
    /// Names of the function tools, at most 1024 of them.
    package var toolNames: [String]
    package var prompt: PromptMeasure
    /// Tokens of a predicted output: those that do not come true are charged as output. In the prompt as well.
    package var predictionTokens: Int
    /// Each once, in the order of the body.
    package var extras: [Extra]
    /// Where the members of the body lie.
    package var scan: JSONScan

    /// The model and its fallbacks.
    package var models: [String] { [model] + fallbacks }

    package static let maximumChoices = 128
    package static let maximumFallbacks = 16

    package static func read(_ body: [UInt8], dialect: Dialect) throws(CallRefusal) -> CallFacts {
        try body.withBody { (bytes) throws(CallRefusal) in try read(bytes, dialect: dialect) }
    }

    package static func read(_ bytes: UnsafeRawBufferPointer, dialect: Dialect) throws(CallRefusal) -> CallFacts {
        var reading = try CallReading(bytes, dialect: dialect)
        return try reading.facts()
    }
}
