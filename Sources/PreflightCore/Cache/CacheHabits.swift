/// What a model's provider asks for before it caches, as far as it is known: see CACHE.md for the sources.
package struct CacheHabits: Hashable, Sendable {
    /// Shorter prompts are not cached. Where nobody says, what most say.
    package var leastTokens: Int
    private static let assumed = 1024
    /// Nothing is cached without a mark in the request.
    package var needsMark: Bool
    /// After which a prefix that nobody read is gone; nil where nobody says.
    package var lifetime: Duration?

    /// - Parameter model: as OpenRouter names it.
    package init(model: String) {
        let name = model.lowercased()
        func has(_ parts: String...) -> Bool { parts.contains { name.contains($0) } }
        switch name.split(separator: "/").first {
        case "anthropic"?:
            let opus = has(
                "opus-4.5", "opus-4.6", "opus-4.7", "opus-4.8", "4.5-opus", "4.6-opus", "4.7-opus", "4.8-opus")
            let small = has("haiku-4.5", "4.5-haiku")
            leastTokens = opus || small ? 4096 : has("3.5-haiku", "haiku-3.5") ? 2048 : 1024
            needsMark = true
            lifetime = .seconds(300)
        case "openai"?:
            (leastTokens, needsMark, lifetime) = (1024, false, .seconds(600))
        case "google"?:
            (leastTokens, needsMark, lifetime) = (has("-pro") ? 4096 : 1024, false, .seconds(300))
        case "qwen"?:
            (leastTokens, needsMark, lifetime) = (Self.assumed, false, .seconds(300))
        default:
            (leastTokens, needsMark, lifetime) = (Self.assumed, false, nil)
        }
    }
}
