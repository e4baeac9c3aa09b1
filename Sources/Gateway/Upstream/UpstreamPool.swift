import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// The connections of one event loop to one upstream: those that rest are used again, the latest first.
final class UpstreamPool: @unchecked Sendable {
    private let address: UpstreamAddress
    private let loop: any EventLoop
    private let tls: NIOSSLContext?
    private let maximumHead: Int
    private let resolver: (any Resolver & Sendable)?
    private var idle: [UpstreamConnection] = []
    private var isClosed = false

    /// Servers close idle connections after a minute or so; a request must not meet that moment.
    private static let longestRest = TimeAmount.seconds(30)
    private static let mostIdle = 128

    /// - Parameter resolver: finds the addresses of names; nil for the system's.
    init(
        address: UpstreamAddress, loop: any EventLoop, tls: NIOSSLContext?, maximumHead: Int,
        resolver: (any Resolver & Sendable)?
    ) {
        self.resolver = resolver
        self.address = address
        self.loop = loop
        self.tls = tls
        self.maximumHead = maximumHead
    }

    /// A connection that is open and rests.
    func takeResting(at now: NIODeadline) -> UpstreamConnection? {
        let oldest = now - Self.longestRest
        while let connection = idle.popLast() {
            if connection.isOpen, connection.idleSince > oldest { return connection }
            connection.abandon()
        }
        return nil
    }

    /// Makes a connection that is open.
    func connect(timeout: TimeAmount, _ then: @escaping (Result<UpstreamConnection, UpstreamFailure>) -> Void) {
        let making = UpstreamMaking(then)
        let host = address.host
        let tls = tls
        let (pool, maximumHead) = (self, maximumHead)
        // Bounds the handshake too.
        let limit = loop.scheduleTask(in: timeout) { making.fail("no connection in time") }
        making.whenOver = { limit.cancel() }
        ClientBootstrap(group: loop)
            .resolver(resolver)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // For each address of the name, until one is there.
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            // An address has no name to be checked against in SNI.
                            NIOSSLClientHandler(context: tls, serverHostname: host.isAddress ? nil : host))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        UpstreamConnection(
                            pool: pool, channel: channel, maximumHead: maximumHead, isSecure: tls != nil, making: making
                        ))
                }
            }
            .connect(host: host, port: address.port)
            .whenFailure { making.fail(Self.text($0)) }
    }

    /// What went wrong, for people.
    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.dnsAError == nil || error.connectionErrors.first != nil
                ? error.connectionErrors.first.map { text($0.error) } ?? "no connection" : "the name is not known"
        case let error as IOError: error.reason
        case let error as ChannelError: if case .connectTimeout = error { "no connection in time" } else { "\(error)" }
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "its certificate is not for this name"
        case let error as NIOSSLError: text(handshake: "\(error)")
        default: "\(error)"
        }
    }

    /// BoringSSL names its errors in capitals; the rest of what it says helps nobody.
    private static func text(handshake error: String) -> String {
        if error.contains("CERTIFICATE_VERIFY_FAILED") {
            return "its certificate is not trusted: it is self-signed, expired, or of an unknown authority"
        }
        if error.contains("WRONG_VERSION_NUMBER") { return "it does not speak TLS" }
        if error.contains("uncleanShutdown") { return "the connection was closed without TLS's own end" }
        return "the TLS handshake failed: \(error.prefix(200))"
    }

    func giveBack(_ connection: UpstreamConnection) {
        guard !isClosed, connection.isOpen, idle.count < Self.mostIdle else { return connection.abandon() }
        idle.append(connection)
    }

    func forget(_ connection: UpstreamConnection) { idle.removeAll { $0 === connection } }

    func closeResting(olderThan limit: NIODeadline) {
        // Closing tells this pool at once, so the list is settled before.
        let old = idle.filter { $0.idleSince <= limit }
        idle.removeAll { $0.idleSince <= limit }
        for connection in old { connection.abandon() }
    }

    func tick() { closeResting(olderThan: .now() - Self.longestRest) }

    func close() {
        isClosed = true
        closeResting(olderThan: .distantFuture)
    }
}

extension IOError {
    /// In the system's words alone.
    var reason: String { String(cString: strerror(errnoCode)) }
}

extension String {
    var isAddress: Bool { (try? SocketAddress(ipAddress: self, port: 0)) != nil }
}
