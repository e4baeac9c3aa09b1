import PreflightCore

/// The fields of a call to a model that the simulator heeds, whichever API it came by.
struct CompletionRequest: Sendable {
    enum Kind: Sendable {
        case chat, legacy, messages, responses, embeddings
    }

    var kind: Kind
    /// The models to try, one after the other; never empty.
    var candidates: [String]
    var isStreamed: Bool
    /// Nil when no name of the field is given.
    var maxTokens: Int?
    /// How many answers are asked for.
    var choices: Int
    var prompt: Prompt
    /// How many answers of the model the conversation holds already: the number of the turn to play.
    var turnIndex: Int
    var tools: OfferedTools
    var routing: RoutingWishes
    var searchesTheWeb: Bool
    /// `priority` and its other names.
    var wantsPriority: Bool
    /// `stream_options`: whether a stream ends with its usage, or has it on every chunk. Heeded by plain servers.
    var includesUsage: Bool
    var hasContinuousUsage: Bool
    var embedding: EmbeddingWishes
    /// The last message if it is the user's.
    var lastUserText: String

    init(json: JSON, kind: Kind) throws(APIError) {
        guard case .object = json else { throw .invalidJSON }
        self.kind = kind
        try Self.checkInput(json, kind)
        let form = Self.chatForm(of: json, kind)
        let messages = form["messages"]?.array ?? []
        candidates = Self.candidates(json)
        isStreamed = json["stream"]?.bool ?? false
        maxTokens = try Self.maxTokens(json, kind)
        choices = kind == .chat || kind == .legacy ? min(try Self.count(json["n"], "n") ?? 1, 128) : 1
        prompt = kind == .embeddings ? Prompt(embedding: json["input"] ?? .null) : Prompt(request: form)
        turnIndex = messages.count { $0["role"]?.string == "assistant" }
        tools = OfferedTools(request: form)
        routing = RoutingWishes(json: json["provider"] ?? .null)
        searchesTheWeb = Self.searchesTheWeb(json)
        wantsPriority =
            ["priority", "fast"].contains(json["service_tier"]?.string ?? "") || json["speed"]?.string == "fast"
        includesUsage = json["stream_options"]?["include_usage"]?.bool ?? false
        hasContinuousUsage = json["stream_options"]?["continuous_usage_stats"]?.bool ?? false
        embedding = kind == .embeddings ? EmbeddingWishes(json: json) : EmbeddingWishes()
        lastUserText = messages.last.map { $0["role"]?.string == "user" ? Self.text(of: $0) : "" } ?? ""
    }

    private static func chatForm(of json: JSON, _ kind: Kind) -> JSON {
        switch kind {
        case .chat, .legacy, .embeddings: json
        case .messages: ChatForm(messages: json).json
        case .responses: ChatForm(responses: json).json
        }
    }

    private static func checkInput(_ json: JSON, _ kind: Kind) throws(APIError) {
        switch kind {
        case .chat, .messages:
            guard let messages = json["messages"]?.array else {
                throw .badRequest(#"Input required: specify "prompt" or "messages""#)
            }
            guard !messages.isEmpty else { throw .badRequest("messages must not be empty") }
        case .legacy:
            guard json["prompt"]?.string != nil || json["prompt"]?.array != nil else {
                throw .badRequest(#"Input required: specify "prompt" or "messages""#)
            }
        case .responses, .embeddings:
            guard json["input"]?.string != nil || json["input"]?.array != nil else {
                throw .badRequest(#"Input required: specify "input""#)
            }
            guard json["previous_response_id"]?.string == nil else {
                throw .badRequest("previous_response_id is not supported: this endpoint is stateless")
            }
            guard json["store"]?.bool != true else { throw .badRequest("store must be false") }
        }
    }

    /// `model`, then the fallbacks in the list of OpenRouter or of its Anthropic flavour.
    private static func candidates(_ json: JSON) -> [String] {
        var names = json["model"]?.string.map { [$0] } ?? []
        let fallbacks = json["fallbacks"]?.array?.compactMap { $0["model"]?.string } ?? []
        for name in (json["models"]?.array?.compactMap(\.string) ?? fallbacks).prefix(32) where !names.contains(name) {
            names.append(name)
        }
        return names.isEmpty ? ["openrouter/auto"] : names
    }

    private static func searchesTheWeb(_ json: JSON) -> Bool {
        let isOnline = json["model"]?.string?.hasSuffix(":online") ?? false
        let plugins = json["plugins"]?.array ?? []
        let tools = json["tools"]?.array ?? []
        return isOnline
            || plugins.contains { $0["id"] == "web" && $0["enabled"]?.bool != false }
            || tools.contains {
                let type = $0["type"]?.string ?? ""
                return type == "openrouter:web_search" || type.hasPrefix("web_search")
            }
    }

    private static func maxTokens(_ json: JSON, _ kind: Kind) throws(APIError) -> Int? {
        let names =
            switch kind {
            case .chat, .legacy: ["max_completion_tokens", "max_tokens"]
            case .messages: ["max_tokens"]
            case .responses: ["max_output_tokens"]
            case .embeddings: [String]()
            }
        var limit: Int?
        for name in names {
            let value = try count(json[name], name)
            limit = limit ?? value
        }
        return limit
    }

    private static func count(_ value: JSON?, _ name: String) throws(APIError) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let count = value.int, count >= 1 else {
            throw .badRequest("\(name): Invalid input: expected a positive integer")
        }
        return count
    }

    private static func text(of message: JSON) -> String {
        if let text = message["content"]?.string { return text }
        return (message["content"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "\n")
    }
}
