import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Calls that wait for a provider that fails: what their callers get, what is told of it, and what it costs.
@Suite(.timeLimit(.minutes(2))) struct OutageTests {
    /// Waits for as long as told, with pauses for tests.
    private static func patient(_ limit: Duration) -> (inout GatewaySettings) -> Void {
        { settings in
            settings.patience.outage = OutageRule(limit: limit)
            settings.patience.outage.firstPause = .milliseconds(20)
            settings.patience.outage.longestPause = .milliseconds(80)
            settings.patience.firstByte = .seconds(3)
            settings.patience.betweenBytes = .seconds(3)
        }
    }

    private func call(_ bench: GatewayBench, stream: Bool = false) async throws -> TestCaller.Answer {
        try await bench.caller.send(
            "POST", "/v1/chat/completions", chat(stream: stream, maxTokens: 60),
            headers: ["x-simulator-tokens": "40"])
    }

    /// What the ledger has is what the simulator has charged, to the picodollar, once nothing is held.
    private func expectBooks(_ bench: GatewayBench, isHeld: Bool = false, _ location: SourceLocation = #_sourceLocation)
        async throws
    {
        let isQuiet = try await eventually(within: .seconds(10)) {
            try await bench.standing().scope.openCalls == 0 && bench.events.isComplete
        }
        #expect(isQuiet, sourceLocation: location)
        let scope = try await bench.standing().scope
        #expect(scope.reserved == .zero && scope.spent.total == bench.simulator.bill.total, sourceLocation: location)
        #expect((scope.held > .zero) == isHeld, sourceLocation: location)
    }

    @Test(arguments: [429, 500, 502, 503, 529], [false, true])
    func `a call waits for the end of an outage, and is answered as if nothing had been`(status: Int, stream: Bool)
        async throws
    {
        try await withGateway(keep: Self.patient(.seconds(20))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: 3, status: status))
            let answer = try await call(bench, stream: stream)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(bench.simulator.calls.count { $0.path.hasSuffix("/chat/completions") } == 4)
            try await expectBooks(bench)
            let kinds = bench.events.kinds()
            #expect(kinds.count { $0 == .callsPaused } == 1 && kinds.count { $0 == .callsResumed } == 1)
            #expect(kinds.count { $0 == .callFailed } == 3 && kinds.count { $0 == .callReserved } == 4)
            let paused = try #require(bench.events.all.first { $0.kind == .callsPaused })
            #expect(paused.pause?.status == status && paused.reason?.contains("answered \(status)") == true)
            #expect(bench.events.calls(.callFailed).allSatisfy { $0.isSentAgain })
            let resumed = try #require(bench.events.all.first { $0.kind == .callsResumed })
            #expect(resumed.pause?.end == "answered" && resumed.pause?.duration ?? .zero > .milliseconds(20))
        }
    }

    /// Each of these may have been billed: what was sent stays held, and what is sent again has its own reservation.
    @Test(arguments: [Fault.Kind.hang, .drop]) func `what may have been billed stays held while the call is sent again`(
        kind: Fault.Kind
    ) async throws {
        try await withGateway(keep: Self.patient(.seconds(20))) { bench in
            bench.simulator.addFault(Fault(kind, path: "/chat/completions", count: 1))
            let answer = try await call(bench)
            #expect(answer.status == 200, "\(answer.text)")
            try await expectBooks(bench, isHeld: true)
            #expect(bench.events.kinds().count { $0 == .callHeld } == 1)
        }
    }

    @Test func `a call that may have been billed is not sent again without end`() async throws {
        try await withGateway(keep: Self.patient(.seconds(60))) { bench in
            bench.simulator.addFault(Fault(.drop, path: "/chat/completions", count: nil))
            let answer = try await call(bench)
            #expect(answer.status == 502 && answer.headers["x-should-retry"] == "false", "\(answer.text)")
            try await expectBooks(bench, isHeld: true)
            #expect(bench.events.kinds().count { $0 == .callHeld } == 3)
            #expect(bench.events.all.last { $0.kind == .callsResumed }?.pause?.end == "given_up")
        }
    }

    @Test func `an outage that lasts longer than its limit is passed on, and later calls do not wait for it anew`()
        async throws
    {
        try await withGateway(keep: Self.patient(.milliseconds(500))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: nil, status: 503))
            let began = ContinuousClock.now
            let first = try await call(bench)
            #expect(first.status == 503 && ContinuousClock.now - began >= .milliseconds(500))
            let seen = bench.events.kinds().count { $0 == .callReserved }
            let second = try await call(bench)
            #expect(second.status == 503)
            #expect(bench.events.kinds().count { $0 == .callReserved } == seen + 1)
            bench.simulator.removeFaults()
            #expect(try await call(bench).status == 200)
            try await expectBooks(bench)
            // It is over: the next one is waited for.
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: 1, status: 503))
            #expect(try await call(bench).status == 200)
            #expect(bench.events.kinds().count { $0 == .callsPaused } == 2)
            try await expectBooks(bench)
        }
    }

    @Test func `who wants to be left alone for longer than calls wait is not waited for`() async throws {
        try await withGateway(keep: Self.patient(.seconds(5))) { bench in
            bench.simulator.addFault(
                Fault(.status, path: "/chat/completions", count: 1, status: 429, retryAfter: 60))
            let answer = try await call(bench)
            #expect(answer.status == 429 && answer.headers["retry-after"] == "60")
            #expect(!bench.events.kinds().contains(.callsPaused))
            bench.simulator.addFault(
                Fault(.status, path: "/chat/completions", count: 1, status: 429, retryAfter: 1))
            let began = ContinuousClock.now
            #expect(try await call(bench).status == 200)
            #expect(ContinuousClock.now - began >= .seconds(1))
            try await expectBooks(bench)
        }
    }

    @Test(arguments: [400, 401, 402, 403, 404]) func `what would be refused again is not waited for`(status: Int)
        async throws
    {
        try await withGateway(keep: Self.patient(.seconds(20))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: nil, status: status))
            #expect(try await call(bench).status == status)
            #expect(!bench.events.kinds().contains(.callsPaused))
            try await expectBooks(bench)
        }
    }

    @Test func `calls at the same time are one pause, and all come through`() async throws {
        try await withGateway(keep: Self.patient(.seconds(20))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: 12, status: 529))
            let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await call(bench).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers == Array(repeating: 200, count: 8))
            try await expectBooks(bench)
            let kinds = bench.events.kinds()
            #expect(kinds.count { $0 == .callsPaused } == kinds.count { $0 == .callsResumed })
            #expect(kinds.count { $0 == .callFailed } == 12 && kinds.count { $0 == .callSettled } == 8)
        }
    }

    @Test func `a caller that leaves, and a gateway that ends, end the waiting`() async throws {
        try await withGateway(keep: Self.patient(.seconds(60))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: nil, status: 503))
            _ = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(), leavesWithin: .milliseconds(400))
            #expect(await eventually { bench.events.kinds().contains(.callsResumed) })
            #expect(bench.events.all.last { $0.kind == .callsResumed }?.pause?.end == "caller_left")
            try await expectBooks(bench)
            let other = Task { try await call(bench).status }
            #expect(await eventually { bench.events.kinds().count { $0 == .callsPaused } == 2 })
            await bench.gateway.close(bench.listener)
            _ = try? await other.value
            // One that was being sent again just then is held.
            let hasSent = bench.events.kinds().contains(.callHeld)
            try await expectBooks(bench, isHeld: hasSent)
            #expect(bench.events.kinds().count { $0 == .callsResumed } == 2)
        }
    }

    @Test func `a key that is taken away while its call waits is not spent for any more`() async throws {
        try await withGateway(keep: Self.patient(.seconds(60))) { bench in
            bench.simulator.addFault(Fault(.status, path: "/chat/completions", count: 4, status: 503))
            async let answer = call(bench)
            #expect(await eventually { bench.events.kinds().contains(.callsPaused) })
            bench.gateway.keys.revoke(try #require(bench.events.all.first?.key))
            #expect(try await answer.status == 401)
            #expect(bench.simulator.bill.count == 0)
            try await expectBooks(bench)
        }
    }

    @Test func `a server that is not there is waited for`() async throws {
        let upstream = ScriptedUpstream { _ in
            .init(#"{"id":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.000001}}"#)
        }
        let spare = try await upstream.listen()
        let port = spare.localAddress?.port ?? 0
        try await spare.close()
        try await withScriptedGateway(
            [upstream],
            keep: { settings in
                Self.patient(.seconds(20))(&settings)
                settings.upstreams[0].address.port = port
            },
            { bench in
                async let answer = bench.caller.send("POST", "/v1/chat/completions", chat(maxTokens: 50))
                #expect(await eventually { bench.events.kinds().contains(.callsPaused) })
                #expect(bench.events.all.first { $0.kind == .callsPaused }?.reason?.contains("refused") == true)
                let back = try await upstream.listen(port: port)
                #expect(try await answer.status == 200)
                #expect(try await bench.quiet().spent.total == USD(picodollars: 1_000_000))
                try await back.close()
            })
    }
}
