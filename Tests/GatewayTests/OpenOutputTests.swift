import Gateway
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Calls whose caller names no length are served through the gateway as they are without it.
@Suite struct OpenOutputTests {
    private static let served = "Qwen/Qwen3-8B"

    /// Knows the context that its model is served with.
    private var vllm: SimulatorOptions { quickSimulator { $0.flavour = .vllm } }

    @Test func `a model whose longest answer is its whole context`() async throws {
        try await withGateway { bench in
            let text = String(repeating: "All work and no play. ", count: 2000)
            for text in ["Hello", text] {
                let answer = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(text, model: "openai/gpt-oss-120b"),
                    headers: ["x-simulator-tokens": "20"])
                #expect(answer.status == 200, "\(answer.text)")
            }
            #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
        }
    }

    @Test func `a table that has a context and no longest answer`() async throws {
        let rates = Pricing.Rates(prompt: USD(picodollars: 100_000), completion: USD(picodollars: 400_000))
        let model = Model(id: Self.served, contextLength: 32_768, pricing: Pricing(rates: rates))
        try await withGateway(
            simulator: vllm,
            keep: {
                $0.upstreams[0].name = "priced"
                $0.upstreams[0].pricing = .table(Catalogue(models: [model]))
            },
            { bench in
                let answer = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(model: Self.served), headers: ["x-simulator-tokens": "20"])
                #expect(answer.status == 200, "\(answer.text)")
                let call = try #require(bench.events.calls(.callReserved).first)
                #expect(try #require(call.reserved) > USD(picodollars: 400_000) * 30_000)
            })
    }

    @Test func `a free server, where a limit of tokens counts`() async throws {
        var limits = BudgetLimits()
        limits.tokens = 100_000
        try await withGateway(limits, simulator: vllm) { bench in
            let answer = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(model: Self.served), headers: ["x-simulator-tokens": "20"])
            #expect(answer.status == 200, "\(answer.text)")
            // The rest of the limit is there for others meanwhile.
            let plan = try await bench.caller.send(
                "POST", "/v1/chat/completions", chat(model: Self.served), headers: ["x-preflight-dry-run": "1"])
            #expect(plan.json?["budget"]?["output_tokens"] == 4096)
        }
    }

    @Test func `a free server is told the length that its owner sets, and none where nothing bounds it`() async throws {
        let upstream = ScriptedUpstream { _ in
            ScriptedUpstream.Script(#"{"id":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#)
        }
        try await withScriptedGateway([upstream], kind: .vllm, pricing: .free) { bench in
            _ = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            var settings = bench.gateway.settings
            settings.allowances.defaultOutputTokens = 700
            bench.gateway.reload(settings)
            _ = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            #expect(upstream.requests.map { $0.json?["max_tokens"]?.int } == [nil, 700])
        }
    }
}
