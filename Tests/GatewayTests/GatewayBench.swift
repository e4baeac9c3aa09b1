import Foundation
import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import Synchronization
import TestSupport

/// A gateway in front of a simulated OpenRouter, both over real HTTP, with a ledger on disk.
struct GatewayBench: Sendable {
    let gateway: Gateway
    let ledger: Ledger
    let simulator: SimulatorServer
    let upstreamURL: String
    let listener: BoundListener
    let scope: ScopeID
    let key: String
    let events: EventLog
    let path: String

    var caller: TestCaller { TestCaller(port: listener.port, key: key) }

    func standing() async throws -> LedgerStanding { try await ledger.standing(of: scope) }

    /// Waits until every call is settled or held and nothing is asked about any more.
    func settled() async throws -> LedgerStanding {
        _ = try await eventually(within: .seconds(30)) {
            let standing = try await standing()
            return standing.scope.openCalls == 0 && standing.scope.held == .zero && events.isComplete
        }
        return try await standing()
    }

    final class EventLog: Sendable {
        private let list = Mutex<[GatewayEvent]>([])
        var all: [GatewayEvent] { list.withLock { $0 } }
        func append(_ event: GatewayEvent) { list.withLock { $0.append(event) } }
        /// Every call that was reserved has been told the end of: that comes a moment after the ledger knows it.
        var isComplete: Bool {
            let kinds = kinds()
            let ends: [GatewayEvent.Kind] = [.callSettled, .callHeld, .callFailed, .callRefused]
            return kinds.count { ends.contains($0) } >= kinds.count { $0 == .callReserved }
        }

        func kinds() -> [GatewayEvent.Kind] { all.map(\.kind) }
        func calls(_ kind: GatewayEvent.Kind) -> [GatewayEvent.Call] {
            all.filter { $0.kind == kind }.compactMap(\.call)
        }
    }
}

/// Options of a simulator that is quick and tells costs soon.
func quickSimulator(_ change: (inout SimulatorOptions) -> Void = { _ in }) -> SimulatorOptions {
    var options = SimulatorOptions()
    options.pace = .zero
    options.usageDelay = .zero
    options.generationDelay = .zero
    options.cancelledGenerationDelay = .milliseconds(100)
    options.credits = USD(cents: 1_000_000)
    change(&options)
    return options
}

func withGateway(
    _ limits: BudgetLimits = BudgetLimits(total: USD(cents: 100)),
    simulator options: SimulatorOptions = quickSimulator(),
    keep: (inout GatewaySettings) -> Void = { _ in }, threads: Int = 2,
    ownAddresses: @escaping @Sendable () throws -> [SocketAddress] = { [] },
    _ body: (GatewayBench) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        try await SimulatorServer.withServer(options) { simulator, addresses in
            let url = options.flavour == .openRouter ? addresses[0].baseURL : addresses[0].rootURL + "/v1"
            let upstream = Upstream(
                name: "upstream", kind: options.flavour == .openRouter ? .openRouter : .vllm,
                address: try UpstreamAddress(url: url), key: Secret(options.ordinaryKey),
                pricing: options.flavour == .openRouter ? .listed : .free)
            var settings = GatewaySettings(upstreams: [upstream])
            settings.patience.headroom = .seconds(60)
            keep(&settings)
            let path = directory + "/preflight.sqlite"
            let now: @Sendable () -> Timestamp = { .testNow }
            let ledger = try Ledger(path: path, now: now)
            let events = GatewayBench.EventLog()
            let gateway = try Gateway(
                settings: settings, ledger: ledger, threads: threads, ownAddresses: ownAddresses, now: now,
                report: { events.append($0) })
            gateway.prices.set(try testCatalogue(), of: "upstream")
            let scope = try await ledger.scope(named: "trial", limits: limits)
            let (_, text) = gateway.keys.issue { label in
                VirtualKey(id: "test", label: label, scope: scope, scopeName: "trial")
            }
            let listener = try await gateway.listen(Listener(name: "test"), host: "127.0.0.1", port: 0)
            let bench = GatewayBench(
                gateway: gateway, ledger: ledger, simulator: simulator, upstreamURL: url, listener: listener,
                scope: scope, key: text, events: events, path: path)
            let result: Result<Void, any Error> = await withTaskGroup(of: Void.self) { group in
                group.addTask { await gateway.run() }
                let result: Result<Void, any Error>
                do { result = .success(try await body(bench)) } catch { result = .failure(error) }
                await gateway.stop([listener], grace: .seconds(2))
                group.cancelAll()
                return result
            }
            await gateway.shutDown()
            await ledger.close()
            try result.get()
        }
    }
}

/// OpenRouter's list, with a model for embeddings, which it has elsewhere.
func testCatalogue() throws -> Catalogue {
    let listed = try TestData.json("openrouter-models-2026-08-01.json")["data"]?.array ?? []
    let embeddings: JSON = [
        "id": "openai/text-embedding-3-small", "name": "Embedding", "context_length": 8192,
        "pricing": ["prompt": "0.00000002", "completion": "0"],
    ]
    return Catalogue(models: (listed + [embeddings]).compactMap(Model.init(json:)))
}

/// A chat with the cheap model of the tests.
func chat(
    _ text: String = "Hello", model: String = "openai/gpt-4.1-mini", stream: Bool = false, maxTokens: Int? = nil
) -> JSON {
    .record([
        "model": .string(model), "messages": [["role": "user", "content": .string(text)]],
        "stream": stream ? true : nil, "max_tokens": maxTokens.map(JSON.int),
    ])
}

extension Timestamp {
    static var testNow: Timestamp { SimulatorServer.systemTime() }
}
