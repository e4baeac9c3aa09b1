import Gateway
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

extension LoadTests {
    /// Adaptive budgets hold what a call will probably cost, ask for more while it runs, and end it where there is no more.
    @Suite struct AdaptiveTests {
        private static let model = "anthropic/claude-sonnet-4.5"

        /// Calls of one length, until holds follow it.
        private func teach(_ bench: GatewayBench, _ dialect: Dialect, tokens: Int) async throws {
            for _ in 0..<20 {
                let (path, body) = request(dialect, stream: true, cap: 2000)
                let answer = try await bench.caller.send(
                    "POST", path, body, headers: ["x-simulator-tokens": String(tokens), "x-simulator-pace-ms": "0"])
                #expect(answer.status == 200)
            }
            _ = try await bench.settled()
        }

        private func request(_ dialect: Dialect, stream: Bool, cap: Int) -> (path: String, body: JSON) {
            switch dialect {
            case .responses:
                return (
                    "/v1/responses",
                    [
                        "model": .string(Self.model), "input": "Hello", "max_output_tokens": .int(cap),
                        "stream": .bool(stream),
                    ]
                )
            case .completions:
                return (
                    "/v1/completions",
                    ["model": .string(Self.model), "prompt": "Hello", "max_tokens": .int(cap), "stream": .bool(stream)]
                )
            default:
                return (
                    dialect == .messages ? "/v1/messages" : "/v1/chat/completions",
                    [
                        "model": .string(Self.model), "messages": [["role": "user", "content": "Hello"]],
                        "max_tokens": .int(cap), "stream": .bool(stream),
                    ]
                )
            }
        }

        private var simulator: SimulatorOptions {
            quickSimulator {
                $0.pace = .milliseconds(20)
                $0.cancellation = .stops
            }
        }

        @Test func `a call that is not streamed is metered as a stream, and its answer put together`() async throws {
            try await withGateway(BudgetLimits(total: USD(cents: 1000), hold: .adaptive), threads: 1) { bench in
                try await teach(bench, .chat, tokens: 20)
                let (path, body) = request(.chat, stream: false, cap: 2000)
                let answer = try await bench.caller.send("POST", path, body, headers: ["x-simulator-tokens": "300"])
                #expect(answer.status == 200)
                #expect(answer.json?["object"] == "chat.completion")
                #expect(answer.json?["usage"]?["completion_tokens"] == 300)
                #expect(answer.json?["choices"]?[0]?["message"]?["content"]?.string?.utf8.count == 1200)
                #expect(answer.headers["x-preflight-cost"] != nil)
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
            }
        }

        @Test(arguments: [Dialect.chat, .completions, .messages, .responses])
        func `an answer that outgrows its hold is extended, and ended in its dialect where the budget ends`(
            dialect: Dialect
        ) async throws {
            // $15 a million tokens: 20 cents are some 13,000 tokens.
            let limit = USD(cents: 20)
            try await withGateway(
                BudgetLimits(total: limit, hold: .adaptive), simulator: simulator, threads: 1
            ) { bench in
                try await teach(bench, dialect, tokens: 20)
                // Another call holds nearly all that is left.
                let left = try #require(try await bench.standing().headroom)
                let price = USD(picodollars: 15_000_000)
                let rest = price * 900
                let other = try await bench.ledger.reserve(
                    BudgetAsk(base: left - rest, perOutputToken: .zero, wantedOutput: 1), scope: bench.scope)
                let (path, body) = request(dialect, stream: true, cap: 800)
                async let running = bench.caller.send(
                    "POST", path, body, headers: ["x-simulator-tokens": "750", "x-simulator-pace-ms": "20"])
                // It has begun, and holds less than it will need.
                #expect(try await eventually { try await bench.standing().scope.openCalls == 2 })
                // And a third takes more of it while this one runs.
                let second = try? await bench.ledger.reserve(
                    BudgetAsk(base: price * 500, perOutputToken: .zero, wantedOutput: 1), scope: bench.scope,
                    patience: .zero)
                let answer = try await running
                #expect(second != nil)
                #expect(answer.status == 200)
                #expect(answer.isComplete)
                switch dialect {
                case .messages:
                    #expect(answer.text.contains(#""stop_reason":"max_tokens""#))
                    #expect(answer.text.contains("message_stop"))
                case .responses: #expect(answer.text.contains("response.incomplete"))
                default:
                    #expect(answer.text.contains(#""finish_reason":"length""#))
                    #expect(answer.text.hasSuffix("data: [DONE]\n\n"))
                }
                if let second { await bench.ledger.resolve(second.call, .released) }
                await bench.ledger.resolve(other.call, .released)
                let scope = try await bench.settled().scope
                #expect(bench.events.calls(.callHeld).last?.finishReasons == ["budget"])
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(scope.spent.total <= limit)
            }
        }

        @Test func `several choices at once are held in full, since they cannot be followed`() async throws {
            try await withGateway(BudgetLimits(total: USD(cents: 1000), hold: .adaptive), threads: 1) { bench in
                try await teach(bench, .chat, tokens: 20)
                var body = request(.chat, stream: false, cap: 2000).body.object ?? JSON.Object()
                body["n"] = 2
                let answer = try await bench.caller.send(
                    "POST", "/v1/chat/completions", .object(body), headers: ["x-simulator-tokens": "400"])
                #expect(answer.json?["choices"]?.array?.count == 2)
                let reserved = try #require(bench.events.calls(.callReserved).last?.reserved)
                #expect(reserved >= USD(picodollars: 15_000_000) * 4000)
                #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
            }
        }

        @Test func `an embedding that costs more than it was reckoned with is not served`() async throws {
            try await withGateway { bench in
                let body: JSON = ["model": "openai/text-embedding-3-small", "input": ["one", "two"]]
                #expect(try await bench.caller.send("POST", "/v1/embeddings", body).status == 200)
                // The gateway's list says half of what the provider takes.
                let rates = Pricing.Rates(prompt: USD(picodollars: 10_000), completion: .zero)
                let half = Model(
                    id: "openai/text-embedding-3-small", contextLength: 8192, pricing: Pricing(rates: rates))
                bench.gateway.prices.set(Catalogue(models: [half]), of: "upstream")
                let refused = try await bench.caller.send("POST", "/v1/embeddings", body)
                #expect(refused.status == 404)
                #expect(refused.json?["error"]?["availability"]?["excluded_by"]?[0] == "max_price")
                #expect(bench.simulator.bill.count == 1)
                #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
            }
        }

        @Test func `embeddings are reserved without output, and settled`() async throws {
            try await withGateway(BudgetLimits(total: USD(cents: 1), hold: .adaptive)) { bench in
                let answer = try await bench.caller.send(
                    "POST", "/v1/embeddings", ["model": "openai/text-embedding-3-small", "input": ["one", "two"]])
                #expect(answer.status == 200)
                #expect(answer.json?["data"]?.array?.count == 2)
                let scope = try await bench.settled().scope
                #expect(scope.spent.total == bench.simulator.bill.total)
                #expect(scope.spent.total > .zero)
            }
        }
    }
}
