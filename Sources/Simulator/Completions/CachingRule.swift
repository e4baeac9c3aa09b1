import PreflightCore

/// How a model's provider caches prompts.
enum CachingRule: Sendable, Equatable {
    case none
    /// Any repeated prefix of at least `minimum` tokens is read from the cache.
    case automatic(minimum: Int, chargesWrites: Bool)
    /// Only what a `cache_control` marker closes off is written; any written prefix is read.
    case explicit(minimum: Int)
    /// Only the last marker counts, and the first call reports the same tokens as written and as read.
    case lastMarker(minimum: Int)

    init(model: Model, prompt: Prompt) {
        let rates = model.pricing.rates
        let family = model.id.drop { $0 == "~" }
        let hasMarkers = prompt.blocks.contains { $0.breakpoint != nil }
        guard rates.cacheRead != nil || rates.cacheWrite != nil else {
            self = .none
            return
        }
        if family.hasPrefix("anthropic/") {
            self = .explicit(minimum: Self.anthropicMinimum(family))
        } else if family.hasPrefix("qwen/"), rates.cacheWrite != nil {
            self = .explicit(minimum: 1024)
        } else if family.hasPrefix("google/") {
            if hasMarkers, rates.cacheWrite != nil {
                self = .lastMarker(minimum: 2048)
            } else {
                self = .automatic(minimum: family.contains("-pro") ? 4096 : 1024, chargesWrites: false)
            }
        } else {
            self = .automatic(minimum: 1024, chargesWrites: rates.cacheWrite != nil)
        }
    }

    private static func anthropicMinimum(_ id: some StringProtocol) -> Int {
        let long = ["opus-4.5", "opus-4.6", "opus-4.7", "opus-4.8", "haiku-4.5", "haiku-latest"]
        if long.contains(where: id.contains) { return 4096 }
        return id.contains("haiku") ? 2048 : 1024
    }
}
