import Hummingbird
package import HummingbirdCore
import Logging
import NIOCore

extension HTTPServerBuilder {
    /// HTTP/1.1 for servers that end while connections come in.
    ///
    /// A connection that was accepted and not handed over when its server ended is dropped by it, and swift-nio ends the
    /// process when a connection's writer is dropped before it was finished.
    package static func finishing(
        _ configuration: HTTP1Channel.Configuration = HTTP1Channel.Configuration()
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            FinishingChannel(inner: HTTP1Channel(responder: responder, configuration: configuration))
        }
    }
}

private struct FinishingChannel: ServerChildChannel {
    let inner: HTTP1Channel

    final class Connection: ServerChildChannelValue {
        let value: HTTP1Channel.Value
        var channel: any Channel { value.channel }

        init(_ value: HTTP1Channel.Value) { self.value = value }

        // Also of one that nobody has handled.
        deinit { channel.close(promise: nil) }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        inner.setup(channel: channel, logger: logger).map { value in
            // Closing finishes the writer, which must live until then.
            channel.closeFuture.whenComplete { _ in withExtendedLifetime(value) {} }
            return Connection(value)
        }
    }

    func handle(value: Connection, logger: Logger) async { await inner.handle(value: value.value, logger: logger) }
}
