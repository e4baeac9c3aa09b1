/// What a request asks for, as far as it decides what the call may cost.
package struct CallFacts: Sendable {
    /// As the request names it, suffixes included.
    package var model: String
    /// Tried in order when the model fails; each may be the one that is charged.
    package var fallbacks: [String]
    /// All the rest, which never changes. Facts are handed on many times a call, so it is one object.
    let details: Details

    package var dialect: Dialect { details.dialect }
    package var isStreamed: Bool { details.isStreamed }
    /// The caller asked for usage in a stream by itself.
    package var asksForUsage: Bool { details.asksForUsage }
    /// The most output tokens that the caller wants: the smallest, where several members say it.
    package var outputCap: Int? { details.outputCap }
    /// Answers of the full length that are generated: choices, times prompts of a completion. At least 1.
    package var choices: Int { details.choices }
    /// Tokens for thinking that must fit below the output cap.
    package var thinkingBudget: Int? { details.thinkingBudget }
    package var reasoning: ReasoningWish { details.reasoning }
    package var hasTools: Bool { details.prompt.counts.tools > 0 }
    /// Names of the function tools, at most 1024 of them.
    package var toolNames: [String] { details.toolNames }
    package var prompt: PromptMeasure { details.prompt }
    /// Tokens of a predicted output: those that do not come true are charged as output. In the prompt as well.
    package var predictionTokens: Int { details.predictionTokens }
    /// Each once, in the order of the body.
    package var extras: [Extra] { details.extras }
    /// Where the members of the body lie.
    package var scan: JSONScan { details.fields.scan }

    /// The model and its fallbacks.
    package var models: [String] { [model] + fallbacks }

    package static let maximumChoices = 128
    /// No model answers at such length: a larger cap is taken as this one, so that sums stay within their range.
    package static let maximumOutput = 1_000_000_000
    package static let maximumFallbacks = 16
    package static let maximumExtras = 64

    package static func read(_ body: [UInt8], dialect: Dialect) throws(CallRefusal) -> CallFacts {
        try body.withBody { (bytes) throws(CallRefusal) in try read(bytes, dialect: dialect) }
    }

    package static func read(_ bytes: UnsafeRawBufferPointer, dialect: Dialect) throws(CallRefusal) -> CallFacts {
        var reading = try CallReading(bytes, dialect: dialect)
        return try reading.facts()
    }
}

extension CallFacts {
    final class Details: Sendable {
        let dialect: Dialect
        let isStreamed: Bool
        let asksForUsage: Bool
        let outputCap: Int?
        let choices: Int
        let thinkingBudget: Int?
        let reasoning: ReasoningWish
        let toolNames: [String]
        let prompt: PromptMeasure
        let predictionTokens: Int
        let extras: [Extra]
        let fields: BodyFields

        init(
            dialect: Dialect, isStreamed: Bool, asksForUsage: Bool, outputCap: Int?, choices: Int,
            thinkingBudget: Int?, reasoning: ReasoningWish, toolNames: [String], prompt: PromptMeasure,
            predictionTokens: Int, extras: [Extra], fields: BodyFields
        ) {
            self.dialect = dialect
            self.isStreamed = isStreamed
            self.asksForUsage = asksForUsage
            self.outputCap = outputCap
            self.choices = choices
            self.thinkingBudget = thinkingBudget
            self.reasoning = reasoning
            self.toolNames = toolNames
            self.prompt = prompt
            self.predictionTokens = predictionTokens
            self.extras = extras
            self.fields = fields
        }
    }
}
