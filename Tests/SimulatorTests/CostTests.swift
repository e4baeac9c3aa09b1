import PreflightCore
import Simulator
import Testing

@Suite("Costs") struct CostTests {
    @Test("the captured Claude calls cost the captured amounts")
    func capturedSequence() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(
                """
                {"models": {"anthropic/claude-sonnet-4.6": {"turns": [
                  {"prompt_tokens": 2572, "cache_write_tokens": 2569, "completion_tokens": 63},
                  {"prompt_tokens": 2649, "cached_tokens": 2569, "cache_write_tokens": 79, "completion_tokens": 100},
                  {"prompt_tokens": 2572, "cached_tokens": 2240, "cache_write_tokens": 329, "completion_tokens": 100}
                ]}}}
                """)
        }
        try await SimulatorServer.withServer(options) { server, addresses in
            let client = TestClient(addresses[0])
            let expected = [
                ("0.00964275", "0.01058775"), ("0.00106995", "0.00256995"), ("0.00191475", "0.00341475"),
            ]
            var messages: [JSON] = [["role": "user", "content": "What is 123 * 456?"]]
            for (prompt, total) in expected {
                let answer = try await client.post(
                    "/chat/completions",
                    ["model": "anthropic/claude-sonnet-4.6", "messages": .array(messages), "max_tokens": 100])
                let usage = try #require(answer.json["usage"])
                #expect(usage["cost"] == .number(total))
                #expect(usage["cost_details"]?["upstream_inference_prompt_cost"] == .number(prompt))
                #expect(answer.json["model"] == "anthropic/claude-4.6-sonnet-20260217")
                messages.append(["role": "assistant", "content": "…"])
            }
            #expect(server.bill.total.decimalText == "0.01657245")
        }
    }

    @Test("Claude writes marked prefixes to the cache and reads them until they expire")
    func explicitCaching() async throws {
        let time = ManualTime()
        try await SimulatorServer.withServer(.prompt(), now: time.timestamp, clock: time) { _, addresses in
            let client = TestClient(addresses[0])
            func ask(_ question: String) async throws -> Usage {
                let marker: JSON = ["type": "ephemeral"]
                let system: JSON = [
                    "type": "text", "text": .string(String(repeating: "rule ", count: 2000)), "cache_control": marker,
                ]
                let answer = try await client.post(
                    "/chat/completions",
                    [
                        "model": "anthropic/claude-sonnet-4.6", "max_tokens": 50,
                        "messages": [
                            ["role": "system", "content": [system]], ["role": "user", "content": .string(question)],
                        ],
                    ])
                return try #require(Usage(json: answer.json["usage"] ?? .null))
            }
            let first = try await ask("one")
            #expect(first.cachedTokens == 0)
            #expect(first.cacheWriteTokens == 2500)
            // 1 prompt token, 2500 written, 4 completion tokens.
            #expect(first.cost?.decimalText == "0.009438")
            let second = try await ask("two")
            #expect(second.cachedTokens == 2500)
            #expect(second.cacheWriteTokens == 0)
            time.advance(by: .seconds(299))
            #expect(try await ask("three").cachedTokens == 2500)
            time.advance(by: .seconds(301))
            #expect(try await ask("four").cacheWriteTokens == 2500)
        }
    }

    @Test("other providers cache long prefixes by themselves")
    func automaticCaching() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0])
            let text = String(repeating: "word ", count: 1000)
            let first = try await client.chat("openai/gpt-4o-mini", text)
            #expect(first.json["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 0)
            let second = try await client.chat("openai/gpt-4o-mini", text)
            #expect(second.json["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 1152)
            let other = try await client.chat("meta-llama/llama-3.3-70b-instruct", text)
            #expect(other.json["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 0)
        }
    }

    @Test("long prompts, fees, several choices and routers are priced as listed")
    func otherPrices() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(
                """
                {"models": {
                  "anthropic/claude-sonnet-4.5": {"turns": [{"prompt_tokens": 200001, "completion_tokens": 10}]},
                  "openai/gpt-4.1-mini": {"turns": [
                    {"prompt_tokens": 100, "completion_tokens": 10, "reasoning_tokens": 4, "extra_cost": "0.01"}]}
                }}
                """)
        }
        try await SimulatorServer.withServer(options) { _, addresses in
            let client = TestClient(addresses[0])
            let long = try await client.chat("anthropic/claude-sonnet-4.5")
            #expect(long.cost?.decimalText == "1.200231")

            var body = TestClient.chatBody("openai/gpt-4.1-mini").object ?? JSON.Object()
            body["n"] = 3
            let several = try await client.post("/chat/completions", .object(body))
            #expect(several.json["choices"]?.array?.count == 3)
            #expect(several.json["usage"]?["completion_tokens"] == 30)
            #expect(several.cost?.decimalText == "0.010088")
            #expect(several.json["usage"]?["cost_details"]?["upstream_inference_cost"] == .number("0.000088"))

            let routed = try await client.chat("openrouter/auto")
            #expect(routed.json["model"] == "google/gemini-2.5-flash")
            #expect(routed.cost.map { $0 > .zero } == true)
        }
    }

    @Test("max_tokens ends an answer by length")
    func length() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let text = String(repeating: "a", count: 150)
            let answer = try await TestClient(addresses[0])
                .chat("meta-llama/llama-3.3-70b-instruct", text, maxTokens: 5)
            #expect(answer.json["choices"]?[0]?["finish_reason"] == "length")
            #expect(answer.json["usage"]?["completion_tokens"] == 5)
            #expect(answer.json["choices"]?[0]?["message"]?["content"] == "You said: aaaaaaaaaa")
        }
    }
}
