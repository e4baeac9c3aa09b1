/// The API that a caller speaks: it decides the shape of requests, answers, streams and errors.
package enum Dialect: String, Sendable, CaseIterable {
    /// OpenAI's `POST /chat/completions`.
    case chat
    /// OpenAI's older `POST /completions`.
    case completions
    /// OpenAI's `POST /embeddings`.
    case embeddings
    /// OpenAI's `POST /responses`.
    case responses
    /// Anthropic's `POST /messages`.
    case messages

    /// Anthropic's names of fields and shape of errors, instead of OpenAI's.
    package var isAnthropic: Bool { self == .messages }
}
