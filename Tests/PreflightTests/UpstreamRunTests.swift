import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Runs whose models are served by somebody else than OpenRouter.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct UpstreamRunTests {
    static let secret = "vllm-secret-0123456789"

    static var options: SimulatorOptions {
        var options = SimulatorOptions()
        options.flavour = .vllm
        options.serverKey = secret
        options.servedModels = ["Qwen/Qwen3-8B", "Qwen/Qwen3-4B"].map { .init(id: $0, contextLength: 32_768) }
        return options
    }

    /// Calls its own model three times, once as a stream, and another one once.
    private static let agent = """
        import json, os, urllib.request as u, urllib.error as e
        base, key, model = (os.environ[n] for n in ("OPENROUTER_BASE_URL", "OPENROUTER_API_KEY", "PREFLIGHT_MODEL"))
        def ask(path, body=None):
            request = u.Request(base + path, body and json.dumps(body).encode(), {"Authorization": "Bearer " + key})
            try: return u.urlopen(request, timeout=20)
            except e.HTTPError as error: return error
        def call(model, stream=False):
            answer = ask("/chat/completions", {"model": model, "max_tokens": 20, "stream": stream,
                "messages": [{"role": "user", "content": "go"}]})
            answer.read()
            return answer.status
        found = {"type": "progress", "own": [call(model), call(model, True), call(model)]}
        found["other"] = call(os.environ["OTHER_" + os.environ["PREFLIGHT_ALIAS"]])
        found["listed"] = [m["id"] for m in json.load(ask("/models"))["data"]]
        found["limit"] = json.load(ask("/key"))["data"]["limit"]
        found["secret"] = any("vllm-secret" in v or v.startswith("sk-or-") for v in os.environ.values())
        print(json.dumps(found), flush=True)
        print(json.dumps({"type": "agent_end"}), flush=True)
        """

    private func experiment(_ url: String, models: String, more: String = "") -> String {
        """
        image: preflight-base:latest
        access: gateway
        upstreams:
          local:
            kind: vllm
            url: \(url)/v1
            key: VLLM_KEY
            prices:
              Qwen/Qwen3-8B: {prompt: 1, completion: 2, context: 32768}
              Qwen/Qwen3-4B: {prompt: 1, completion: 2, context: 32768}
        models:
        \(models)
        budget: 0.05
        args: [python3, -c, \(JSON.string(Self.agent).text)]
        env: {OTHER_qwen: Qwen/Qwen3-4B, OTHER_gemini: openai/gpt-4.1-mini}
        \(more)
        """
    }

    /// What the table of prices makes of a server's own count of tokens.
    static func price(_ server: SimulatorServer) -> USD {
        let usage = server.bill.usage
        return USD(picodollars: Int64(usage.promptTokens * 1_000_000 + usage.completionTokens * 2_000_000))
    }

    private func found(_ run: CommandRun, _ trial: String) throws -> JSON {
        .object(try #require(try run.events(trial).first { $0.type == "progress" }).fields)
    }

    @Test func `a trial at a vLLM and one at OpenRouter run side by side, each billed as its own server counts`()
        async throws
    {
        try await SimulatorServer.withServer(Self.options) { vllm, addresses in
            try await withCommand(CountingAgent.options()) { bench in
                try bench.write(
                    "e.yaml",
                    experiment(
                        addresses[0].rootURL,
                        models: """
                              - {id: Qwen/Qwen3-8B, upstream: local, alias: qwen, budget: 0.03}
                              - {id: google/gemini-2.5-flash, alias: gemini}
                            """))
                let run = CommandRun(bench, prefix: "mixed")
                let result = try await bench.run(
                    ["run-multi", "e.yaml", "--run-id", run.id, "--settle", "2s", "--json", "--skip", "cache_smoke"],
                    ["VLLM_KEY": Self.secret])
                #expect(result.exitCode == 0, "\(result.everything)")
                let trials = try #require(try JSON.parse(result.stdout)["trials"]?.array)
                let qwen = try #require(trials.first { $0["alias"] == "qwen" })
                let gemini = try #require(trials.first { $0["alias"] == "gemini" })

                #expect(qwen["upstream"] == "local" && gemini["upstream"] == nil)
                #expect(vllm.bill.count == 3)
                #expect(qwen["cost_usd"]?.usd() == Self.price(vllm) && Self.price(vllm) > .zero)
                #expect(try gemini["cost_usd"]?.usd() == run.bill("gemini"))
                #expect(try run.bill("gemini") > .zero)

                // Its key is good for its own model at its own upstream.
                let own = try found(run, "qwen")
                #expect(own["own"] == [200, 200, 200])
                #expect(own["other"] == 403)
                #expect(own["listed"] == ["Qwen/Qwen3-8B", "Qwen/Qwen3-4B"])
                #expect(own["limit"]?.usd() == USD(cents: 3))
                #expect(own["secret"] == false)
                // OpenRouter's may call what OpenRouter has, as with direct access.
                let other = try found(run, "gemini")
                #expect(other["own"] == [200, 200, 200] && other["other"] == 200 && other["secret"] == false)

                let events = try run.events("qwen")
                #expect(!events.contains { $0.type.hasPrefix("subkey_") || $0.type == "budget_poll" })
                #expect(events.first { $0.type == "trial_started" }?.fields["upstream"] == "local")
                let settled = events.filter { $0.type == "call_settled" }
                #expect(settled.count == 3 && settled.allSatisfy { $0.fields["upstream"] == "local" })
                let reconciled = try #require(events.first { $0.type == "spend_reconciled" })
                #expect(reconciled.fields["settled"] == true && reconciled.fields["upstream"] == "local")
                #expect(reconciled.fields["spent"]?.usd() == Self.price(vllm))

                let lock = try JSON.parse(try Files.read(run.directory.lockPath))
                let model = try #require(lock["models"]?.array?.first { $0["id"] == "Qwen/Qwen3-8B" })
                #expect(
                    model["upstream"] == "local"
                        && model["pricing"]?["completion"]?.usd() == USD(picodollars: 2_000_000))
                let verified = try await bench.run(["verify", run.id])
                #expect(verified.exitCode == 0 && !verified.stdoutText.contains("[!]"), "\(verified.everything)")
                #expect(bench.subKeys.isEmpty)
                #expect(try await bench.left(of: run.id) == "")
                let kept = try await ProcessRunner().run("grep", ["-rlF", Self.secret, bench.directory + "/runs"])
                #expect(kept.exitCode == 1, "\(kept.everything)")
                #expect(!result.everything.contains(Self.secret))
            }
        }
    }

    @Test func `a field of vLLM's models alone needs no management key, and OpenRouter is not asked`() async throws {
        try await SimulatorServer.withServer(Self.options) { vllm, addresses in
            try await withCommand(CountingAgent.options()) { bench in
                let text = experiment(
                    addresses[0].rootURL, models: "  - {id: Qwen/Qwen3-8B, upstream: local, alias: qwen}",
                    more: "calls: any")
                try bench.write("e.yaml", text)
                let alone = [
                    "VLLM_KEY": Self.secret, "OR_ADMIN_KEY": "", "OPENROUTER_API_KEY": "",
                    "OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1",
                ]
                let check = try await bench.run(["check", "e.yaml", "--json"], alone)
                #expect(check.exitCode == 0, "\(check.everything)")
                let checks = try #require(try JSON.parse(check.stdout)["checks"]?.array)
                func result(_ name: String) -> JSON? { checks.first { $0["name"] == .string(name) } }
                for name in ["balance", "key_smoke", "cache_smoke"] {
                    #expect(result(name)?["status"] == "skip", "\(name)")
                    #expect(result(name)?["detail"] == "no trial uses OpenRouter", "\(name)")
                }
                #expect(
                    result("math")?["detail"]
                        == "1 trial x $0.05 = $0.05; no trial uses OpenRouter, the ledger alone holds it")
                #expect(result("models")?["lines"] == ["Qwen/Qwen3-8B at local: $1.00 in, $2.00 out per M tokens"])
                #expect(result("upstreams")?["status"] == "pass")
                #expect(result("upstreams")?["lines"] == ["local: serves 2 models"])
                let forecast = try JSON.parse(check.stdout)["forecast"]?["models"]?.array?.first
                // 6000 tokens of prompt and 400 of answer.
                #expect(forecast?["typical_call_usd"]?.usd() == USD(picodollars: 6_800_000_000))

                let run = CommandRun(bench, prefix: "alone")
                let done = try await bench.run(
                    ["run-multi", "e.yaml", "--run-id", run.id, "--settle", "2s", "--json"], alone)
                #expect(done.exitCode == 0, "\(done.everything)")
                #expect(try JSON.parse(done.stdout)["cost_usd"]?.usd() == Self.price(vllm))
                #expect(vllm.bill.count == 4)
                // `calls: any`: every model that the upstream has a price for.
                #expect(try found(run, "qwen")["other"] == 200)
                let lock = try JSON.parse(try Files.read(run.directory.lockPath))
                #expect(lock["base_url"] == nil && lock["prices_at"] == nil)
                let verified = try await bench.run(["verify", run.id], alone)
                #expect(verified.exitCode == 0 && !verified.stdoutText.contains("[!]"), "\(verified.everything)")
                #expect(try await bench.left(of: run.id) == "")
                #expect(bench.server.bill.count == 0)
            }
        }
    }

    @Test func `calls own keeps a trial of OpenRouter to its model`() async throws {
        try await withCommand(CountingAgent.options()) { bench in
            try bench.write(
                "e.yaml",
                """
                image: preflight-base:latest
                access: gateway
                calls: own
                models: [{id: google/gemini-2.5-flash, alias: gemini}]
                args: [python3, -c, \(JSON.string(Self.agent).text)]
                env: {OTHER_gemini: openai/gpt-4.1-mini}
                """)
            let run = CommandRun(bench, prefix: "own")
            let result = try await bench.run(
                ["run-multi", "e.yaml", "--run-id", run.id, "--settle", "1s", "--skip-check"])
            #expect(result.exitCode == 0, "\(result.everything)")
            let found = try found(run, "gemini")
            #expect(found["own"] == [200, 200, 200] && found["other"] == 403)
            #expect(try run.events("gemini").contains { $0.type == "call_refused" && $0.fields["status"] == 403 })
        }
    }

    @Test func `one model at two servers has two prices, two bills and one total`() async throws {
        var cloud = Self.options
        cloud.flavour = .openAI
        cloud.serverKey = "cloud-key"
        try await SimulatorServer.withServer(Self.options) { vllm, local in
            try await SimulatorServer.withServer(cloud) { openAI, far in
                try await withCommand(CountingAgent.options()) { bench in
                    try bench.write(".env", "VLLM_KEY=\(Self.secret)\nCLOUD_KEY=cloud-key\n")
                    try bench.write(
                        "e.yaml",
                        """
                        image: preflight-base:latest
                        access: gateway
                        upstreams:
                          local: {kind: vllm, url: "\(local[0].rootURL)/v1", key: VLLM_KEY, prices: free}
                          cloud:
                            kind: openai
                            url: \(far[0].rootURL)/v1
                            key: ${CLOUD_KEY}
                            prices: {Qwen/Qwen3-8B: {prompt: 1, completion: 2, context: 32768}}
                        models:
                          - {id: Qwen/Qwen3-8B, upstream: local, alias: near}
                          - {id: Qwen/Qwen3-8B, upstream: cloud, alias: far}
                        budget: {per_trial: 0.05, total: 0.06}
                        args: [python3, -c, \(JSON.string(Self.agent).text)]
                        env: {OTHER_near: x/y, OTHER_far: x/y}
                        """)
                    let run = CommandRun(bench, prefix: "twins")
                    let result = try await bench.run(
                        ["run-multi", "e.yaml", "--run-id", run.id, "--settle", "1s", "--json"],
                        ["OR_ADMIN_KEY": "", "OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1"])
                    #expect(result.exitCode == 0, "\(result.everything)")
                    let json = try JSON.parse(result.stdout)
                    let trials = try #require(json["trials"]?.array)
                    #expect(trials.map { $0["upstream"]?.string } == ["local", "cloud"])
                    #expect(vllm.bill.count == 3 && openAI.bill.count == 3)
                    #expect(trials.map { $0["cost_usd"]?.usd() } == [.zero, Self.price(openAI)])
                    #expect(json["cost_usd"]?.usd() == Self.price(openAI) && Self.price(openAI) > .zero)
                    let scopes = try await LedgerReader(path: bench.directory + "/runs/preflight.sqlite").scopes()
                    let whole = try #require(scopes.first { $0.scope.name == run.id }).scope
                    #expect(whole.spent.total == Self.price(openAI) && whole.limits.money.total == USD(cents: 6))
                    let lock = try JSON.parse(try Files.read(run.directory.lockPath))
                    #expect(lock["models"]?.array?.map { $0["upstream"]?.string } == ["cloud", "local"])
                    #expect(
                        lock["models"]?.array?.map { $0["pricing"]?["completion"]?.usd() }
                            == [USD(picodollars: 2_000_000), .zero])
                    #expect(try await bench.left(of: run.id) == "")
                }
            }
        }
    }
}
