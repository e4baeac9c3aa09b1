import NIOCore
import NIOPosix
import PreflightCore

/// A connection that a container has asked for: by CONNECT, or by a request for a whole `http://` URL, as package
/// tools send them to a proxy. What comes back is not looked at, nor is what goes through after a CONNECT. Of a plain
/// connection nothing but the one request is sent on: what follows could be for another host.
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
        switch Way(of: request, listener.tunnels) {
        case .open(let host, let port, let mayBePrivate): connect(host, port, mayBePrivate: mayBePrivate)
        case .closed(let status, let reason, let target): refuse(status, reason, target: target)
        }
    }

    private func connect(_ host: String, _ port: Int, mayBePrivate: Bool) {
        let outside = OutsideResolver(loop: loop, ownAddresses: gateway.ownAddresses)
        ClientBootstrap(group: loop)
            .resolver(mayBePrivate ? nil : outside)
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
                case .failure where outside.hasRefused: self.refusePrivate("\(host):\(port)")
                case .failure(let error): self.refuse(502, "no connection: \(error)", target: "\(host):\(port)")
                }
            }
    }

    /// The request as the server itself wants it: for the host that was judged, whichever its sender calls it.
    private var plainRequest: ByteBuffer {
        let authority = request.absoluteAuthority ?? ""
        let rest = request.target.dropFirst("http://".count + authority.count)
        let length = request.body.readableBytes
        return ByteBuffer(room: request.fields.bytes.count + 64, extra: length) { head in
            head.write("\(request.method) \(rest.hasPrefix("/") ? "" : "/")\(rest) HTTP/1.1\r\n")
            head.write("host: \(authority)\r\n")
            head.writeFields(of: request.fields, except: .ofPlainHop)
            if length > 0 { head.writeContentLength(length) }
            head.write("connection: close\r\n\r\n" as StaticString)
        }.followed(by: request.body)
    }

    private func connected(_ channel: any Channel, target: String, mayBePrivate: Bool) {
        // Nothing but a host that is listed by its full name may lead into this machine or its network. What a name
        // resolves to was judged before; here stands what the system made of it.
        if !mayBePrivate, channel.remoteAddress?.isPrivate ?? true || channel.leadsToItsOwnMachine {
            channel.close(promise: nil)
            return refusePrivate(target)
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

    private func refusePrivate(_ target: String) {
        refuse(403, "\(target) leads to an address of this machine or of a private network", target: target)
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
        guard request.kind == .connect else { return }
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
