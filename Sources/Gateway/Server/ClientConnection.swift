import NIOCore
import PreflightCore

/// A caller's connection: takes requests out of its bytes and hands each to an exchange, one after the other.
final class ClientConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let context: LoopContext
    let listener: Listener
    private var channel: (any Channel)?
    /// Writing through it passes by nothing but the handlers below this one.
    private var handler: ChannelHandlerContext?
    private(set) var isWritable = false
    private var parser: RequestParser
    private var buffer = ByteBuffer()
    private var work = Work.none
    private var isKeptAlive = true
    /// The request whose body is on its way has shown a good key.
    private var isAdmitted = false
    private var isDraining = false
    private var isPaused = false
    private var isClosed = false
    /// All that was to be said has been handed to the system.
    private var hasLeft = false
    private var deadline = NIODeadline.distantFuture
    /// When a caller that reads nothing of what waits for it is let go.
    private var writeDeadline = NIODeadline.distantFuture
    private let bounds: GatewaySettings.Bounds
    private let patience: GatewaySettings.Patience
    private let loads: CallerLoads
    /// Of the request whose body is on its way, if that is long.
    private var keptBody: KeptBody?
    /// The key that the last request showed, with its text: most connections show one key only.
    private var lastKey: (text: [UInt8], key: VirtualKey)?

    /// What the connection is busy with.
    private enum Work {
        case none
        case exchange(Exchange)
        case tunnel(Tunnel)
        /// The last answer is on its way; then the connection closes.
        case leaving
    }

    /// Bytes of further requests that are taken before the first is answered.
    private static let mostAhead = 64 * 1024
    /// How long what a caller still sends is taken, and dropped, after the last answer: closing at once would reset
    /// the connection, and could take the answer from it.
    private static let lingering = TimeAmount.seconds(2)

    init(context: LoopContext, listener: Listener, settings: GatewaySettings, loads: CallerLoads) {
        self.context = context
        self.loads = loads
        self.listener = listener
        bounds = settings.bounds
        patience = settings.patience
        parser = RequestParser(maximumHead: bounds.head, maximumBody: bounds.body)
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        isWritable = context.channel.isWritable
        deadline = .now() + patience.client
        self.context.add(self)
    }

    func handlerAdded(context: ChannelHandlerContext) { handler = context }
    func handlerRemoved(context: ChannelHandlerContext) { handler = nil }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        isWritable = false
        keptBody = nil
        let work = work
        self.work = .none
        switch work {
        case .exchange(let exchange): exchange.clientLeft()
        case .tunnel(let tunnel): tunnel.close()
        case .none, .leaving: break
        }
        self.context.remove(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch work {
        case .tunnel(let tunnel): return tunnel.sendUp(bytes)
        case .leaving: return
        case .none, .exchange: break
        }
        // Who sends its head in drops does not hold the connection for longer by each.
        let isFirst = buffer.readableBytes == 0
        if buffer.readableBytes == 0 { swap(&buffer, &bytes) } else { buffer.writeBuffer(&bytes) }
        guard case .none = work else {
            if buffer.readableBytes > Self.mostAhead { pause(true) }
            return
        }
        if isFirst || parser.isInside { deadline = .now() + patience.client }
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
        // Answers that nobody reads are not added to.
        guard !isClosed, isWritable else { return }
        do throws(HTTPFault) {
            switch try parser.next(&buffer) {
            case .needsMore:
                guard mayGoOn, hasRoom else { return }
                tidy()
                if isDraining, buffer.readableBytes == 0, !parser.isInside { closeWhenFlushed() }
            case .wantsContinue:
                guard mayGoOn, hasRoom else { return }
                write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
                flush()
            case .request(var request):
                request.keptBody = keptBody.take()
                deadline = .distantFuture
                isAdmitted = false
                if buffer.readableBytes == 0 { buffer = ByteBuffer() }
                isKeptAlive = request.isKeptAlive && !isDraining
                serve(request)
            }
        } catch {
            isKeptAlive = false
            let refusal =
                error.status == 413
                ? Refusal.tooLarge(limit: bounds.body) : .invalid(error.reason, code: "bad_request")
            answer(refusal.response(in: .chat, status: error.status))
        }
    }

    /// Gives back what a large request took.
    private func tidy() {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() } else { buffer.discardReadBytes() }
    }

    private func serve(_ request: HTTPRequest) {
        if request.kind == .connect || request.absoluteAuthority != nil {
            let tunnel = Tunnel(client: self, request: request)
            work = .tunnel(tunnel)
            // What came with a CONNECT belongs to the other side already.
            if buffer.readableBytes > 0 { tunnel.sendUp(buffer.readSlice(length: buffer.readableBytes) ?? buffer) }
            return tunnel.open()
        }
        let exchange = Exchange(client: self, request: request)
        work = .exchange(exchange)
        exchange.start()
    }

    // MARK: Keys

    /// The key that a request shows, good or not; nil where it shows none or one that nobody issued.
    func key(of request: HTTPRequest) -> (shown: Bool, key: VirtualKey?) {
        if let lastKey, !lastKey.key.isRevoked, request.fields.shows(lastKey.text) { return (true, lastKey.key) }
        // Some clients show two, of which one is a stand-in.
        let shown = request.fields.credentials
        for text in shown {
            guard let key = context.gateway.keys.find(text) else { continue }
            lastKey = (text, key)
            return (true, key)
        }
        return (!shown.isEmpty, nil)
    }

    /// The key of a request and what is to be said against it; without a key always something.
    func admission(of request: HTTPRequest) -> (key: VirtualKey?, objection: String?) {
        let (shown, found) = key(of: request)
        guard let found else {
            return (nil, shown ? "This is no key of this gateway" : "No key was shown: send one as a bearer token")
        }
        if let objection = found.objection(at: context.gateway.now) { return (found, objection) }
        let isBoundHere = listener.wantsBoundKeys ? found.listener == listener.name : found.listener == nil
        return (found, isBoundHere ? nil : "This key is not good here")
    }

    /// A body is only waited for, and kept, for somebody who may send one: else the request is refused, and ends here.
    private var mayGoOn: Bool {
        guard !isAdmitted, let request = parser.begun else { return true }
        // What is for a proxy shows no key: it must be for where the network is open.
        if request.absoluteAuthority != nil {
            if case .closed = Tunnel.Way(of: request, listener.tunnels) {
                serve(request)
                return false
            }
            isAdmitted = true
            return true
        }
        let (key, objection) = admission(of: request)
        guard let objection else {
            isAdmitted = true
            return true
        }
        context.gateway.report(GatewayEvent(.keyRefused, key: key, listener: listener.name, reason: objection))
        isKeptAlive = false
        answer(Refusal.unauthenticated(objection).response(in: Endpoint.dialect(of: request)))
        return false
    }

    /// A long body is only kept where there is room for it beside those of others.
    private var hasRoom: Bool {
        let size = parser.bodySize
        guard size > KeptBody.uncounted, let request = parser.begun else { return true }
        let kept = keptBody ?? KeptBody(loads)
        keptBody = kept
        guard !kept.grow(to: size) else { return true }
        isKeptAlive = false
        let refusal = Refusal.unavailable("Other requests fill the memory that there is for them", retryAfter: 5)
        answer(refusal.response(in: Endpoint.dialect(of: request)))
        return false
    }

    // MARK: Out

    func write(_ bytes: ByteBuffer) { handler?.write(wrapOutboundOut(bytes), promise: nil) }
    func flush() { handler?.flush() }

    /// A whole answer of our own.
    func answer(_ response: HTTPResponse) {
        write(response.bytes(keepsAlive: isKeptAlive))
        finish()
    }

    /// A whole answer of an upstream. A long body is not copied behind its head.
    func answer(_ head: ByteBuffer, _ body: ByteBuffer) {
        if body.readableBytes < 32 * 1024 {
            let message = head.followed(by: body)
            write(message)
            finish()
            context.reuse(message)
        } else {
            write(head)
            write(body)
            finish()
        }
    }

    var keepsAlive: Bool { isKeptAlive }

    /// The answer is complete: the next request may be taken.
    func finish(closes: Bool = false) {
        work = .none
        flush()
        guard !isClosed else { return }
        guard isKeptAlive, !closes else { return closeWhenFlushed() }
        deadline = .now() + (buffer.readableBytes > 0 ? patience.client : patience.idle)
        pause(false)
        if buffer.readableBytes > 0 { readSoon() }
    }

    /// Not at once: a long line of requests would nest.
    private func readSoon() {
        channel?.eventLoop.execute { if case .none = self.work { self.readRequest() } }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        self.isWritable = isWritable
        writeDeadline = isWritable ? .distantFuture : .now() + patience.client
        switch work {
        case .exchange(let exchange): exchange.clientReads(isWritable)
        case .tunnel(let tunnel): tunnel.clientReads(isWritable)
        case .none: if isWritable, buffer.readableBytes > 0 { readSoon() }
        case .leaving: break
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Ending

    func close() { channel?.close(promise: nil) }

    /// Closes once what was written has left, in an order that lets the caller read all of it.
    func closeWhenFlushed() {
        guard !isClosed, let channel else { return }
        work = .leaving
        buffer = ByteBuffer()
        pause(false)
        deadline = .now() + patience.client
        let done = channel.eventLoop.makePromise(of: Void.self)
        done.futureResult.whenComplete { _ in
            guard !self.isClosed else { return }
            self.deadline = .now() + Self.lingering
            self.hasLeft = true
            channel.close(mode: .output, promise: nil)
            self.context.settled()
        }
        channel.writeAndFlush(ByteBuffer(), promise: done)
    }

    /// The request under way is served to its end, and no other after it.
    func drain() {
        isDraining = true
        isKeptAlive = false
        if case .none = work, !parser.isInside { closeWhenFlushed() }
    }

    /// An answer is owed, or on its way. A tunnel is not waited for.
    var isBusy: Bool {
        switch work {
        case .exchange: true
        case .leaving: !hasLeft
        case .none: parser.isInside
        case .tunnel: false
        }
    }

    func check(_ now: NIODeadline) {
        if case .tunnel(let tunnel) = work { tunnel.check(now) }
        guard now >= min(deadline, writeDeadline) else { return }
        deadline = .distantFuture
        writeDeadline = .distantFuture
        close()
    }

    // MARK: Tunnels

    func pauseForTunnel(_ pauses: Bool) { pause(pauses) }

    /// A tunnel that was not opened.
    func answerTunnel(_ response: HTTPResponse) {
        isKeptAlive = false
        answer(response)
    }
}

extension HTTPFields {
    /// What is shown as `Authorization: Bearer …` and `x-api-key: …`.
    var credentials: [[UInt8]] {
        var found: [[UInt8]] = []
        for field in fields where found.count < 4 {
            if let text = withCredential(of: field, { Array($0) }), !text.isEmpty { found.append(text) }
        }
        return found
    }

    /// Whether this is the first credential that is shown.
    func shows(_ credential: [UInt8]) -> Bool {
        for field in fields {
            let isSame = withCredential(of: field) { shown in credential.withUnsafeBytes { shown.elementsEqual($0) } }
            if let isSame { return isSame }
        }
        return false
    }

    private func withCredential<T>(of field: Field, _ body: (UnsafeRawBufferPointer) -> T) -> T? {
        switch field.name {
        case .apiKey: withValue(of: field) { body($0) }
        case .authorization:
            withValue(of: field) { value in
                guard value.count > 7, value.hasPrefix("bearer ") else { return nil }
                return body(UnsafeRawBufferPointer(rebasing: value[7...].drop { $0 == .blank }))
            }
        default: nil
        }
    }
}
