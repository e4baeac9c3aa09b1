import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

/// What is said of upstreams before anything is started.
@Suite(.timeLimit(.minutes(2))) struct UpstreamInputTests {
    private static let local =
        "  local: {kind: vllm, url: 'http://127.0.0.1:9/v1', key: VLLM_KEY, prices: {Qwen/Qwen3-8B: {prompt: 1, completion: 2}}}"

    private static func file(
        _ upstreams: String = local, model: String = "{id: Qwen/Qwen3-8B, upstream: local}", more: String = ""
    ) -> String {
        "image: preflight-base:latest\naccess: gateway\nupstreams:\n\(upstreams)\nmodels:\n  - \(model)\n\(more)\n"
    }

    /// The file, more arguments, words of the message.
    @Test(
        arguments: [
            (
                file(model: "{id: Qwen/Qwen3-8B, upstream: locl}"), [],
                "e.yaml:6: models[0].upstream: there is no upstream 'locl'"
            ),
            (file(model: "{id: Qwen/Qwen3-8B, upstream: locl}"), [], "did you mean 'local'?"),
            (
                file(model: "{id: Qwen/Qwen3-14B, upstream: local}"), [],
                "e.yaml:6: models[0]: local has no price for Qwen/Qwen3-14B"
            ),
            (
                file("  local: {kind: vllm, url: 'http://h/v1', prices: {Qwen/Qwen3-8B: {prompt: 1}}}"), [],
                "models[0]: local has no price for Qwen/Qwen3-8B"
            ),
            (
                file("  local: {kind: openai, url: 'http://h/v1'}"), [],
                "e.yaml:4: upstreams.local: prices are missing: what has no price cannot be bounded"
            ),
            (
                file(local.replacingOccurrences(of: "VLLM_KEY", with: "NOT_SET_HERE")), [],
                "e.yaml:4: upstreams.local.key: the variable NOT_SET_HERE is not set"
            ),
            (
                file(local.replacingOccurrences(of: "VLLM_KEY", with: "sk-oops-123")), [],
                "upstreams.local.key: expected the name of an environment variable"
            ),
            (file("  local: {kind: vllm}"), [], "upstreams.local: url is missing"),
            (file("  local: {kind: vllm, url: 'http://h/v1', timeout: 3}"), [], "upstreams.local.timeout: unknown key"),
            (file("  local: {kind: openrouter, prices: free}"), [], "OpenRouter is there without being named"),
            (file("  - {name: local, kind: vllm}"), [], "upstreams: expected NAME: {kind, url, key, prices} pairs"),
            (file(), ["--access", "direct"], "upstreams needs access: gateway"),
            (file(more: "calls: all"), [], "calls: 'all' is none of own, any"),
            ("image: x\nmodels: [a/b]\ncalls: own\n", [], "calls needs access: gateway"),
        ] as [(String, [String], String)])
    func `an upstream that cannot be used is refused with its place, and no key is shown`(
        file: String, arguments: [String], words: String
    ) async throws {
        try await withCommand { bench in
            try bench.write("e.yaml", file)
            let result = try await bench.run(["run-multi", "e.yaml"] + arguments, ["VLLM_KEY": "v-secret"])
            #expect(result.exitCode == 64, "\(result.everything)")
            #expect(result.stderrText.contains(words), "\(result.everything)")
            #expect(!result.everything.contains("sk-oops") && !result.everything.contains("v-secret"))
            #expect(bench.server.bill.count == 0 && bench.subKeys.isEmpty)
        }
    }

    private func check(_ file: String, key: String) async throws -> ProcessResult {
        try await withCommand { bench in
            try bench.write("e.yaml", file)
            return try await bench.run(
                ["check", "e.yaml", "--only", "upstreams,models,math"], ["VLLM_KEY": key, "OR_ADMIN_KEY": ""])
        }
    }

    @Test func `an upstream that is not there, refuses its key or lacks the model fails its check`() async throws {
        let dead = try await check(Self.file(), key: "v")
        #expect(dead.exitCode == 1, "\(dead.everything)")
        #expect(
            dead.stdoutText.contains("[x] upstreams: local: http://127.0.0.1:9/v1 does not answer: cannot connect"),
            "\(dead.everything)")

        var options = SimulatorOptions()
        options.flavour = .vllm
        options.serverKey = "v-right"
        options.servedModels = [.init(id: "Qwen/Qwen3-4B", contextLength: 32_768)]
        try await SimulatorServer.withServer(options) { _, addresses in
            let local = Self.local.replacingOccurrences(of: "http://127.0.0.1:9", with: addresses[0].rootURL)
            let refused = try await check(Self.file(local), key: "v-wrong")
            #expect(refused.exitCode == 1, "\(refused.everything)")
            #expect(refused.stdoutText.contains("local: it refuses the key (401)"), "\(refused.everything)")
            #expect(!refused.everything.contains("v-wrong"))
            let other = try await check(Self.file(local), key: "v-right")
            #expect(other.exitCode == 1, "\(other.everything)")
            #expect(
                other.stdoutText.contains("local does not list Qwen/Qwen3-8B, did you mean 'Qwen/Qwen3-4B'?"),
                "\(other.everything)")
            // Declared free, without a table.
            let free = "  local: {kind: vllm, url: '\(addresses[0].rootURL)/v1', key: VLLM_KEY, prices: free}"
            let well = try await check(Self.file(free, model: "{id: Qwen/Qwen3-4B, upstream: local}"), key: "v-right")
            #expect(well.exitCode == 0, "\(well.everything)")
            #expect(well.stdoutText.contains("Qwen/Qwen3-4B at local: free"), "\(well.everything)")
        }
    }
}
