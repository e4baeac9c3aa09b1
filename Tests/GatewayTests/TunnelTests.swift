import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// The way out beside the models.
@Suite struct TunnelTests {
    /// - Parameter policy: Nil lists the simulator, and nothing else.
    private func withTunnel(
        _ policy: TunnelPolicy? = nil, ownAddresses: [String] = [],
        _ body: (GatewayBench, TestCaller, Int) async throws -> Void
    ) async throws {
        let own: @Sendable () throws -> [SocketAddress] = {
            try ownAddresses.map { try SocketAddress(ipAddress: $0, port: 0) }
        }
        try await withGateway(ownAddresses: own) { bench in
            // The simulator stands for a registry: it answers without a key at this path.
            let port = try #require(Int(bench.upstreamURL.split(separator: ":")[2].prefix { $0 != "/" }))
            let listener = try await bench.gateway.listen(
                Listener(name: "trial", wantsBoundKeys: true, tunnels: policy ?? listed("127.0.0.1:\(port)")),
                host: "127.0.0.1", port: 0)
            try await body(bench, TestCaller(port: listener.port, key: ""), port)
            await bench.gateway.close(listener)
        }
    }

    private func listed(_ texts: String...) -> TunnelPolicy { .allowlist(texts.compactMap(HostPattern.init)) }

    @Test func `a listed host is reached by CONNECT, and the connection is told of`() async throws {
        try await withTunnel { bench, caller, port in
            let inner = "GET /api/v1/models/count HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let answer = try await caller.exchange(
                Array("CONNECT 127.0.0.1:\(port) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\n\r\n\(inner)".utf8))
            // Both answers come on one connection: the tunnel's has no body of its own.
            #expect(answer.status == 200)
            #expect(answer.text.contains("\"count\""))
            let isClosed = await eventually { bench.events.kinds().contains(.connectionClosed) }
            #expect(isClosed)
            let closed = try #require(bench.events.all.first { $0.kind == .connectionClosed })
            #expect(closed.target == "127.0.0.1:\(port)")
            #expect(closed.bytesReceived ?? 0 > 100)
            #expect(closed.listener == "trial")
        }
    }

    @Test func `a whole URL is fetched as from a proxy`() async throws {
        try await withTunnel { bench, caller, port in
            let answer = try await caller.send("GET", "http://127.0.0.1:\(port)/api/v1/models/count")
            #expect(answer.status == 200)
            #expect(answer.json?["data"]?["count"]?.int ?? 0 > 100)
            #expect(bench.events.kinds().contains(.connectionOpened))
        }
    }

    @Test func `a plain request is for the host of its URL, and no other follows it`() async throws {
        let registry = ScriptedUpstream { _ in ScriptedUpstream.Script("{}", closes: true) }
        let channel = try await registry.listen()
        let authority = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
        try await withTunnel(listed(authority)) { _, caller, _ in
            let body = "one body"
            let first =
                "POST http://\(authority)/x?y HTTP/1.1\r\nhost: evil.example\r\ncontent-length: \(body.utf8.count)\r\n"
                + "\r\n\(body)"
            let second = "GET /z HTTP/1.1\r\nhost: evil.example\r\n\r\n"
            let answer = try await caller.exchange(Array((first + second).utf8))
            #expect(answer.status == 200)
            let request = try #require(registry.requests.first)
            #expect(registry.requests.count == 1)
            #expect(request.head.hasPrefix("POST /x?y HTTP/1.1\r\n"))
            #expect(request.head.lowercased().contains("\r\nhost: \(authority)\r\n"))
            #expect(!request.head.contains("evil.example"))
            #expect(request.body == Array(body.utf8))
        }
        try await channel.close()
    }

    @Test func `a body for where the network is closed is not waited for`() async throws {
        for policy in [TunnelPolicy.closed, listed("pypi.org")] {
            try await withTunnel(policy) { bench, caller, _ in
                let head = "POST http://example.com/ HTTP/1.1\r\nhost: example.com\r\ncontent-length: 20000000\r\n\r\n"
                let answer = try await caller.exchange(Array(head.utf8))
                #expect(answer.status == 403)
                #expect(answer.isComplete)
                #expect(bench.events.kinds() == [.connectionRefused])
            }
        }
        try await withGateway { bench in
            let head = "POST http://example.com/ HTTP/1.1\r\nhost: example.com\r\ncontent-length: 20000000\r\n\r\n"
            let answer = try await bench.caller.exchange(Array(head.utf8))
            #expect(answer.status == 403)
        }
    }

    @Test func `an open network does not lead to this machine by an address that others reach it by`() async throws {
        // One that nobody has: to begin a connection there would take longer, and end in another way.
        try await withTunnel(.open, ownAddresses: ["203.0.113.9", "2001:db8::9"]) { bench, caller, _ in
            for target in ["203.0.113.9:80", "[2001:db8::9]:80"] {
                let answer = try await caller.exchange(Array("CONNECT \(target) HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
                #expect(answer.status == 403, "\(target)")
            }
            #expect(bench.events.kinds() == [.connectionRefused, .connectionRefused])
        }
    }

    @Test(arguments: [
        "CONNECT example.com:443", "CONNECT 127.0.0.1:1", "CONNECT nonsense", "CONNECT [::1]:22",
        "GET http://example.com/",
        "GET http://user@127.0.0.1/", "GET http:///",
    ])
    func `what is not listed is refused, and told of`(line: String) async throws {
        try await withTunnel { bench, caller, _ in
            let answer = try await caller.exchange(Array("\(line) HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
            #expect(answer.status == 403 || answer.status == 400)
            #expect(bench.events.kinds() == [.connectionRefused])
        }
    }

    @Test func `an open network still does not lead into this machine, nor does a wildcard`() async throws {
        for policy in [TunnelPolicy.open, listed("*.0.0.1:1")] {
            try await withTunnel(policy) { bench, caller, port in
                let answer = try await caller.exchange(
                    Array("CONNECT 127.0.0.1:\(port) HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
                #expect(answer.status == 403)
                #expect(bench.events.kinds() == [.connectionRefused])
            }
        }
    }

    @Test func `a gateway for people is no proxy`() async throws {
        try await withGateway { bench in
            let answer = try await bench.caller.exchange(
                Array("CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n".utf8))
            #expect(answer.status == 403)
        }
    }

    @Test func `what an earlier process left unknown is asked about`() async throws {
        try await withGateway { bench in
            // A call that the provider knows of, and the ledger only as held.
            let port = try #require(Int(bench.upstreamURL.split(separator: ":")[2].prefix { $0 != "/" }))
            let direct = TestCaller(port: port, key: SimulatorOptions.defaultOrdinaryKey)
            let answer = try await direct.send("POST", "/api/v1/chat/completions", chat())
            let generation = try #require(answer.json?["id"]?.string)
            let ask = BudgetAsk(base: USD(cents: 5), perOutputToken: .zero, wantedOutput: 1)
            let grant = try await bench.ledger.reserve(ask, scope: bench.scope)
            bench.ledger.note(grant.call, generation: generation)
            await bench.ledger.resolve(grant.call, .held(nil))
            bench.gateway.reconcile(
                try await LedgerReader(path: bench.path).heldCalls().map { ($0.call, $0.scopeName) })
            let standing = try await bench.settled()
            #expect(standing.scope.held == .zero)
            #expect(standing.scope.spent.total == bench.simulator.bill.total)
            #expect(bench.events.kinds().contains(.callReconciled))
        }
    }
}
