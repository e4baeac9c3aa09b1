import NIOCore
import PreflightCore

/// A caller's connection: takes requests out of its bytes and hands each to an exchange, one after the other.
final class ClientConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let context: LoopContext
    let listener: Listener
    private var channel: (any Channel)?
    private var parser: RequestParser
    private var buffer = ByteBuffer()
    private var work = Work.none
    private var isKeptAlive = true
    private var isDraining = false
    private var isPaused = false
    private var isClosed = false
    private var deadline = NIODeadline.distantFuture
    private let bounds: GatewaySettings.Bounds
    private let patience: GatewaySettings.Patience
    /// The key that the last request showed, with its text: most connections show one key only.
    private var lastKey: (text: [UInt8], key: VirtualKey)?

    /// What the connection is busy with.
    private enum Work {
        case none
        case exchange(Exchange)
        case tunnel(Tunnel)
        /// An answer of our own that is on its way.
        case answering
    }

    /// Bytes of further requests that are taken before the first is answered.
    private static let mostAhead = 64 * 1024

    init(context: LoopContext, listener: Listener, settings: GatewaySettings) {
        self.context = context
        self.listener = listener
        bounds = settings.bounds
        patience = settings.patience
        parser = RequestParser(maximumHead: bounds.head, maximumBody: bounds.body)
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        deadline = .now() + patience.client
        self.context.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        self.context.remove(self)
        let work = work
        self.work = .none
        switch work {
        case .exchange(let exchange): exchange.clientLeft()
        case .tunnel(let tunnel): tunnel.close()
        case .none, .answering: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if case .tunnel(let tunnel) = work { return tunnel.sendUp(bytes) }
        if buffer.readableBytes == 0 { swap(&buffer, &bytes) } else { buffer.writeBuffer(&bytes) }
        guard case .none = work else {
            if buffer.readableBytes > Self.mostAhead { pause(true) }
            return
        }
        deadline = .now() + patience.client
        readRequest()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .tunnel(let tunnel) = work { tunnel.flushUp() }
        context.fireChannelReadComplete()
    }

    private func pause(_ pauses: Bool) {
        guard pauses != isPaused else { return }
        isPaused = pauses
        channel?.setOption(.autoRead, value: !pauses).whenComplete { _ in }
    }

    private func readRequest() {
        guard !isClosed else { return }
        do throws(HTTPFault) {
            switch try parser.next(&buffer) {
            case .needsMore:
                if buffer.readableBytes == 0 { buffer.clear() } else { buffer.discardReadBytes() }
                if isDraining, buffer.readableBytes == 0, !parser.isInside { close() }
            case .wantsContinue:
                write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
                flush()
            case .request(let request):
                deadline = .distantFuture
                isKeptAlive = request.isKeptAlive && !isDraining
                serve(request)
            }
        } catch {
            isKeptAlive = false
            work = .answering
            let refusal =
                error.status == 413
                ? Refusal.tooLarge(limit: bounds.body) : .invalid(error.reason, code: "bad_request")
            answer(refusal.response(in: .chat, status: error.status))
        }
    }

    private func serve(_ request: HTTPRequest) {
        if request.method == "CONNECT" {
            let tunnel = Tunnel(client: self, request: request)
            work = .tunnel(tunnel)
            return tunnel.open()
        }
        let exchange = Exchange(client: self, request: request)
        work = .exchange(exchange)
        exchange.start()
    }

    // MARK: Keys

    /// The key that a request shows, good or not; nil where it shows none or one that nobody issued.
    func key(of request: HTTPRequest) -> (shown: Bool, key: VirtualKey?) {
        guard let text = request.fields.credential else { return (false, nil) }
        if let lastKey, lastKey.text.elementsEqual(text), !lastKey.key.isRevoked { return (true, lastKey.key) }
        guard let key = context.gateway.keys.find(text) else { return (true, nil) }
        lastKey = (Array(text), key)
        return (true, key)
    }

    // MARK: Out

    var isWritable: Bool { channel?.isWritable ?? false }

    func write(_ bytes: ByteBuffer) { channel?.write(bytes, promise: nil) }
    func flush() { channel?.flush() }

    /// A whole answer of our own, or one that was gathered.
    func answer(_ response: HTTPResponse) {
        write(response.bytes(keepsAlive: isKeptAlive))
        finish()
    }

    var keepsAlive: Bool { isKeptAlive }

    /// The answer is complete: the next request may be taken.
    func finish(closes: Bool = false) {
        flush()
        work = .none
        guard isKeptAlive, !closes else { return close() }
        deadline = .now() + (buffer.readableBytes > 0 ? patience.client : patience.idle)
        pause(false)
        if buffer.readableBytes > 0 {
            // Not from here: a long line of requests would nest.
            channel?.eventLoop.execute { if case .none = self.work { self.readRequest() } }
        } else if isDraining {
            close()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Who does not read for so long is let go.
        deadline = isWritable ? .distantFuture : .now() + patience.client
        switch work {
        case .exchange(let exchange): exchange.clientReads(isWritable)
        case .tunnel(let tunnel): tunnel.clientReads(isWritable)
        case .none, .answering: break
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Ending

    func close() { channel?.close(promise: nil) }

    /// The request under way is served to its end, and no other after it.
    func drain() {
        isDraining = true
        isKeptAlive = false
        if case .none = work, !parser.isInside { close() }
    }

    func check(_ now: NIODeadline) {
        if case .tunnel(let tunnel) = work { tunnel.check(now) }
        guard now >= deadline else { return }
        deadline = .distantFuture
        close()
    }

    // MARK: Tunnels

    func pauseForTunnel(_ pauses: Bool) { pause(pauses) }

    /// A tunnel that was not opened.
    func answerTunnel(_ response: HTTPResponse) {
        work = .answering
        isKeptAlive = false
        answer(response)
    }
}

extension HTTPFields {
    /// What is shown as `Authorization: Bearer …` or `x-api-key: …`.
    var credential: ArraySlice<UInt8>? {
        for field in fields {
            if isNamed(field, "authorization") {
                let value = value(of: field)
                guard value.count > 7, value.prefix(7).map(\.lowercased).elementsEqual("bearer ".utf8) else { continue }
                let token = value.dropFirst(7).drop { $0 == .blank }
                if !token.isEmpty { return token }
            } else if isNamed(field, "x-api-key") {
                let value = value(of: field)
                if !value.isEmpty { return value }
            }
        }
        return nil
    }
}
