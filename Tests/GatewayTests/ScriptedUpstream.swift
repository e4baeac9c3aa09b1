import Gateway
import NIOCore
import NIOPosix
import NIOSSL
import PreflightCore
import Store
import Synchronization
import TestSupport

/// An upstream that answers with given bytes, in given portions and at given times.
final class ScriptedUpstream: Sendable {
    struct Script: Sendable {
        /// Written one after the other, each after a pause.
        var portions: [[UInt8]]
        var pause = TimeAmount.zero
        var closes = false

        /// No answer at all.
        static let silence = Script(portions: [])

        init(portions: [[UInt8]], pause: TimeAmount = .zero, closes: Bool = false) {
            self.portions = portions
            self.pause = pause
            self.closes = closes
        }

        /// A whole answer with a length.
        init(
            status: Int = 200, type: String = "application/json", headers: [String: String] = [:], _ body: String,
            closes: Bool = false
        ) {
            var head = "HTTP/1.1 \(status) X\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            self.init(portions: [Array((head + "\r\n" + body).utf8)], closes: closes)
        }

        /// A stream of events, each a portion and a chunk of its own.
        static func events(_ events: [String], pause: TimeAmount = .zero, ends: Bool = true) -> Script {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            var portions = [Array(head.utf8)]
            for event in events {
                let data = "data: \(event)\n\n"
                portions.append(Array("\(String(data.utf8.count, radix: 16))\r\n\(data)\r\n".utf8))
            }
            if ends { portions.append(Array("0\r\n\r\n".utf8)) }
            return Script(portions: portions, pause: pause)
        }
    }

    struct Request: Sendable {
        var head: String
        var body: [UInt8]
        var json: JSON? { try? JSON.parse(body) }
        var path: String { head.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
    }

    private let answer: @Sendable (Request) -> Script
    private let seen = Mutex<[Request]>([])
    private let closed = Mutex<[ContinuousClock.Instant]>([])

    init(_ answer: @escaping @Sendable (Request) -> Script) { self.answer = answer }

    var requests: [Request] { seen.withLock { $0 } }
    /// When connections were closed by the peer, or by a script.
    var closings: [ContinuousClock.Instant] { closed.withLock { $0 } }

    /// - Parameter tls: what it shows to those who connect; nil for plain HTTP.
    func listen(tls: NIOSSLContext? = nil, port: Int = 0) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(upstream: self))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let upstream: ScriptedUpstream
        private var pending: [UInt8] = []

