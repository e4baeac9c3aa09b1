import Gateway
import NIOCore
import NIOPosix
import PreflightCore
import Store
import TestSupport
import Testing

extension LoadTests {
    /// One trial does not take the gateway from the others.
    @Suite struct CrowdingTests {
        private static let good =
            #"{"id":"x","choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.000001}}"#

        private struct Trial {
            var listener: BoundListener
            var key: String
            var caller: TestCaller { TestCaller(port: listener.port, key: key) }

            init(_ name: String, _ bench: ScriptedBench) async throws {
                listener = try await bench.gateway.listen(
                    Listener(name: name, wantsBoundKeys: true), host: "127.0.0.1", port: 0)
                (_, key) = bench.gateway.keys.issue { [scope = bench.scope] in
                    VirtualKey(id: name, label: $0, scope: scope, scopeName: "trial", listener: name)
                }
            }

            func connect() async throws -> any Channel {
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: listener.port).get()
            }
        }

        private func withTrials(
            _ bounds: GatewaySettings.Bounds = GatewaySettings.Bounds(),
            _ body: (ScriptedBench, Trial, Trial) async throws -> Void
        ) async throws {
            let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
            try await withScriptedGateway(
                [upstream], keep: { $0.bounds = bounds },
                { bench in
                    let (one, two) = (try await Trial("one", bench), try await Trial("two", bench))
                    try await body(bench, one, two)
                    await bench.gateway.close(one.listener)
                    await bench.gateway.close(two.listener)
                })
        }

        @Test func `connections of one trial leave room for those of others`() async throws {
            var bounds = GatewaySettings.Bounds()
            bounds.connections = 8
            bounds.trialConnections = 4
            try await withTrials(bounds) { bench, one, two in
                var channels: [any Channel] = []
                for _ in 0..<12 { channels.append(try await one.connect()) }
                let open = channels
                #expect(await eventually(within: .seconds(2)) { open.filter(\.isActive).count == 4 })
                let answer = try await two.caller.send("POST", "/v1/chat/completions", chat())
                #expect(answer.status == 200)
                for channel in open { try? await channel.close() }
                #expect(await eventually { bench.gateway.openConnections == 0 })
                #expect(try await one.caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            }
        }

        @Test(arguments: [false, true])
        func `long bodies of one trial are kept up to a sum, and refused beyond it`(inChunks: Bool) async throws {
            var bounds = GatewaySettings.Bounds()
            bounds.body = 200_000
            bounds.trialBodies = 800_000
            try await withTrials(bounds) { bench, one, two in
                // All but the end of a body.
                let part = String(repeating: " ", count: 190_000)
                let framing =
                    inChunks
                    ? "transfer-encoding: chunked\r\n\r\n\(String(190_000, radix: 16))\r\n\(part)"
                    : "content-length: 200000\r\n\r\n\(part)"
                func bytes(_ trial: Trial) -> ByteBuffer {
                    ByteBuffer(
                        string:
                            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(trial.key)\r\n"
                            + framing)
                }
                var channels: [any Channel] = []
                for _ in 0..<4 {
                    let channel = try await one.connect()
                    try await channel.writeAndFlush(bytes(one))
                    channels.append(channel)
                }
                // As soon as all four were read.
                let isRefused = try await eventually {
                    let answer = try await one.caller.exchange(
                        Array(buffer: bytes(one)), leavesWithin: .milliseconds(500))
                    return answer.status == 503 && answer.json?["error"]?["code"] == "gateway_unavailable"
                }
                #expect(isRefused)
                // Short ones are no matter, and others have room of their own.
                #expect(try await one.caller.send("POST", "/v1/chat/completions", chat()).status == 200)
                let long = chat(String(repeating: "x", count: 150_000))
                #expect(try await two.caller.send("POST", "/v1/chat/completions", long).status == 200)
                for channel in channels { try? await channel.close() }
                #expect(await eventually { bench.gateway.openConnections == 0 })
                // What was kept is given back.
                for _ in 0..<8 {
                    #expect(try await one.caller.send("POST", "/v1/chat/completions", long).status == 200)
                }
            }
        }

        @Test func `a body of a hundred thousand members is refused`() async throws {
            try await withTrials { _, one, _ in
                let members = (0..<100_000).map { "\"k\($0)\":0" }.joined(separator: ",")
                let body = Array("{\"model\":\"openai/gpt-4.1-mini\",\"messages\":[],\(members)}".utf8)
                let answer = try await one.caller.sendBytes("POST", "/v1/chat/completions", body)
                #expect(answer.status == 400)
                #expect(answer.json?["error"]?["code"] == "invalid_json")
            }
        }
    }
}
