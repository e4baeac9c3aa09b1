package import PreflightCore

/// A client that left a call before its end.
package struct Departure: Sendable {
    package var generationID: String
    package var keyHash: String
    package var isStreamed: Bool
    /// Tokens produced until then, over all choices.
    package var completionTokens: Int
    package var at: Timestamp
    /// When the server saw the connection close; of a client on this machine, comparable with its own clock.
    package var noticedAt: ContinuousClock.Instant
}

/// The newest departures, and how many there were in all.
struct DepartureLog: Sendable {
    static let maximumCount = 20_000

    private(set) var recent: [Departure] = []
    private(set) var count = 0
    private(set) var streamCount = 0

    mutating func add(_ departure: Departure) {
        count += 1
        if departure.isStreamed { streamCount += 1 }
        recent.append(departure)
        if recent.count > Self.maximumCount { recent.removeFirst(Self.maximumCount / 10) }
    }
}
