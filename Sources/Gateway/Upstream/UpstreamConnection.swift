import NIOCore

/// Who waits for an answer on a connection. Called on the connection's event loop.
protocol UpstreamDelegate: AnyObject {
    func upstreamAnswered(_ head: HTTPResponseHead)
    func upstreamSent(_ bytes: ByteBuffer)
    func upstreamEnded()
    /// No more bytes for now: what was gathered can be sent on.
    func upstreamPaused()
    /// - Parameter wasReused: The connection had served another request, so that it may just have been closed as idle.
    func upstreamFailed(_ failure: UpstreamFailure, wasReused: Bool)
}

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

    private(set) var channel: (any Channel)?
    private weak var pool: UpstreamPool?
    private weak var delegate: (any UpstreamDelegate)?
    private var parser: ResponseParser
    private var buffer = ByteBuffer()
    private var requests = 0
    private var canBeReused = true
    private var isClosed = false
    var idleSince = NIODeadline.now()

    init(pool: UpstreamPool, maximumHead: Int) {
        self.pool = pool
        parser = ResponseParser(maximumHead: maximumHead)
    }

    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    var isOpen: Bool { !isClosed && channel?.isActive == true }

    /// Sends a whole request; its answer comes to `delegate`.
    func send(_ request: ByteBuffer, for delegate: any UpstreamDelegate) {
        self.delegate = delegate
        requests += 1
        guard let channel, isOpen else { return fail(.cut) }
        channel.writeAndFlush(request, promise: nil)
    }

    /// Closes at once: the delegate wants no more of the answer.
    func abandon() {
        delegate = nil
        isClosed = true
        channel?.close(promise: nil)
    }

    func setReading(_ isReading: Bool) {
        channel?.setOption(.autoRead, value: isReading).whenComplete { _ in }
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
            isClosed = true
            context.close(promise: nil)
            fail(.unreadable(error.reason))
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        let delegate = delegate
        self.delegate = nil
        if canBeReused, buffer.readableBytes == 0 {
            idleSince = .now()
            pool?.giveBack(self)
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
        pool?.forget(self)
        if parser.endsWithClose, let delegate {
            self.delegate = nil
            delegate.upstreamEnded()
        } else {
            fail(.cut)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isClosed = true
        context.close(promise: nil)
        fail(.unreadable("\(error)"))
    }
}
