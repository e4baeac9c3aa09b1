import Foundation
import NIOCore
import NIOPosix
import PreflightCore
import Synchronization

/// Callers that read streams: `load PORT KEY CONNECTIONS STREAMS [PAUSE]`, each connection STREAMS times one after the
/// other, with PAUSE milliseconds between them, as an agent has that does something with an answer.
///
/// Prints one line of `name=value`: microseconds from a request's write to the first byte of its body, and between the
/// events after it; events that came in one read have no gap.
enum StreamLoad {
    static func run(_ arguments: [String]) async throws {
        guard (4...5).contains(arguments.count), let port = Int(arguments[0]), let connections = Int(arguments[2]),
            let streams = Int(arguments[3]), let pause = arguments.count > 4 ? Int64(arguments[4]) : 0
        else { throw PreflightError(.usage, "load PORT KEY CONNECTIONS STREAMS [PAUSE]") }
        let request = Self.request(key: arguments[1])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let totals = Totals()
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<connections {
                tasks.addTask {
                    let channel = try await ClientBootstrap(group: group)
                        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                        .channelInitializer { channel in
                            channel.eventLoop.makeCompletedFuture {
                                try channel.pipeline.syncOperations.addHandler(
                                    StreamCaller(request, streams: streams, pause: .milliseconds(pause)) { measures in
                                        totals.add(measures)
                                    })
                            }
                        }
                        .connect(host: "127.0.0.1", port: port).get()
                    try await channel.closeFuture.get()
                }
            }
            try await tasks.waitForAll()
        }
        let seconds = Double((ContinuousClock.now - began).wholeMicroseconds) / 1e6
        let measures = totals.all
        Tools.say(measures.line(seconds: seconds, expected: connections * streams))
    }

    /// 946 bytes of JSON, as an agent's early call has.
    static func request(key: String) -> ByteBuffer {
        let body = Self.body(isStreamed: true)
        return ByteBuffer(
            string: "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(key)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
    }

    static func body(isStreamed: Bool) -> String {
        let head = #"{"model":"openai/gpt-4.1-mini","max_tokens":64,"#
        let messages =
            (isStreamed ? #""stream":true,"# : "") + #""messages":[{"role":"system","content":"You help a crew."},"#
            + #"{"role":"user","content":""#
        let tail = #""}]}"#
        let filler = "The harbour master asks when the ship will leave and what it carries. "
        var text = String(repeating: filler, count: 16)
        text = String(text.prefix(946 - head.utf8.count - messages.utf8.count - tail.utf8.count))
        return head + messages + text + tail
    }
}

/// What callers saw. Times are in microseconds.
struct Measures: Sendable {
    var firstBytes: [Int64] = []
    var gaps: [Int64] = []
    var events = 0
    var failures = 0

    mutating func add(_ other: Measures) {
        firstBytes += other.firstBytes
        gaps += other.gaps
        events += other.events
        failures += other.failures
    }

    func line(seconds: Double, expected: Int) -> String {
        let first = firstBytes.sorted()
        let gaps = gaps.sorted()
        func at(_ values: [Int64], _ permille: Int) -> Int64 {
            values.isEmpty ? 0 : values[min(values.count - 1, values.count * permille / 1000)]
        }
        return """
            streams=\(first.count) expected=\(expected) failures=\(failures) events=\(events) \
            seconds=\(String(format: "%.3f", seconds)) \
            first_p50=\(at(first, 500)) first_p99=\(at(first, 990)) \
            gap_p50=\(at(gaps, 500)) gap_p99=\(at(gaps, 990)) gap_p999=\(at(gaps, 999)) gap_max=\(gaps.last ?? 0)
            """
    }
}

/// What all connections saw.
private final class Totals: Sendable {
    private let measures = Mutex(Measures())

    var all: Measures { measures.withLock { $0 } }
    func add(_ more: Measures) { measures.withLock { $0.add(more) } }
}

/// One connection: asks, reads to the end, asks again.
private final class StreamCaller: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: ByteBuffer
    private let done: (Measures) -> Void
    private var left: Int
    private let pause: TimeAmount
    private var measures = Measures()
    private var sentAt = NIODeadline.now()
    private var lastAt: NIODeadline?
    private var tail: [UInt8] = []

    private static let ending = Array("\r\n0\r\n\r\n".utf8)

    init(_ request: ByteBuffer, streams: Int, pause: TimeAmount, done: @escaping (Measures) -> Void) {
        self.request = request
        left = streams
        self.pause = pause
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) { ask(context) }

    private func ask(_ context: ChannelHandlerContext) {
        left -= 1
        lastAt = nil
        tail = []
        sentAt = .now()
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let now = NIODeadline.now()
        var from = 0
        var found = 0
        while let index = bytes.find("data: ", from: from) {
            found += 1
            from = index + 6
        }
        if found > 0 {
            measures.events += found
            if let lastAt {
                measures.gaps.append((now - lastAt).nanoseconds / 1000)
            } else {
                measures.firstBytes.append((now - sentAt).nanoseconds / 1000)
            }
            lastAt = now
        }
        tail = (tail + bytes.readableBytesView.suffix(Self.ending.count)).suffix(Self.ending.count)
        guard tail == Self.ending else { return }
        guard left > 0 else { return context.close(promise: nil) }
        guard pause > .zero else { return ask(context) }
        tail = []
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: pause) {
            let (caller, context) = bound.value
            caller.ask(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if tail != Self.ending || left > 0 { measures.failures += 1 }
        done(measures)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
