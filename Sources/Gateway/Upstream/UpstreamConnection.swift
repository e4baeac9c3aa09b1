import NIOCore
import NIOTLS

enum UpstreamFailure: Error, Equatable {
    case unreachable(String)
    /// Closed before the answer's end.
    case cut
    case unreadable(String)
    case timedOut(String)
}

/// A connection to an upstream, for one request at a time. Lives on one event loop.
final class UpstreamConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let channel: any Channel
    /// Writing through it passes by nothing but the handlers below this one.
    private var context: ChannelHandlerContext?
    private let pool: UpstreamPool
    /// Let go of when its answer is complete, or has failed.
    private var delegate: Exchange?
    private var parser: ResponseParser
    private var buffer = ByteBuffer()
    private var requests = 0
    private var canBeReused = true
    private var isActive = false
    private var isClosed = false
    private var isReading = true
    /// Who waits for it, from when it is connected until it can be used.
    private var making: UpstreamMaking?
    private let isSecure: Bool
    var idleSince = NIODeadline.now()

    init(
        pool: UpstreamPool, channel: any Channel, maximumHead: Int, isSecure: Bool, making: UpstreamMaking
    ) {
        self.pool = pool
        self.channel = channel
        self.isSecure = isSecure
        self.making = making
        parser = ResponseParser(maximumHead: maximumHead)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    var isOpen: Bool { isActive && !isClosed }

    // MARK: Making

    /// Over TLS nothing may be sent before the peer has shown who it is: a call that was handed over before would
    /// count as sent, although no byte of it ever left.
    func channelActive(context: ChannelHandlerContext) {
        isActive = true
        if making?.hasBegun(self) == false {
            making = nil
            return abandon()
        }
        if !isSecure { becomeReady() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { becomeReady() }
        context.fireUserInboundEventTriggered(event)
    }

    private func becomeReady() {
        making?.succeed(self)
        making = nil
    }

    /// It was connected, and cannot be used. An address that does not connect is no failure: another may.
    private func becomeUnusable(_ reason: String) {
        if isActive { making?.fail(reason) }
        making = nil
    }

    // MARK: Using

    /// Sends a whole request; its answer comes to `delegate`.
    func send(_ request: ByteBuffer, for delegate: Exchange) {
        self.delegate = delegate
        guard let context, isOpen else { return fail(.unreachable("the connection was closed")) }
        requests += 1
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    /// Closes at once: the delegate wants no more of the answer.
    func abandon() {
        delegate = nil
        isClosed = true
        channel.close(promise: nil)
    }

    func setReading(_ reads: Bool) {
        guard reads != isReading else { return }
        isReading = reads
        channel.setOption(.autoRead, value: reads).whenComplete { _ in }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard delegate != nil else {
            // Nobody asked: the upstream sends what it should not.
            isClosed = true
            return context.close(promise: nil)
        }
        if buffer.readableBytes == 0 { swap(&buffer, &bytes) } else { buffer.writeBuffer(&bytes) }
        parse(context)
    }

    private func parse(_ context: ChannelHandlerContext) {
        do throws(HTTPFault) {
            while let delegate {
                switch try parser.next(&buffer) {
                case .head(let head):
                    canBeReused = head.isKeptAlive
                    delegate.upstreamAnswered(head)
                case .body(let bytes): delegate.upstreamSent(bytes)
                case .end: return finish(context)
                case .needsMore:
                    if buffer.readableBytes == 0 { buffer.clear() } else { buffer.discardReadBytes() }
                    return
                }
            }
        } catch {
            // Closing tells this handler at once, so what is wrong is said before.
            isClosed = true
            fail(.unreadable(error.reason))
            context.close(promise: nil)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        let delegate = delegate
        self.delegate = nil
        if canBeReused, buffer.readableBytes == 0 {
            // A caller that reads slowly may have stopped the reading.
            setReading(true)
            buffer = ByteBuffer()
            idleSince = .now()
            pool.giveBack(self)
        } else {
            isClosed = true
            context.close(promise: nil)
        }
        delegate?.upstreamEnded()
    }

    private func fail(_ failure: UpstreamFailure) {
        guard let delegate else { return }
        self.delegate = nil
        delegate.upstreamFailed(failure, wasReused: requests > 1)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        delegate?.upstreamPaused()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        pool.forget(self)
        becomeUnusable("the connection was closed before it could be used")
        if parser.endsWithClose, let delegate {
            self.delegate = nil
            delegate.upstreamEnded()
        } else {
            fail(.cut)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isClosed = true
        becomeUnusable(UpstreamPool.text(error))
        // A connection that is reset is as good as one that is closed in the middle.
        fail(error is IOError ? .cut : .unreadable(UpstreamPool.text(error)))
        context.close(promise: nil)
    }
}