        init(upstream: ScriptedUpstream) { self.upstream = upstream }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            pending += unwrapInboundIn(data).readableBytesView
            while let request = next() {
                upstream.seen.withLock { $0.append(request) }
                play(upstream.answer(request), from: 0, context.channel)
            }
        }

        private func next() -> Request? {
            let mark: [UInt8] = [13, 10, 13, 10]
            guard pending.count >= 4,
                let end = (0...(pending.count - 4)).first(where: { pending[$0..<($0 + 4)].elementsEqual(mark) })
            else { return nil }
            let head = String(decoding: pending[..<end], as: UTF8.self)
            let length =
                head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            guard pending.count >= end + 4 + length else { return nil }
            let body = Array(pending[(end + 4)..<(end + 4 + length)])
            pending.removeFirst(end + 4 + length)
            return Request(head: head, body: body)
        }

        private func play(_ script: Script, from index: Int, _ channel: any Channel) {
            guard index < script.portions.count else {
                if script.closes { channel.close(promise: nil) }
                return
            }
            channel.writeAndFlush(ByteBuffer(bytes: script.portions[index]), promise: nil)
            let me = NIOLoopBound(self, eventLoop: channel.eventLoop)
            guard script.pause > .zero else { return play(script, from: index + 1, channel) }
            channel.eventLoop.scheduleTask(in: script.pause) { me.value.play(script, from: index + 1, channel) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            upstream.closed.withLock { $0.append(.now) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A gateway in front of upstreams that follow scripts.
struct ScriptedBench: Sendable {
    let gateway: Gateway
    let ledger: Ledger
    let listener: BoundListener
    let scope: ScopeID
    let key: String
    let events: GatewayBench.EventLog
    let path: String

    var caller: TestCaller { TestCaller(port: listener.port, key: key) }

    func standing() async throws -> LedgerStanding { try await ledger.standing(of: scope) }

    /// Waits until no call is under way.
    func quiet() async throws -> BudgetScope {
        _ = try await eventually(within: .seconds(10)) {
            try await standing().scope.openCalls == 0 && events.isComplete
        }
        return try await standing().scope
    }
}

/// What no answer, error or event may show.
let upstreamSecret = "sk-or-v1-upstream-secret-0123456789abcdef"

/// - Parameter upstreams: named `one`, `two` …, all of them candidates for every model.
func withScriptedGateway(
    _ upstreams: [ScriptedUpstream], kind: Upstream.Kind = .openRouter, pricing: Upstream.PricingSource? = nil,
    limits: BudgetLimits = BudgetLimits(total: USD(cents: 1000)), certificate: TestCertificate? = nil,
    host: String? = nil, resolver: ((any EventLoop) -> any Resolver & Sendable)? = nil,
    threads: Int = 2, keep: (inout GatewaySettings) -> Void = { _ in },
    _ body: (ScriptedBench) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        var channels: [any Channel] = []
        var listed: [Upstream] = []
        let table = try testCatalogue()
        for (name, upstream) in zip(["one", "two", "three"], upstreams) {
            let channel = try await upstream.listen(tls: certificate?.context())
            channels.append(channel)
            listed.append(
                Upstream(
                    name: name, kind: kind,
                    address: try UpstreamAddress(
                        url: (certificate == nil ? "http://\(host ?? "127.0.0.1")" : "https://\(host ?? "localhost")")
                            + ":\(channel.localAddress?.port ?? 0)/api/v1"),
                    key: Secret(upstreamSecret), pricing: pricing ?? .table(table)))
        }
        var settings = GatewaySettings(upstreams: listed)
        settings.routes = [GatewaySettings.Route(pattern: "*", upstreams: listed.map(\.name))]
        keep(&settings)
        let now: @Sendable () -> Timestamp = { .testNow }
        let ledger = try Ledger(path: directory + "/preflight.sqlite", now: now)
        let events = GatewayBench.EventLog()
        let gateway = try Gateway(
            settings: settings, ledger: ledger, threads: threads, authorities: certificate?.authorities,
            resolver: resolver, now: now, report: { events.append($0) })
        let scope = try await ledger.scope(named: "trial", limits: limits)
        let (_, text) = gateway.keys.issue {
            VirtualKey(id: "test", label: $0, scope: scope, scopeName: "trial")
        }
        let listener = try await gateway.listen(Listener(name: "test"), host: "127.0.0.1", port: 0)
        let bench = ScriptedBench(
            gateway: gateway, ledger: ledger, listener: listener, scope: scope, key: text, events: events,
            path: directory + "/preflight.sqlite")
        let result: Result<Void, any Error> = await withTaskGroup(of: Void.self) { group in
            group.addTask { await gateway.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(bench)) } catch { result = .failure(error) }
            await gateway.stop([listener], grace: .milliseconds(200))
            group.cancelAll()
            return result
        }
        await gateway.shutDown()
        await ledger.close()
        for channel in channels { try? await channel.close() }
        try result.get()
    }
}

/// Events of a chat that streams, as upstreams send them.
enum ChatEvent {
    static func word(_ text: String, reasoning: String? = nil) -> String {
        let delta = JSON.record(["content": .string(text), "reasoning_content": reasoning.map(JSON.string)])
        return JSON.record(["choices": [["index": 0, "delta": delta]]]).text
    }

    static func usage(_ tokens: Int, reasoning: Int = 0) -> String {
        #"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":\#(tokens),"completion_tokens_details":"#
            + #"{"reasoning_tokens":\#(reasoning)}}}"#
    }
}
