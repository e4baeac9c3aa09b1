/// What came of a call's chance to read its prompt's beginning from a cache, and why.
package enum CacheVerdict: Hashable, Sendable {
    /// Most of the earlier prompt was read.
    case hit
    /// No earlier call had a prompt like it.
    case first
    case toolsChanged, systemChanged
    /// From 1; `isExact` where the one before it is known to be the same.
    case messageChanged(Int, isExact: Bool)
    case providerChanged
    /// Longer after the earlier call than the cache lives.
    case tooLate
    /// The earlier prompt had fewer tokens than are cached.
    case tooShort
    /// The provider caches only what is marked, and nothing was.
    case unmarked
    /// The model has no price for reading from a cache.
    case noCache
    /// The beginning was the same, in time and long enough: the provider did not say why.
    case unexplained
    /// Nothing is known of the prompt but its size.
    case untold

    /// A word for programs.
    package var name: String {
        switch self {
        case .hit: "hit"
        case .first: "first"
        case .toolsChanged: "tools_changed"
        case .systemChanged: "system_changed"
        case .messageChanged: "message_changed"
        case .providerChanged: "provider_changed"
        case .tooLate: "too_late"
        case .tooShort: "too_short"
        case .unmarked: "unmarked"
        case .noCache: "no_cache"
        case .unexplained: "unexplained"
        case .untold: "untold"
        }
    }

    /// Words for people, without numbers of their own: so equal ones can be counted.
    package var words: String {
        switch self {
        case .hit: "read from the cache"
        case .first: "the first of its kind"
        case .toolsChanged: "tools changed"
        case .systemChanged: "system prompt changed"
        case .messageChanged(let number, let isExact):
            isExact ? "message \(number) changed" : "a message from \(number) on changed"
        case .providerChanged: "another provider served"
        case .tooLate: "too long after the call before"
        case .tooShort: "below the least number of tokens"
        case .unmarked: "no cache_control in the request"
        case .noCache: "the model has no cache"
        case .unexplained: "same beginning, not read"
        case .untold: "not read; usage tells no more"
        }
    }

    /// Something that the agent, or its route, could do better.
    package var isBreak: Bool {
        switch self {
        case .toolsChanged, .systemChanged, .messageChanged, .providerChanged, .tooLate, .unmarked, .unexplained,
            .untold:
            true
        case .hit, .first, .tooShort, .noCache: false
        }
    }
}
