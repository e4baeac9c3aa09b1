import PreflightCore

/// The fields of a completion call that the simulator heeds.
struct CompletionRequest: Sendable {
    enum Kind: Sendable {
        case chat, legacy
    }

    var kind: Kind
    var modelID: String
    var isStreamed: Bool
    /// Nil when neither name of the field is given.
    var maxTokens: Int?
    /// How many answers are asked for.
    var choices: Int
    var prompt: Prompt
    /// How many answers of the model the conversation holds already: the number of the turn to play.
    var turnIndex: Int
    var tools: OfferedTools
    /// Ceilings in dollars per token, from `provider.max_price`.
    var maxPromptPrice: USD?
    var maxCompletionPrice: USD?
    /// The last message if it is the user's.
    var lastUserText: String

    init(json: JSON, kind: Kind) throws(APIError) {
        guard case .object = json else { throw .invalidJSON }
        self.kind = kind
        let messages = json["messages"]?.array ?? []
        switch kind {
        case .chat:
            guard json["messages"]?.array != nil else {
                throw .badRequest(#"Input required: specify "prompt" or "messages""#)
            }
            guard !messages.isEmpty else { throw .badRequest("messages must not be empty") }
        case .legacy:
            guard json["prompt"]?.string != nil || json["prompt"]?.array != nil else {
                throw .badRequest(#"Input required: specify "prompt" or "messages""#)
            }
        }
        modelID = json["model"]?.string ?? json["models"]?[0]?.string ?? "openrouter/auto"
        isStreamed = json["stream"]?.bool ?? false
        let limit = try Self.count(json["max_completion_tokens"], "max_completion_tokens")
        let olderLimit = try Self.count(json["max_tokens"], "max_tokens")
        maxTokens = limit ?? olderLimit
        choices = min(try Self.count(json["n"], "n") ?? 1, 128)
        prompt = Prompt(request: json)
        turnIndex = messages.count { $0["role"]?.string == "assistant" }
        tools = OfferedTools(request: json)
        maxPromptPrice = Self.pricePerToken(json["provider"]?["max_price"]?["prompt"])
        maxCompletionPrice = Self.pricePerToken(json["provider"]?["max_price"]?["completion"])
        lastUserText = messages.last.map { $0["role"]?.string == "user" ? Self.text(of: $0) : "" } ?? ""
    }

    private static func count(_ value: JSON?, _ name: String) throws(APIError) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let count = value.int, count >= 1 else {
            throw .badRequest("\(name): Invalid input: expected a positive integer")
        }
        return count
    }

    /// The ceiling is given per million tokens.
    private static func pricePerToken(_ value: JSON?) -> USD? {
        value?.usd().map { USD(picodollars: $0.picodollars / 1_000_000) }
    }

    private static func text(of message: JSON) -> String {
        if let text = message["content"]?.string { return text }
        return (message["content"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "\n")
    }
}
