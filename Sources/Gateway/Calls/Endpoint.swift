import PreflightCore

/// What a path stands for, with or without `/api` before `/v1`.
enum Endpoint: Equatable {
    case call(Dialect)
    /// Anthropic's `/messages/count_tokens`.
    case countTokens
    /// The key's own budget, as OpenRouter's `/key` tells it.
    case key
    case credits
    /// Free reading at the upstream: models, providers, what a generation has cost.
    case reading
    case health

    /// - Returns: The endpoint and the path after `/v1`; nil for what is unknown.
    static func find(_ path: Substring, method: String) -> (endpoint: Endpoint, suffix: String)? {
        if path == "/" || path == "/health", method == "GET" || method == "HEAD" { return (.health, "") }
        var rest = path
        if rest.hasPrefix("/api/") { rest = rest.dropFirst(4) }
        // Many clients are given the base without its version.
        if rest.hasPrefix("/v1/") { rest = rest.dropFirst(3) }
        if rest.count > 1, rest.hasSuffix("/") { rest = rest.dropLast() }
        let suffix = String(rest)
        switch (method, suffix) {
        case ("POST", "/chat/completions"): return (.call(.chat), suffix)
        case ("POST", "/completions"): return (.call(.completions), suffix)
        case ("POST", "/embeddings"): return (.call(.embeddings), suffix)
        case ("POST", "/responses"): return (.call(.responses), suffix)
        case ("POST", "/messages"): return (.call(.messages), suffix)
        case ("POST", "/messages/count_tokens"): return (.countTokens, suffix)
        case ("GET", "/key"), ("GET", "/auth/key"): return (.key, suffix)
        case ("GET", "/credits"): return (.credits, suffix)
        case ("GET", "/models"), ("GET", "/generation"), ("GET", "/providers"), ("GET", "/models/user"),
            ("GET", "/models/count"):
            return (.reading, suffix)
        case ("GET", _) where suffix.hasPrefix("/models/") && isPlain(suffix): return (.reading, suffix)
        default: return nil
        }
    }

    /// Nothing that a server could take for a way out of the folder, however it is written.
    private static func isPlain(_ path: String) -> Bool {
        let lower = path.lowercased()
        return !["..", "//", "\\", "%2e", "%2f", "%5c", "%25"].contains { lower.contains($0) }
    }

    /// The dialect of what is answered when something is wrong before the body was read.
    static func dialect(of path: Substring) -> Dialect {
        path.hasSuffix("/messages") || path.hasSuffix("/count_tokens") ? .messages : .chat
    }
}
