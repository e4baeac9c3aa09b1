import Gateway
import NIOCore
import PreflightCore
import Store
import TestSupport
import Testing

/// Adaptive holds follow an answer's text: what is not in the text must not pass them.
@Suite struct UnseenAdaptiveTests {
    private static let price = USD(picodollars: 1_600_000)

    private static let text = ChatEvent.word(String(repeating: "word ", count: 80))
    private static let thought = String(repeating: "hm, ", count: 100)

    /// Answers follow the prompt. What is hidden fills the length that the call was allowed.
    private func upstream() -> ScriptedUpstream {
        ScriptedUpstream { request in
            switch request.json?["messages"]?[0]?["content"]?.string {
            case "plain": .events([Self.text, ChatEvent.usage(100), "[DONE]"])
            case "hidden": .events([Self.text, ChatEvent.usage(1000, reasoning: 900), "[DONE]"])
            case "all hidden":
                .events([
                    Self.text, ChatEvent.usage(request.json?["max_tokens"]?.int ?? 0, reasoning: 900), "[DONE]",
                ])
            case "shown":
                .events(
                    Array(repeating: ChatEvent.word("", reasoning: Self.thought), count: 9)
                        + [Self.text, ChatEvent.usage(1000, reasoning: 900), "[DONE]"])
            case "long":
                .events(
                    Array(repeating: ChatEvent.word("", reasoning: Self.thought), count: 39)
                        + [Self.text, ChatEvent.usage(4000, reasoning: 3900), "[DONE]"], pause: .milliseconds(10))
            default: .events([#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#], ends: false)
            }
        }
    }

    private func withBench(_ limit: USD, _ body: (ScriptedBench) async throws -> Void) async throws {
        try await withScriptedGateway(
            [upstream()], kind: .openAI, limits: BudgetLimits(total: limit, hold: .adaptive), threads: 1,
            keep: { settings in
                settings.patience.headroom = .seconds(20)
                settings.patience.betweenBytes = .milliseconds(300)
            }, body)
    }

    private func send(_ bench: ScriptedBench, _ text: String, cap: Int, effort: String? = nil) async throws {
        var body = chat(text, stream: true, maxTokens: cap).object ?? JSON.Object()
        if let effort { body["reasoning_effort"] = .string(effort) }
        _ = try await bench.caller.send("POST", "/v1/chat/completions", .object(body))
    }

    private func teach(_ bench: ScriptedBench, _ text: String, effort: String? = nil) async throws {
        for _ in 0..<20 { try await send(bench, text, cap: 4000, effort: effort) }
        _ = try await bench.quiet()
    }

    private func lastReserved(_ bench: ScriptedBench) throws -> USD {
        try #require(bench.events.calls(.callReserved).last?.reserved)
    }

    @Test func `calls at once of a model that hides its reasoning do not pass the budget`() async throws {
        // Seven of twenty fit.
        let limit = Self.price * 230_000
        try await withBench(limit) { bench in
            try await teach(bench, "hidden")
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { try? await send(bench, "all hidden", cap: 30_000) } }
            }
            let scope = try await bench.quiet()
            #expect(scope.committed <= limit)
            // They were sent, and used what there was.
            #expect(scope.committed >= Self.price * 200_000)
        }
    }

    @Test func `where reasoning is wanted, holds are adaptive once it was seen in the text, and follow it`()
        async throws
    {
        try await withBench(USD(cents: 1000)) { bench in
            try await teach(bench, "plain")
            try await send(bench, "plain", cap: 30_000)
            _ = try await bench.quiet()
            #expect(try lastReserved(bench) < Self.price * 1000)
            try await send(bench, "plain", cap: 30_000, effort: "high")
            _ = try await bench.quiet()
            #expect(try lastReserved(bench) >= Self.price * 30_000)

            try await teach(bench, "shown", effort: "high")
            try await send(bench, "long", cap: 30_000, effort: "high")
            _ = try await bench.quiet()
            #expect(try lastReserved(bench) < Self.price * 2000)
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(try #require(call.cost) >= Self.price * 4000)
            // It was extended ahead of what was reasoned.
            #expect(try #require(call.reserved) >= Self.price * 4000)
        }
    }

    @Test func `a call whose cost does not become known is held at what it was allowed`() async throws {
        try await withBench(USD(cents: 1000)) { bench in
            try await teach(bench, "plain")
            try await send(bench, "silent", cap: 30_000)
            let scope = try await bench.quiet()
            #expect(try lastReserved(bench) < Self.price * 1000)
            #expect(scope.held >= Self.price * 30_000)
        }
    }
}
