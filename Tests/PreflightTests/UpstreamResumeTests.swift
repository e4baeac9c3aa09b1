import Containers
import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// Trials of another upstream that are gone on with, changed and run again. A harness is killed, so `scripts/test` runs
/// this apart from tests that sweep.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct UpstreamResumeTests {
    private func counting(_ url: String, _ trials: [String: Int], models: [String: String], env: [String: String] = [:])
        -> String
    {
        var text = CountingAgent.experiment("gateway", trials, env: env)
        for (alias, model) in models {
            text = text.replacingOccurrences(
                of: "{id: google/gemini-2.5-flash, alias: \(alias)}", with: "{\(model), alias: \(alias)}")
        }
        return text + "\nupstreams:\n  local: {kind: vllm, url: \(url)/v1, key: VLLM_KEY, prices_file: prices.json}\n"
    }

    private func writePrices(_ bench: CommandBench, completion: String) throws {
        try bench.write(
            "prices.json",
            """
            {"Qwen/Qwen3-8B": {"input_cost_per_token": 0.000001, "output_cost_per_token": \(completion),
                               "max_input_tokens": 32768, "max_output_tokens": 4096}}
            """)
    }

    @Test func `a killed run goes on with both kinds of trials, unless a price has changed meanwhile`() async throws {
        try await SimulatorServer.withServer(UpstreamRunTests.options) { vllm, addresses in
            try await withCommand(CountingAgent.options()) { bench in
                try bench.write(".env", "VLLM_KEY=\(UpstreamRunTests.secret)\n")
                try writePrices(bench, completion: "0.000002")
                try bench.write(
                    "e.yaml",
                    counting(
                        addresses[0].rootURL, ["a": 80, "b": 90], models: ["b": "id: Qwen/Qwen3-8B, upstream: local"]))
                let run = CommandRun(bench, prefix: "taken")
                let process = try run.start()
                #expect(await eventually(within: .seconds(60)) { run.count("a") >= 8 && run.count("b") >= 8 })
                let inspected = try await Docker().command(["inspect", try await run.container("b")])
                #expect(inspected.contains("Qwen/Qwen3-8B") && !inspected.contains(UpstreamRunTests.secret))
                run.kill(process)

                let values = ["COUNT_a": "80", "COUNT_b": "90"]
                try writePrices(bench, completion: "0.000003")
                let dearer = try await run.resume(environment: values)
                #expect(dearer.exitCode == 3, "\(dearer.everything)")
                #expect(
                    dearer.stderrText.contains(
                        "Qwen/Qwen3-8B at local: price of completion: 0.000002 -> 0.000003"),
                    "\(dearer.everything)")
                try writePrices(bench, completion: "0.000002")
                let keyless = try await run.resume(environment: values.merging(["VLLM_KEY": ""]) { $1 })
                #expect(
                    keyless.exitCode == 64 && keyless.stderrText.contains("the variable VLLM_KEY is not set"),
                    "\(keyless.everything)")

                let result = try await run.resume(environment: values)
                #expect(result.exitCode == 0, "\(result.everything)")
                #expect(try run.numbers("a") == Array(0..<80))
                #expect(try run.numbers("b") == Array(0..<90))
                let trial = try #require(try JSON.parse(result.stdout)["trials"]?.array?.first { $0["alias"] == "b" })
                #expect(trial["upstream"] == "local")
                // A call that was under way at the kill is held: nobody can be asked what it has cost.
                let cost = trial["cost_usd"]?.usd() ?? .zero
                let unknown = trial["unknown_up_to_usd"]?.usd() ?? .zero
                #expect(
                    cost <= UpstreamRunTests.price(vllm) && UpstreamRunTests.price(vllm) <= cost + unknown
                        && cost > .zero)
                let events = try run.events("b")
                #expect(events.first { $0.type == "trial_resumed" }?.fields["how"] == "attach")
                #expect(!events.contains { $0.type.hasPrefix("subkey_") })
                let verified = try await bench.run(["verify", run.id])
                #expect(verified.exitCode == 0, "\(verified.everything)")
                #expect(bench.subKeys.isEmpty)
                #expect(try await bench.left(of: run.id) == "")
            }
        }
    }

    @Test func `a trial of vLLM is ejected, extended and run again without a management key`() async throws {
        try await SimulatorServer.withServer(UpstreamRunTests.options) { vllm, addresses in
            try await withCommand(CountingAgent.options()) { bench in
                try bench.write(".env", "VLLM_KEY=\(UpstreamRunTests.secret)\n")
                try writePrices(bench, completion: "0.000002")
                let model = "id: Qwen/Qwen3-8B, upstream: local"
                try bench.write(
                    "e.yaml",
                    counting(
                        addresses[0].rootURL, ["a": 8, "b": 400], models: ["a": model, "b": model],
                        env: ["FAIL_a": "3", "REST_a": "1"]))
                let alone = CommandBench(
                    directory: bench.directory,
                    environment: bench.environment.merging([
                        "OR_ADMIN_KEY": "", "OPENROUTER_API_KEY": "",
                        "OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1",
                    ]) { $1 }, server: bench.server)
                let run = CommandRun(alone, prefix: "again")
                let process = try run.start()
                #expect(await eventually(within: .seconds(60)) { run.count("b") >= 8 })
                let extended = try await alone.run(["extend", run.id, "b", "--budget", "+0.01"])
                #expect(extended.exitCode == 0, "\(extended.everything)")
                let ejected = try await alone.run(["eject", run.id, "b", "--reason", "enough"])
                #expect(ejected.exitCode == 0, "\(ejected.everything)")
                process.waitUntilExit()
                let events = try run.events("b")
                #expect(events.contains { $0.type == "budget_extended" && $0.fields["budget"]?.usd() == USD(cents: 6) })
                #expect(
                    events.contains { $0.type == "key_revoked" } && !events.contains { $0.type.hasPrefix("subkey_") })
                #expect(events.last { $0.type == "trial_finished" }?.fields["outcome"] == "ejected")
                #expect(try run.events("a").last { $0.type == "trial_finished" }?.fields["outcome"] == "agent_failed")

                let retried = try await run.retry(
                    "a", "--cause", "agent_failed",
                    environment: ["COUNT_a": "8", "COUNT_b": "400", "FAIL_a": "", "REST_a": "0"])
                let json = try JSON.parse(retried.stdout)
                let trial = try #require(json["trials"]?.array?.first { $0["alias"] == "a" }, "\(retried.everything)")
                #expect(trial["outcome"] == "completed" && trial["attempt"]?.int == 2 && trial["upstream"] == "local")
                let cost = json["cost_usd"]?.usd() ?? .zero
                let unknown = json["unknown_up_to_usd"]?.usd() ?? .zero
                #expect(
                    cost <= UpstreamRunTests.price(vllm) && UpstreamRunTests.price(vllm) <= cost + unknown
                        && cost > .zero)
                #expect(try await bench.left(of: run.id) == "")
            }
        }
    }
}
