import NIOCore
import NIOPosix
import NIOSSL
import PreflightCore
import Store

/// What the connections of one event loop share. Used on that loop only, so that nothing in it is locked.
final class LoopContext: LedgerCaller, @unchecked Sendable {
    let loop: any EventLoop
    unowned let gateway: Gateway
    private let tls: NIOSSLContext
    private let resolver: (any Resolver & Sendable)?
    private var pools: [UpstreamAddress: UpstreamPool] = [:]
    /// The pool that was asked for last: mostly it is the only one.
    private var lastPool: (destination: Destination, pool: UpstreamPool)?
    private var clients: [ObjectIdentifier: ClientConnection] = [:]
    /// Those under way, each at its `slot`.
    private var exchanges: [Exchange] = []
    private var coolDowns: [String: NIODeadline] = [:]
    private var ticking: RepeatedTask?
    private var onIdle: [EventLoopPromise<Void>] = []

    /// Memory for the next head: what was written into it last has mostly left when the next one is written.
    private var scratch = ByteBuffer()

    var prompts = PromptLearning()
    var outputs = OutputLearning()
    var shown = ShownOutput()
    /// Bytes of text in a token, by model, in thousandths, as settled streams had it.
    private var bytesPerToken: [String: Int] = [:]

    init(loop: any EventLoop, gateway: Gateway, tls: NIOSSLContext, resolver: (any Resolver & Sendable)?) {
        self.resolver = resolver
        self.loop = loop
        self.gateway = gateway
        self.tls = tls
    }

    func resume(_ answers: LedgerAnswers) { loop.execute { answers.deliver() } }

    /// Tasks run after all connections that could be read were served.
    func atEndOfTurn(_ work: @escaping @Sendable () -> Void) { loop.execute(work) }

    /// No other call would have to wait for what this one asks of the ledger.
    var isAlone: Bool { exchanges.count <= 1 }

    // MARK: Memory

    /// A message with what `write` writes at its beginning, and room for `extra` bytes behind that.
    func message(room: Int, extra: Int = 0, write: (inout HeadWriter) -> Void) -> ByteBuffer {
        guard room + extra <= 16 * 1024 else { return ByteBuffer(room: room, extra: extra, write: write) }
        var buffer = ByteBuffer()
        swap(&buffer, &scratch)
        // Takes new memory where the last message has not left yet.
        buffer.clear(minimumCapacity: max(room + extra, 4096))
        buffer.write(room: room, write)
        return buffer
    }

    /// Gives the memory of a message back, once it was handed on.
    func reuse(_ message: ByteBuffer) { if message.storageCapacity <= 32 * 1024 { scratch = message } }

    // MARK: Connections

    func pool(for destination: Destination) -> UpstreamPool {
        if let lastPool, lastPool.destination === destination { return lastPool.pool }
        let address = destination.upstream.address
        let pool =
            pools[address]
            ?? UpstreamPool(
                address: address, loop: loop, tls: address.isSecure ? tls : nil,
                maximumHead: gateway.settings.bounds.head, resolver: resolver)
        pools[address] = pool
        lastPool = (destination, pool)
        return pool
    }

    func add(_ client: ClientConnection) { clients[ObjectIdentifier(client)] = client }

    func remove(_ client: ClientConnection) {
        clients[ObjectIdentifier(client)] = nil
        settled()
    }

    func begin(_ exchange: Exchange) {
        exchange.slot = exchanges.count
        exchanges.append(exchange)
    }

    func end(_ exchange: Exchange) {
        guard let slot = exchange.slot else { return }
        exchange.slot = nil
        // The last one takes the place.
        let last = exchanges.removeLast()
        if last !== exchange {
            exchanges[slot] = last
            last.slot = slot
        }
        settled()
    }

    private var isIdle: Bool { exchanges.isEmpty && !clients.values.contains { $0.isBusy } }

    /// Something has ended: tells those who wait for all to end.
    func settled() {
        guard !onIdle.isEmpty, isIdle else { return }
        let waiting = onIdle
        onIdle = []
        for promise in waiting { promise.succeed() }
    }

    // MARK: Time

    func start() {
        ticking = loop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) {
            [weak self] _ in
            self?.tick()
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        for exchange in exchanges { exchange.check(now) }
        for client in clients.values { client.check(now) }
        for pool in pools.values { pool.tick() }
    }

    // MARK: Ending

    /// Completes when no call is under way here, and every answer has left.
    func whenIdle() -> EventLoopFuture<Void> {
        guard !isIdle else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        onIdle.append(promise)
        return promise.futureResult
    }

    /// Ends what a listener has open; all of it, if none is named.
    func close(listener: String?) {
        for client in clients.values where listener == nil || client.listener.name == listener { client.close() }
        for exchange in exchanges where listener == nil || exchange.listener.name == listener {
            exchange.abort("the gateway is closing")
        }
    }

    func stop() {
        close(listener: nil)
        ticking?.cancel()
        for pool in pools.values { pool.close() }
    }

    /// No new request is taken on connections that rest.
    func drain() { for client in clients.values { client.drain() } }

    // MARK: Health

    /// It is not being left alone after a failure.
    func isReady(_ upstream: String) -> Bool { coolDowns[upstream].map { $0 <= .now() } ?? true }

    func coolDown(_ upstream: String, until deadline: NIODeadline) { coolDowns[upstream] = deadline }
    func warmUp(_ upstream: String) { if !coolDowns.isEmpty { coolDowns[upstream] = nil } }

    // MARK: Learning

    /// Thousandths of a byte in a token of this model's answers; nil until one was settled.
    func millibytesPerToken(of model: String) -> Int? { bytesPerToken[model] }

    func learn(model: String, producedBytes: Int, tokens: Int) {
        guard tokens >= 16, producedBytes >= 32, producedBytes < 1 << 40 else { return }
        let seen = min(64_000, producedBytes * 1000 / tokens)
        guard let before = bytesPerToken[model] else {
            if bytesPerToken.count < 1024 { bytesPerToken[model] = seen }
            return
        }
        bytesPerToken[model] = (before * 7 + seen) / 8
    }
}
