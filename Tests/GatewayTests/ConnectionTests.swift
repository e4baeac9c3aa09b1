import Gateway
import NIOCore
import NIOPosix
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension LoadTests {
    /// Connections: many requests on one, slow and rude peers, and the end.
    @Suite struct ConnectionTests {
        private static let good =
            #"{"id":"x","choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.000001}}"#

        private func request(_ bench: ScriptedBench, _ body: JSON = chat(), close: Bool = false, extra: String = "")
            -> [UInt8]
        {
            let bytes = body.bytes
            let head =
                "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(bench.key)\r\n\(extra)"
                + (close ? "connection: close\r\n" : "") + "content-length: \(bytes.count)\r\n\r\n"
            return Array(head.utf8) + bytes
        }

        /// Sends bytes, and reads until the gateway closes.
        private func raw(_ port: Int, _ bytes: [UInt8]) async throws -> String {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: bytes))
                var text = ""
                for try await buffer in inbound { text += String(buffer: buffer) }
                return text
            }
        }

        @Test func `requests in a row on one connection are answered in their order`() async throws {
            let upstream = ScriptedUpstream { request in
                let model = request.json?["user"]?.string ?? ""
                return ScriptedUpstream.Script(headers: ["x-number": model], Self.good)
            }
            try await withScriptedGateway([upstream]) { bench in
                var bytes: [UInt8] = []
                for index in 0..<20 {
                    var body = chat().object ?? JSON.Object()
                    body["user"] = .string(String(index))
                    bytes += request(bench, .object(body), close: index == 19)
                }
                let text = try await raw(bench.listener.port, bytes)
                let numbers = text.split(separator: "\r\n").filter { $0.hasPrefix("x-number: ") }.map {
                    $0.dropFirst(10)
                }
                #expect(numbers == (0..<20).map { Substring(String($0)) })
                #expect(try await bench.quiet().calls == 20)
            }
        }

        @Test func `a client that waits for leave to send gets it`() async throws {
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
            try await withScriptedGateway([upstream]) { bench in
                let bytes = request(bench, close: true, extra: "expect: 100-continue\r\n")
                let end = try #require(bytes.indices.first { bytes[$0...].starts(with: [13, 10, 13, 10]) }) + 4
                let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: bench.listener.port) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                        }
                    }
                let text = try await channel.executeThenClose { inbound, outbound in
                    try await outbound.write(ByteBuffer(bytes: bytes[..<end]))
                    var text = ""
                    for try await buffer in inbound {
                        let isFirst = text.isEmpty
                        text += String(buffer: buffer)
                        if isFirst { try await outbound.write(ByteBuffer(bytes: bytes[end...])) }
                    }
                    return text
                }
                #expect(text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
            }
        }

        @Test func `a body that is too large is refused so that its sender can read it`() async throws {
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
            try await withScriptedGateway(
                [upstream], keep: { $0.bounds.body = 1000 },
                { bench in
                    let answer = try await bench.caller.send(
                        "POST", "/v1/chat/completions", chat(String(repeating: "x", count: 2_000_000)))
                    #expect(answer.status == 413)
                    #expect(answer.isComplete)
                })
        }

        @Test(arguments: ["", "expect: 100-continue\r\n"])
        func `nobody's body is waited for, let alone kept, without a good key`(field: String) async throws {
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
            try await withScriptedGateway(
                [upstream],
                { bench in
                    // Only the head, and the first bytes of twenty million.
                    let head =
                        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer pf-wrong\r\n\(field)"
                        + "content-length: 20000000\r\n\r\n"
                    let answer = try await bench.caller.exchange(Array(head.utf8))
                    #expect(answer.status == 401)
                    #expect(answer.isComplete)
                    #expect(bench.events.kinds() == [.keyRefused])
                })
        }

        @Test func `a large answer arrives in full although the connection closes behind it`() async throws {
            let text = String(repeating: "x", count: 20_000_000)
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(#"{"data":"\#(text)"}"#) }
            try await withScriptedGateway([upstream]) { bench in
                let answer = try await bench.caller.send("GET", "/v1/models")
                #expect(answer.isComplete)
                #expect(answer.body.count == 20_000_011)
            }
        }

        @Test func `a client that does not read is let go, and its stream upstream broken off`() async throws {
            let chunk = #"{"choices":[{"index":0,"delta":{"content":"\#(String(repeating: "x", count: 60_000))"}}]}"#
            let upstream = ScriptedUpstream { _ in
                .events(Array(repeating: chunk, count: 2000), pause: .microseconds(200), ends: false)
            }
            try await withScriptedGateway(
                [upstream], kind: .vllm, pricing: .free, keep: { $0.patience.client = .milliseconds(1500) },
                { bench in
                    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                        .channelOption(.autoRead, value: false)
                        .connect(host: "127.0.0.1", port: bench.listener.port).get()
                    try await channel.writeAndFlush(ByteBuffer(bytes: request(bench, chat(stream: true))))
                    #expect(await eventually(within: .seconds(15)) { !upstream.closings.isEmpty })
                    #expect(try await bench.quiet().reserved == .zero)
                    try? await channel.close()
                })
        }

        @Test func `connections beyond the bound are closed, and idle ones after a time`() async throws {
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
            try await withScriptedGateway(
                [upstream],
                keep: {
                    $0.bounds.connections = 4
                    $0.patience.client = .seconds(2)
                },
                { bench in
                    var channels: [any Channel] = []
                    for _ in 0..<6 {
                        channels.append(
                            try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                                .connect(host: "127.0.0.1", port: bench.listener.port).get())
                    }
                    let open = channels
                    #expect(await eventually(within: .seconds(2)) { open.filter(\.isActive).count == 4 })
                    #expect(await eventually(within: .seconds(8)) { open.filter(\.isActive).isEmpty })
                    #expect(await eventually(within: .seconds(2)) { bench.gateway.openConnections == 0 })
                    #expect(try await bench.caller.send("GET", "/health").status == 200)
                })
        }

        @Test func `stopping under load loses no call and no cent`() async throws {
            let simulator = quickSimulator { $0.pace = .milliseconds(2) }
            try await withGateway(simulator: simulator) { bench in
                let callers = Task {
                    await withTaskGroup(of: TestCaller.Answer?.self) { group in
                        for caller in 0..<32 {
                            group.addTask {
                                var last: TestCaller.Answer?
                                for round in 0..<50 {
                                    guard
                                        let answer = try? await bench.caller.send(
                                            "POST", "/v1/chat/completions", chat(stream: (caller + round) % 2 == 0),
                                            headers: ["x-simulator-tokens": "100"])
                                    else { return last }
                                    last = answer
                                }
                                return last
                            }
                        }
                        return await group.reduce(into: [TestCaller.Answer]()) { list, answer in
                            if let answer { list.append(answer) }
                        }
                    }
                }
                #expect(await eventually { bench.events.calls(.callSettled).count > 30 })
                await bench.gateway.stop([bench.listener], grace: .seconds(5))
                let answers = await callers.value
                #expect(!answers.isEmpty)
                // Every answer that began came to its end.
                #expect(answers.allSatisfy { $0.status != 200 || $0.isComplete })
                let scope = try await bench.standing().scope
                #expect(scope.openCalls == 0)
                #expect(scope.committed == bench.simulator.bill.total)
                #expect(scope.held == .zero)
            }
        }

        @Test func `new settings and prices take effect while calls run`() async throws {
            try await withGateway { bench in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for _ in 0..<20 {
                                let answer = try await bench.caller.send(
                                    "POST", "/v1/chat/completions", chat(maxTokens: 50))
                                #expect(answer.status == 200)
                            }
                        }
                    }
                    group.addTask {
                        for _ in 0..<20 {
                            var settings = bench.gateway.settings
                            settings.leastOutput += 1
                            bench.gateway.reload(settings)
                            bench.gateway.prices.set(try testCatalogue(), of: "upstream")
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
                #expect(bench.gateway.settings.leastOutput == 36)
            }
        }
    }
}
