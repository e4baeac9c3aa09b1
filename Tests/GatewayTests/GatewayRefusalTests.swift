import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite struct GatewayRefusalTests {
    private static let good =
        #"{"id":"x","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"#
        + #""usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.000001}}"#

    @Test func `keys that are not good here are refused with 401, and told of`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        try await withScriptedGateway([upstream]) { bench in
            let scope = bench.scope
            func key(_ id: String, expiresAt: Timestamp? = nil, listener: String? = nil) -> (VirtualKey, String) {
                bench.gateway.keys.issue {
                    VirtualKey(
                        id: id, label: $0, scope: scope, scopeName: "trial", expiresAt: expiresAt, listener: listener)
                }
            }
            let revoked = key("revoked")
            bench.gateway.keys.revoke(revoked.0)
            let expired = key("expired", expiresAt: Timestamp(microseconds: 1))
            let foreign = key("foreign", listener: "elsewhere")
            for text in ["", "sk-pf-unknown", revoked.1, expired.1, foreign.1] {
                let caller = TestCaller(port: bench.listener.port, key: text)
                let answer = try await caller.send("POST", "/v1/chat/completions", chat())
                #expect(answer.status == 401)
                #expect(answer.json?["error"]?["code"] == "invalid_api_key")
            }
            #expect(bench.events.kinds() == Array(repeating: .keyRefused, count: 5))
            #expect(upstream.requests.isEmpty)
            // A stand-in beside the real key does no harm.
            let both = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(),
                headers: ["x-api-key": "dummy", "authorization": "Bearer \(bench.key)"])
            #expect(both.status == 200)
        }
    }

    @Test func `a key that is revoked while its call waits for money sends nothing`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        try await withScriptedGateway([upstream], limits: BudgetLimits(total: USD(cents: 1))) { bench in
            let blocker = try await bench.ledger.reserve(
                BudgetAsk(base: USD(cents: 1), perOutputToken: .zero, wantedOutput: 1), scope: bench.scope)
            let (key, text) = bench.gateway.keys.issue { [scope = bench.scope] in
                VirtualKey(id: "late", label: $0, scope: scope, scopeName: "trial")
            }
            async let answer = TestCaller(port: bench.listener.port, key: text)
                .send("POST", "/v1/chat/completions", chat())
            #expect(await eventually { bench.ledger.waitingCount == 1 })
            bench.gateway.keys.revoke(key)
            await bench.ledger.resolve(blocker.call, .released)
            let status = try await answer.status
            #expect(status == 401)
            #expect(upstream.requests.isEmpty)
            #expect(try await bench.quiet().reserved == .zero)
        }
    }

    @Test func `what cannot be sent is refused with a status of its own`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        try await withScriptedGateway([upstream]) { bench in
            func status(_ body: JSON, _ headers: [String: String] = [:]) async throws -> Int {
                try await bench.caller.send("POST", "/v1/chat/completions", body, headers: headers).status
            }
            #expect(try await bench.caller.sendBytes("POST", "/v1/chat/completions", Array("{".utf8)).status == 400)
            #expect(try await status(chat(model: "nobody/nothing")) == 404)
            #expect(
                try await status(["model": "openai/gpt-4.1-mini", "messages": [], "plugins": [["id": "web"]]]) == 422)
            #expect(try await status(chat(), ["x-preflight-max-cost": "a lot"]) == 400)
            #expect(try await status(chat(), ["x-preflight-max-cost": "0.0000000001"]) == 402)
            #expect(try await bench.caller.send("GET", "/v1/nothing").status == 404)
            #expect(try await bench.caller.send("GET", "/v1/models/%2e%2e/credits").status == 404)
            let scope = bench.scope
            let (_, narrow) = bench.gateway.keys.issue {
                VirtualKey(
                    id: "narrow", label: $0, scope: scope, scopeName: "trial", models: [ModelPattern("openai/*")],
                    callsPerMinute: 2)
            }
            let caller = TestCaller(port: bench.listener.port, key: narrow)
            #expect(
                try await caller.send("POST", "/v1/chat/completions", chat(model: "anthropic/claude-sonnet-4.5")).status
                    == 403)
            #expect(try await caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            let limited = try await caller.send("POST", "/v1/chat/completions", chat())
            #expect(limited.status == 429)
            #expect(limited.headers["retry-after"].flatMap { Int($0) }.map { (1...60).contains($0) } == true)
            #expect(upstream.requests.count == 1)
        }
    }

    @Test func `the caller's own limit narrows the answer, and a dry run costs nothing`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        try await withScriptedGateway([upstream]) { bench in
            _ = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(), headers: ["x-preflight-max-cost": "0.001"])
            let cap = try #require(upstream.requests.first?.json?["max_tokens"]?.int)
            // $1.60 a million tokens of output.
            #expect((500...625).contains(cap))
            let dry = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(), headers: ["x-preflight-dry-run": "1"])
            #expect(dry.json?["budget"]?["decision"] == "granted")
            #expect(dry.json?["worst_case_usd"]?.usd() ?? .zero > USD(cents: 1))
            #expect(upstream.requests.count == 1)
            #expect(try await bench.quiet().calls == 1)
        }
    }

    @Test func `a dry run names the scope that binds the call, and expects no more than the worst case`() async throws {
        let long = Self.good.split(separator: #"completion_tokens":1"#).joined(separator: #"completion_tokens":500"#)
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(long) }
        try await withScriptedGateway([upstream], threads: 1) { bench in
            func dry(_ maxTokens: Int) async throws -> JSON {
                let headers = ["x-preflight-dry-run": "1"]
                let path = "/v1/chat/completions"
                return try await bench.caller.send("POST", path, chat(maxTokens: maxTokens), headers: headers).json
                    ?? .null
            }
            for _ in 0..<20 {
                let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat(maxTokens: 600))
                #expect(answer.status == 200)
            }
            let short = try await dry(10)
            let worst = try #require(short["worst_case_usd"]?.usd())
            #expect(try #require(short["expected_usd"]?.usd()) <= worst)
            #expect(short["budget"]?["decision"] == "granted" && short["budget"]?["scope"] == "trial")
            let left = try #require(try await bench.quiet().headroom)
            _ = try await bench.ledger.reserve(
                BudgetAsk(base: left, perOutputToken: .zero, wantedOutput: 1), scope: bench.scope)
            let waiting = try await dry(10)["budget"]
            #expect(waiting?["decision"] == "wait" && waiting?["scope"] == "trial", "\(waiting?.text ?? "")")
        }
    }

    @Test func `a limit of tokens is shared by all the answers that a call asks for`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        var limits = BudgetLimits()
        limits.tokens = 10_000
        try await withScriptedGateway([upstream], kind: .vllm, pricing: .free, limits: limits) { bench in
            var many = try #require(chat(maxTokens: 9_000).object)
            many.append("n", .int(128))
            let answer = try await bench.caller.send("POST", "/v1/chat/completions", .object(many))
            #expect(answer.status == 200)
            let cap = try #require(upstream.requests.first?.json?["max_tokens"]?.int)
            #expect(cap > 16 && cap * 128 <= 10_000)
            // Whatever a caller asks for, sums stay within their range.
            for _ in 0..<3 {
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(maxTokens: .max - 1), headers: ["x-preflight-dry-run": "1"])
                #expect(
                    try await bench.caller.send("POST", "/v1/chat/completions", chat(maxTokens: .max - 1)).status == 200
                )
            }
            #expect(try await bench.quiet().reservedTokens == 0)
        }
    }

    @Test func `an upstream that is down is named, and nothing stays reserved`() async throws {
        let upstream = ScriptedUpstream { _ in .silence }
        try await withScriptedGateway(
            [upstream],
            keep: { settings in
                guard let down = try? UpstreamAddress(url: "http://127.0.0.1:1/api/v1") else { return }
                settings.upstreams[0].address = down
            },
            { bench in
                let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
                #expect(answer.status == 502)
                #expect(answer.text.contains("one cannot be reached"))
                let scope = try await bench.quiet()
                #expect(scope.committed + scope.reserved == .zero)
            })
    }

    @Test func `an upstream that says nothing in time is given up with 504, and the call held in full`() async throws {
        let upstream = ScriptedUpstream { _ in .silence }
        try await withScriptedGateway(
            [upstream], keep: { $0.patience.firstByte = .milliseconds(100) },
            { bench in
                let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat(maxTokens: 100))
                #expect(answer.status == 504)
                let scope = try await bench.quiet()
                let reserved = try #require(bench.events.calls(.callReserved).first?.reserved)
                #expect(scope.held == reserved)
                #expect(bench.events.kinds() == [.callReserved, .callHeld])
            })
    }

    @Test(arguments: [Dialect.chat, .messages, .responses])
    func `a stream that stands still ends with an error in its dialect`(dialect: Dialect) async throws {
        let first =
            switch dialect {
            case .messages: #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#
            case .responses: #"{"type":"response.output_text.delta","delta":"Hi","sequence_number":1}"#
            default: #"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#
            }
        let upstream = ScriptedUpstream { _ in .events([first], ends: false) }
        try await withScriptedGateway(
            [upstream], keep: { $0.patience.betweenBytes = .milliseconds(100) },
            { bench in
                let (path, body) = LoadTests.PassageTests.request(dialect, stream: true)
                let answer = try await bench.caller.send("POST", path, body)
                #expect(answer.isComplete)
                #expect(answer.text.hasPrefix("data: \(first)\n\n"))
                #expect(answer.text.contains("error"))
                #expect(answer.text.contains("stood still"))
                #expect(try await bench.quiet().committed > .zero)
                #expect(await eventually(within: .seconds(2)) { !upstream.closings.isEmpty })
            })
    }

    @Test func `the next upstream is tried with a reservation of its own, and the first left alone for a while`()
        async throws
    {
        let tired = ScriptedUpstream { _ in
            ScriptedUpstream.Script(status: 429, headers: ["retry-after": "30"], #"{"error":{"message":"slow down"}}"#)
        }
        let fresh = ScriptedUpstream { _ in ScriptedUpstream.Script(Self.good) }
        try await withScriptedGateway([tired, fresh]) { bench in
            #expect(try await bench.caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            #expect(try await bench.caller.send("POST", "/v1/chat/completions", chat()).status == 200)
            #expect(tired.requests.count == 2 || tired.requests.count == 1)
            #expect(fresh.requests.count == 2)
            let scope = try await bench.quiet()
            #expect(scope.spent.total == USD(picodollars: 2_000_000))
            #expect(scope.reserved + scope.held == .zero)
            #expect(bench.events.kinds().prefix(4) == [.callReserved, .callFailed, .callReserved, .callSettled])
        }
    }

    @Test func `the upstream's key is in no answer and no event, even if the upstream repeats it`() async throws {
        let upstream = ScriptedUpstream { request in
            ScriptedUpstream.Script(
                status: 401, headers: ["x-echo": "no"], #"{"error":{"message":"wrong key: \#(request.head)"}}"#)
        }
        try await withScriptedGateway([upstream]) { bench in
            let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            #expect(answer.status == 401)
            #expect(upstream.requests.first?.head.contains(upstreamSecret) == true)
            #expect(upstream.requests.first?.head.contains(bench.key) == false)
            #expect(!answer.text.contains(upstreamSecret))
            #expect(!answer.headers.values.contains { $0.contains(upstreamSecret) })
            let read = try await bench.caller.send("GET", "/v1/models")
            #expect(!read.text.contains(upstreamSecret))
            for event in bench.events.all { #expect(!JSON.object(event.fields).text.contains(upstreamSecret)) }
        }
    }

    @Test func `a body behind a GET does not become a request of its own`() async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(#"{"data":[]}"#) }
        try await withScriptedGateway([upstream]) { bench in
            let inner = "POST /api/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
            let head =
                "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \(bench.key)\r\n"
                + "content-length: \(inner.utf8.count)\r\n\r\n"
            let answer = try await bench.caller.exchange(Array((head + inner).utf8))
            #expect(answer.status == 200)
            #expect(upstream.requests.count == 1)
        }
    }

    @Test func `a key is told of its own budget, and lists and counts come without cost`() async throws {
        try await withGateway(BudgetLimits(total: USD(cents: 50))) { bench in
            let key = try await bench.caller.send("GET", "/api/v1/key")
            #expect(key.json?["data"]?["limit"]?.usd() == USD(cents: 50))
            #expect(key.json?["data"]?["limit_remaining"]?.usd() == USD(cents: 50))
            let credits = try await bench.caller.send("GET", "/api/v1/credits")
            #expect(credits.json?["data"]?["total_credits"]?.usd() == USD(cents: 50))
            let models = try await bench.caller.send("GET", "/api/v1/models")
            #expect(models.json?["data"]?.array?.isEmpty == false)
            let count = try await bench.caller.send(
                "POST", "/v1/messages/count_tokens",
                ["model": "anthropic/claude-sonnet-4.5", "messages": [["role": "user", "content": "Hello there"]]])
            #expect(count.json?["input_tokens"]?.int ?? 0 > 0)
            #expect(try await bench.standing().scope.calls == 0)
            #expect(bench.simulator.bill.total == .zero)
        }
    }
}
