import Dispatch
package import NIOCore
package import NIOPosix
import NIOSSL
package import PreflightCore
package import Store
import Synchronization

/// A proxy for calls to models that no caller can overspend.
///
/// Each connection lives on one event loop, with its connections upstream, so that a call crosses threads only where
/// it waits for the ledger.
package final class Gateway: Sendable {
    package let ledger: Ledger
    package let keys: KeyRing
    package let prices: PriceBook
    package let now: @Sendable () -> Timestamp
    let reconciler: Reconciler
    let outages = Outages()
    /// Of this machine's interfaces: no container is led to them.
    let ownAddresses: @Sendable () throws -> [SocketAddress]
    private let current: Mutex<Rules>
    private let events: @Sendable (GatewayEvent) -> Void
    private let group: MultiThreadedEventLoopGroup
    private let tls: NIOSSLContext
    private let contexts = Mutex<[ObjectIdentifier: LoopContext]>([:])
    private let load = CallerLoad()

    /// - Parameters:
    ///   - threads: Event loops; one for each processor serves best.
    ///   - resolver: Finds the addresses of upstreams, for each event loop; nil for the system's.
    ///   - authorities: A PEM file of those that upstreams' certificates are verified by; nil for the system's.
    ///   - ownAddresses: Those of this machine. Asked on a thread that may be blocked.
    ///   - report: Told of every call and connection. Called on event loops: it must not block.
    package init(
        settings: GatewaySettings, ledger: Ledger, keys: KeyRing = KeyRing(), prices: PriceBook = PriceBook(),
        threads: Int = System.coreCount, authorities: String? = nil,
        clock: any Clock<Duration> = ContinuousClock(),
        resolver: ((any EventLoop) -> any Resolver & Sendable)? = nil,
        ownAddresses: @escaping @Sendable () throws -> [SocketAddress] = {
            try System.enumerateDevices().compactMap(\.address)
        },
        now: @escaping @Sendable () -> Timestamp, report: @escaping @Sendable (GatewayEvent) -> Void = { _ in }
    ) throws {
        self.ledger = ledger
        self.keys = keys
        self.prices = prices
        self.now = now
        self.ownAddresses = ownAddresses
        current = Mutex(Rules(settings, prices: prices))
        events = report
        reconciler = Reconciler(clock: clock)
        // Verifies certificates and names.
        var security = TLSConfiguration.makeClientConfiguration()
        if let authorities { security.trustRoots = .file(authorities) }
        tls = try NIOSSLContext(configuration: security)
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
        for loop in group.makeIterator() {
            let context = LoopContext(loop: loop, gateway: self, tls: tls, resolver: resolver?(loop))
            contexts.withLock { $0[ObjectIdentifier(loop)] = context }
            loop.execute { context.start() }
        }
    }

    package var settings: GatewaySettings { rules.settings }
    var rules: Rules { current.withLock { $0 } }

    /// Takes effect with the next request; calls under way go on as they began.
    package func reload(_ settings: GatewaySettings) {
        let rules = Rules(settings, prices: prices)
        current.withLock { $0 = rules }
    }

    package var openConnections: Int { load.connections }

    func report(_ event: GatewayEvent) { events(event) }

    /// Serves what needs time of its own, until it is cancelled: calls whose cost is to be found out, and what other
    /// processes have left behind.
    package func run() async {
        ProgramPages.letGo()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.reconciler.run(self.ledger, report: self.events) }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(5))
                    _ = try? await self.ledger.recover()
                }
            }
        }
    }

    /// Asks what calls have cost that earlier processes left unknown.
    ///
    /// - Parameter held: Calls of this gateway's upstreams; those without a provider's name for them stay as they are.
    package func reconcile(_ held: [(call: HeldCall, scopeName: String)]) {
        for entry in held {
            let key = VirtualKey(id: "", label: "", scope: entry.call.scope, scopeName: entry.scopeName)
            reconcile([entry.call], with: key, listener: "")
        }
    }

    /// The same for calls that a key has made in an earlier process.
    package func reconcile(_ held: [HeldCall], with key: VirtualKey, listener: String) {
        guard let upstream = settings.upstreams.first(where: \.knowsGenerations) else { return }
        for call in held where call.generation != nil {
            var report = GatewayEvent.Call(dialect: .chat, model: call.model ?? "")
            report.id = call.id.row
            report.generation = call.generation
            reconciler.submit(
                Reconciler.Job(call: call, upstream: upstream, key: key, listener: listener, report: report))
        }
    }

    /// Accepts callers at an address; port 0 takes any that is free.
    package func listen(_ listener: Listener, host: String, port: Int) async throws -> BoundListener {
        let load = listener.wantsBoundKeys ? CallerLoad() : nil
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 512)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 512 * 1024))
                .childChannelInitializer { channel in self.accept(channel, listener, load) }
                .bind(host: host, port: port).get()
            let bound = channel.localAddress?.port ?? port
            return BoundListener(listener: listener, host: host, port: bound, channel: channel)
        } catch {
            let reason = (error as? IOError)?.reason ?? "\(error)"
            throw PreflightError(
                .failed, "the gateway cannot listen on \(host):\(port): \(reason)",
                hint: "choose an address of this machine, and a port that no other program has, or 0 for any")
        }
    }

    /// - Parameter trial: The load of a listener that is one trial's: it must not take the gateway from others.
    private func accept(
        _ channel: any Channel, _ listener: Listener, _ trial: CallerLoad?
    ) -> EventLoopFuture<Void> {
        let settings = settings
        let bounds = settings.bounds
        guard let context = contexts.withLock({ $0[ObjectIdentifier(channel.eventLoop)] }),
            trial?.enter(most: bounds.trialConnections) ?? true
        else { return channel.close() }
        guard load.enter(most: bounds.connections) else {
            trial?.leave()
            return channel.close()
        }
        let all = load
        channel.closeFuture.whenComplete { _ in
            all.leave()
            trial?.leave()
        }
        var loads = CallerLoads(loads: [(all, max(bounds.body, bounds.bodies))])
        if let trial { loads.loads.append((trial, max(bounds.body, bounds.trialBodies))) }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                ClientConnection(context: context, listener: listener, settings: settings, loads: loads))
        }
    }

    /// Ends a listener and what it has open. What was sent for it is settled, or held.
    package func close(_ bound: BoundListener) async {
        try? await bound.channel.close()
        for context in allContexts {
            try? await context.loop.submit { context.close(listener: bound.listener.name) }.get()
        }
    }

    /// Accepts nothing new, lets calls under way end within `grace`, and settles or holds the rest.
    package func stop(_ listeners: [BoundListener], grace: Duration) async {
        for listener in listeners { try? await listener.channel.close() }
        for context in allContexts { try? await context.loop.submit { context.drain() }.get() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for context in self.allContexts {
                    try? await context.loop.flatSubmit { context.whenIdle() }.get()
                }
            }
            group.addTask { try? await Task.sleep(for: grace) }
            await group.next()
            // Those that remain are broken off, which also completes the waiting.
            for context in allContexts { try? await context.loop.submit { context.stop() }.get() }
            group.cancelAll()
        }
        reconciler.finish()
    }

    /// Gives the threads back. Nothing may be called afterwards.
    package func shutDown() async {
        contexts.withLock { $0 = [:] }
        try? await group.shutdownGracefully()
    }

    private var allContexts: [LoopContext] { contexts.withLock { Array($0.values) } }
}
