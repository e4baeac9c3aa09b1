import NIOCore
import Synchronization

/// The connection a request came by: tells when the client leaves, and can be cut.
struct ClientConnection: Sendable {
    private let channel: (any Channel)?
    /// Opens when the connection closes.
    private let left: Latch

    /// Thrown out of a wait that the client did not see through.
    struct Left: Error {}

    fileprivate init(channel: (any Channel)?, left: Latch) {
        self.channel = channel
        self.left = left
    }

    /// A client that never leaves: for calls that are carried out although nobody will read the answer.
    static var patient: ClientConnection { ClientConnection(channel: nil, left: Latch()) }

    var hasLeft: Bool { channel.map { !$0.isActive } ?? false }
    /// When the connection was seen to close.
    var leftAt: ContinuousClock.Instant? { left.openedAt }

    func cut() async {
        // A connection that is already gone is as good as cut.
        try? await channel?.close()
    }

    /// Returns when the duration has passed; throws when the client leaves, or the server stops, before.
    func wait(_ duration: Duration, on clock: any Clock<Duration>) async throws {
        guard duration > .zero else { return }
        if let channel, clock is ContinuousClock {
            // Cheaper than two tasks, of which a paced stream would need a pair for every part.
            if await left.wait(for: duration, on: channel.eventLoop) { throw Left() }
            try Task.checkCancellation()
            return
        }
        let slept = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await clock.sleep(for: duration)
                return true
            }
            group.addTask {
                await left.wait()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        guard slept else { throw Left() }
    }

    /// A channel is inactive shortly before it says that it has closed.
    func waitUntilClosed() async {
        if hasLeft { await left.wait() }
    }

    func waitUntilLeft() async throws {
        await left.wait()
        throw Left()
    }
}

/// The open connections: each is watched once, however many requests come by it.
final class ClientConnections: Sendable {
    private let latches = Mutex<[ObjectIdentifier: Latch]>([:])

    var count: Int { latches.withLock { $0.count } }

    func connection(of channel: any Channel) -> ClientConnection {
        ClientConnection(channel: channel, left: latch(of: channel))
    }

    @discardableResult
    func latch(of channel: any Channel) -> Latch {
        let id = ObjectIdentifier(channel)
        let (left, isNew) = latches.withLock { latches in
            if let known = latches[id] { return (known, false) }
            let latch = Latch()
            latches[id] = latch
            return (latch, true)
        }
        if isNew {
            channel.closeFuture.whenComplete { [self] _ in
                latches.withLock { $0[id] = nil }
                left.open()
            }
        }
        return left
    }
}

/// Closes a connection as soon as the client has closed its side.
///
/// Half-open connections have no use in HTTP, and this is what makes a client's leaving visible while it is kept
/// waiting for an answer.
final class ClosesWithClient: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let connections: ClientConnections

    init(connections: ClientConnections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) { connections.latch(of: context.channel) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }
}
