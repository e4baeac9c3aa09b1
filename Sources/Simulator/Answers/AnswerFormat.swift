import PreflightCore

/// How an API tells an answer: whole, or event by event. A stream keeps its place in one of these.
protocol AnswerFormat: Sendable {
    /// The answer to a call that is not streamed.
    func whole(_ settlement: Settlement, failure: Scenario.Failure?) -> JSON

    /// What a stream says before its first token, and while it has nothing to say.
    mutating func begin(_ events: inout EventBuffer)
    func idle(_ events: inout EventBuffer)
    /// - Parameter produced: tokens of all choices so far, this part included.
    mutating func say(_ piece: StreamPiece, choice: Int, produced: Int, _ events: inout EventBuffer)
    /// - Parameter settlement: nil to say nothing of usage.
    mutating func end(_ settlement: Settlement?, _ events: inout EventBuffer)
    /// The error that ends a stream.
    mutating func fail(_ failure: Scenario.Failure, _ settlement: Settlement?, _ events: inout EventBuffer)
}

extension Admission {
    /// - Parameter prompt: the prompt's counts, where the format begins with them.
    func format(prompt: Usage, showsMessageCost: Bool) -> any AnswerFormat {
        switch (request.kind, flavour) {
        case (.messages, _): MessagesAnswer(call: self, prompt: prompt, showsCostInStream: showsMessageCost)
        case (.responses, _): ResponsesAnswer(call: self)
        case (.chat, .openRouter), (.legacy, .openRouter), (.embeddings, .openRouter): AnswerJSON(call: self)
        case (.chat, _), (.legacy, _), (.embeddings, _): PlainAnswer(call: self, promptTokens: prompt.promptTokens)
        }
    }
}
