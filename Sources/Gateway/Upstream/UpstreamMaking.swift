/// A connection that is being made: the first that can be used is taken, of several addresses or attempts. Lives on one
/// event loop.
final class UpstreamMaking: @unchecked Sendable {
    private var then: ((Result<UpstreamConnection, UpstreamFailure>) -> Void)?
    /// The one whose handshake is waited for.
    private var candidate: UpstreamConnection?
    /// Called once.
    var whenOver: (() -> Void)?

    init(_ then: @escaping (Result<UpstreamConnection, UpstreamFailure>) -> Void) { self.then = then }

    /// The system has connected it. False when nobody waits any more, or another one was there before.
    func hasBegun(_ connection: UpstreamConnection) -> Bool {
        guard then != nil, candidate == nil else { return false }
        candidate = connection
        return true
    }

    func succeed(_ connection: UpstreamConnection) {
        guard let then = end() else { return connection.abandon() }
        then(.success(connection))
    }

    /// What was connected, or all that there was to connect to, cannot be used.
    func fail(_ reason: String) {
        let candidate = candidate
        guard let then = end() else { return }
        candidate?.abandon()
        then(.failure(.unreachable(reason)))
    }

    private func end() -> ((Result<UpstreamConnection, UpstreamFailure>) -> Void)? {
        guard let then else { return nil }
        self.then = nil
        candidate = nil
        whenOver?()
        whenOver = nil
        return then
    }
}
