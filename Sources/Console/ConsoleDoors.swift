package import PreflightCore
package import Store

/// What the console is connected to.
package struct ConsoleDoors: Sendable {
    package var ledger: Ledger
    package var reader: LedgerReader
    package var keys: VirtualKeyStore
    package var metrics: ConsoleMetrics
    package var feed: ConsoleFeed
    /// Sends a chat completion through the data plane, at the cost of a scope.
    package var forward: Forward
    package var now: @Sendable () -> Timestamp

    package typealias Forward = @Sendable (_ scope: String, _ body: JSON) async -> ForwardedAnswer

    /// What the data plane answered.
    package struct ForwardedAnswer: Sendable {
        package var status: Int
        package var body: JSON
        /// By lower-case name.
        package var headers: [String: String]

        package init(status: Int, body: JSON, headers: [String: String] = [:]) {
            self.status = status
            self.body = body
            self.headers = headers
        }
    }

    package init(
        ledger: Ledger, reader: LedgerReader, keys: VirtualKeyStore, metrics: ConsoleMetrics = ConsoleMetrics(),
        feed: ConsoleFeed = ConsoleFeed(), now: @escaping @Sendable () -> Timestamp, forward: @escaping Forward
    ) {
        self.ledger = ledger
        self.reader = reader
        self.keys = keys
        self.metrics = metrics
        self.feed = feed
        self.now = now
        self.forward = forward
    }
}
