import Foundation
import NIOCore
import NIOPosix
import PreflightCore

/// A provider that does as little as it can: `upstream PORT CHUNKS PACE_MS`.
///
/// A chat completion gets the same answer each time, with usage and cost; one with `"stream":true` gets CHUNKS events,
/// one every PACE_MS milliseconds, or all in one write if that is 0.
enum UpstreamServer {
    static func run(_ arguments: [String]) async throws {
        guard arguments.count == 3, let port = Int(arguments[0]), let chunks = Int(arguments[1]),
            let pace = Int64(arguments[2])
        else { throw PreflightError(.usage, "upstream PORT CHUNKS PACE_MS") }
        let answers = CannedAnswers(chunks: chunks, pace: .milliseconds(pace))
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CannedUpstream(answers))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        Tools.say("upstream \(channel.localAddress?.port ?? port)")
        try await channel.closeFuture.get()
    }
}

/// The bytes of the answers, made once.
struct CannedAnswers: Sendable {
    let whole: ByteBuffer
    let head: ByteBuffer
    let event: ByteBuffer
    let ending: ByteBuffer
    let atOnce: ByteBuffer
    let chunks: Int
    let pace: TimeAmount

    private static let usage = #"{"prompt_tokens":212,"completion_tokens":24,"total_tokens":236,"cost":0.0001232}"#
    private static let begin =
        #"{"id":"gen-1767268800-8yR3kQm2VbTn","provider":"OpenAI","model":"openai/gpt-4.1-mini","#
    private static let chunk =
        begin + #""object":"chat.completion.chunk","created":1767268800,"choices":[{"index":0,"delta":"#

    /// The answer that is not streamed.
    static let body =
        begin + #""object":"chat.completion","created":1767268800,"choices":[{"index":0,"message":{"role":"#
        + #""assistant","content":"The ship leaves the harbour at dawn, and the crew has already loaded what it"#
        + #" needs for the voyage.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":"# + usage + "}"

    /// One event of the streamed answer.
    static let event =
        "data: " + chunk + #"{"role":"assistant","content":" harbour"},"finish_reason":null}]}"# + "\n\n"

    init(chunks: Int, pace: TimeAmount) {
        self.chunks = chunks
        self.pace = pace
        let (body, chunk, usage) = (Self.body, Self.chunk, Self.usage)
        whole = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
                + body)
        head = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
                + "transfer-encoding: chunked\r\n\r\n")
        event = Self.chunked(Self.event)
        let last =
            "data: " + chunk + #"{"content":""},"finish_reason":"stop"}]}"# + "\n\n" + "data: " + chunk
            + #"{"content":""},"finish_reason":null}],"usage":"# + usage + "}\n\ndata: [DONE]\n\n"
        ending = ByteBuffer(string: Self.chunked(last).string + "0\r\n\r\n")
        var all = head
        for _ in 0..<chunks { all.writeImmutableBuffer(event) }
        all.writeImmutableBuffer(ending)
        atOnce = all
    }

    private static func chunked(_ text: String) -> ByteBuffer {
        ByteBuffer(string: String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n")
    }
}

/// Answers each request of a connection, one after the other.
private final class CannedUpstream: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answers: CannedAnswers
    private var requests = MessageScanner()
    private var left = 0

    init(_ answers: CannedAnswers) { self.answers = answers }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        requests.append(unwrapInboundIn(data))
        while let request = requests.next() {
            guard request.contains(#""stream":true"#) else {
                context.write(wrapOutboundOut(answers.whole), promise: nil)
                continue
            }
            if answers.pace == .zero {
                context.write(wrapOutboundOut(answers.atOnce), promise: nil)
            } else {
                begin(context)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    private func begin(_ context: ChannelHandlerContext) {
        left = answers.chunks
        var first = answers.head
        first.writeImmutableBuffer(answers.event)
        context.write(wrapOutboundOut(first), promise: nil)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleRepeatedTask(initialDelay: answers.pace, delay: answers.pace) { task in
            let (handler, context) = bound.value
            guard context.channel.isActive else { return task.cancel() }
            handler.left -= 1
            let isLast = handler.left <= 0
            let bytes = isLast ? handler.answers.ending : handler.answers.event
            context.writeAndFlush(handler.wrapOutboundOut(bytes), promise: nil)
            if isLast { task.cancel() }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension ByteBuffer {
    var string: String { String(buffer: self) }
}
