import NIOCore
import NIOPosix
import PreflightCore

/// A connection that a container has asked for: by CONNECT, or by a request for a whole `http://` URL, as package
/// tools send them to a proxy. After its beginning, bytes in both directions are not looked at.
final class Tunnel: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private weak var client: ClientConnection?
    private let request: HTTPRequest
    private let listener: Listener
    private let gateway: Gateway
    private let loop: any EventLoop
    private var channel: (any Channel)?
    private var waiting: [ByteBuffer] = []
    private var isClosed = false
    private var sent = 0
    private var received = 0
    private var lastActivity = NIODeadline.now()
    private let patience: GatewaySettings.Patience

    init(client: ClientConnection, request: HTTPRequest) {
        self.client = client
        self.request = request
        listener = client.listener
        gateway = client.context.gateway
        loop = client.context.loop
        patience = gateway.settings.patience
    }

    func open() {
        guard let (host, port) = request.kind == .connect ? Self.authority(request.target) : origin else {
            return refuse(400, "a proxy wants HOST:PORT, or a whole URL", target: request.target)
        }
        guard let policy = listener.tunnels, policy.allows(host: host, port: port) else {
            return refuse(403, "the network is closed to \(host):\(port)", target: "\(host):\(port)")
        }
        let mayBePrivate = policy.allowsPrivate(host: host, port: port)
        ClientBootstrap(group: loop)
            .connectTimeout(patience.connect)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .connect(host: host, port: port)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    self.connected(channel, target: "\(host):\(port)", mayBePrivate: mayBePrivate)
                case .failure(let error): self.refuse(502, "no connection: \(error)", target: "\(host):\(port)")
                }
            }
    }

    private static func authority(_ target: String) -> (host: String, port: Int)? {
        guard let colon = target.lastIndex(of: ":"), let port = Int(target[target.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = target[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }

    /// Where a request for a whole URL leads.
    private var origin: (host: String, port: Int)? {
        guard let authority = request.absoluteAuthority, !authority.contains("@") else { return nil }
        if let found = Self.authority(String(authority)) { return found }
        return authority.isEmpty ? nil : (String(authority), 80)
    }

    /// The request as the server itself wants it. One for each connection: what follows could be for another host.
    private var plainRequest: ByteBuffer {
        let rest = request.target.dropFirst("http://".count + (request.absoluteAuthority?.count ?? 0))
        let length = request.body.readableBytes
        return ByteBuffer(room: request.fields.bytes.count + 64, extra: length) { head in
            head.write("\(request.method) \(rest.hasPrefix("/") ? "" : "/")\(rest) HTTP/1.1\r\n")
            head.writeFields(of: request.fields, except: .ofPlainHop)
            if length > 0 { head.writeContentLength(length) }
            head.write("connection: close\r\n\r\n" as StaticString)
        }.followed(by: request.body)
    }

    private func connected(_ channel: any Channel, target: String, mayBePrivate: Bool) {
        // What a name resolves to is looked at too: nothing but a host that is listed by its full name may lead into
        // this machine or its network.
        if let address = channel.remoteAddress, address.isPrivate, !mayBePrivate {
            channel.close(promise: nil)
            return refuse(403, "\(target) leads to a private address", target: target)
        }
        guard !isClosed, let client else { return channel.close(promise: nil) }
        self.channel = channel
        report(.connectionOpened, target: target)
        if request.kind == .connect {
            client.write(ByteBuffer(string: "HTTP/1.1 200 Connection Established\r\n\r\n"))
            client.flush()
        } else {
            let bytes = plainRequest
            sent += bytes.readableBytes
            channel.write(bytes, promise: nil)
        }
        for bytes in waiting { channel.write(bytes, promise: nil) }
        waiting = []
        channel.flush()
    }

    private func refuse(_ status: Int, _ reason: String, target: String) {
        isClosed = true
        report(.connectionRefused, target: target, reason: reason)
        client?.answerTunnel(HTTPResponse(status: status, body: ByteBuffer(string: reason + "\n")))
    }

    private func report(_ kind: GatewayEvent.Kind, target: String, reason: String? = nil) {
        var event = GatewayEvent(kind, key: nil, listener: listener.name, reason: reason)
        event.target = target
        if kind == .connectionClosed {
            event.bytesSent = sent
            event.bytesReceived = received
        }
        gateway.report(event)
    }

    // MARK: Bytes

    func sendUp(_ bytes: ByteBuffer) {
        sent += bytes.readableBytes
        lastActivity = .now()
        guard let channel else {
            // Before the connection stands only a greeting may come.
            if waiting.reduce(0, { $0 + $1.readableBytes }) < 64 * 1024 { waiting.append(bytes) } else { close() }
            return
        }
        channel.write(bytes, promise: nil)
    }

    func flushUp() { channel?.flush() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        received += bytes.readableBytes
        lastActivity = .now()
        client?.write(bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) { client?.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        client?.pauseForTunnel(!context.channel.isWritable)
    }

    func clientReads(_ reads: Bool) {
        channel?.setOption(.autoRead, value: reads).whenComplete { _ in }
    }

    // MARK: Ending

    func channelInactive(context: ChannelHandlerContext) {
        close()
        // What came before the end is still on its way to the caller.
        client?.closeWhenFlushed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if channel != nil { report(.connectionClosed, target: request.target) }
        channel?.close(promise: nil)
    }

    func check(_ now: NIODeadline) {
        if now > lastActivity + patience.idle { client?.close() }
    }
}

extension SocketAddress {
    /// Loopback, link-local, private or otherwise of this machine's surroundings.
    var isPrivate: Bool {
        guard let text = ipAddress else { return true }
        let parts = text.split(separator: ".").compactMap { Int($0) }
        if parts.count == 4, !text.contains(":") {
            switch (parts[0], parts[1]) {
            case (0, _), (10, _), (127, _), (169, 254), (172, 16...31), (192, 168), (100, 64...127), (198, 18...19),
                (224..., _):
                return true
            default: return false
            }
        }
        let lower = text.lowercased()
        return lower == "::1" || lower == "::" || lower.hasPrefix("fe8") || lower.hasPrefix("fe9")
            || lower.hasPrefix("fea") || lower.hasPrefix("feb") || lower.hasPrefix("fc") || lower.hasPrefix("fd")
            || lower.hasPrefix("::ffff:")
    }
}
