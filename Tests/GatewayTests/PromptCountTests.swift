import Gateway
import NIOCore
import PreflightCore
import Store
import TestSupport
import Testing

/// Answers that tell how long the prompt was before they end.
@Suite struct PromptCountTests {
    private static let text = String(repeating: "All work and no play makes a long prompt. ", count: 1000)
    private static let body: JSON = [
        "model": "anthropic/claude-sonnet-4.5", "max_tokens": 1000, "stream": true,
        "messages": [["role": "user", "content": .string(text)]],
    ]

    private static func start(_ usage: String) -> String {
        #"{"type":"message_start","message":{"id":"m","usage":\#(usage)}}"#
    }

    /// Begins, and stands still.
    private func upstream(_ start: String) -> ScriptedUpstream {
        ScriptedUpstream { _ in .events([start], ends: false) }
    }

    private func worst(_ promptTokens: Int?) throws -> CallPrice {
        try WorstCase.price(
            of: CallFacts.read(Self.body.bytes, dialect: .messages), in: testCatalogue(),
            knownPromptTokens: promptTokens)
    }

    @Test func `a hold shrinks to the prompt that was counted, and a call that waits gets the rest`() async throws {
        let bound = try worst(nil)
        let counted = try worst(10_000)
        #expect(bound.promptTokens > 12_000)
        let usage = #"{"input_tokens":1000,"cache_creation_input_tokens":7000,"cache_read_input_tokens":2000}"#
        // Two do not fit, until the first one's prompt is known.
        let limits = BudgetLimits(total: bound.worst + counted.worst)
        try await withScriptedGateway([upstream(Self.start(usage))], kind: .anthropic, limits: limits) { bench in
            async let first = bench.caller.send("POST", "/v1/messages", Self.body, leavesWithin: .seconds(3))
            #expect(try await eventually { try await bench.standing().scope.reserved == counted.worst })
            let other = try await bench.ledger.reserve(
                BudgetAsk(base: bound.worst, perOutputToken: .zero, wantedOutput: 1), scope: bench.scope,
                patience: .zero)
            await bench.ledger.resolve(other.call, .released)
            _ = try await first
            // It broke off before any text: held, at no more than it could have cost.
            #expect(try await bench.quiet().held == counted.worst)
            #expect(bench.events.calls(.callHeld).last?.reserved == counted.worst)
        }
    }

    @Test(arguments: [
        #"{"input_tokens":0,"output_tokens":0}"#, #"{"input_tokens":3,"output_tokens":1}"#,
        #"{"input_tokens":900000,"output_tokens":1}"#, "null",
    ])
    func `a number that can be no count of the prompt changes nothing`(usage: String) async throws {
        let bound = try worst(nil)
        try await withScriptedGateway([upstream(Self.start(usage))], kind: .anthropic) { bench in
            _ = try await bench.caller.send("POST", "/v1/messages", Self.body, leavesWithin: .milliseconds(400))
            #expect(try await bench.quiet().held == bound.worst)
        }
    }

    @Test func `a running count of a chat shrinks its hold, and a tool of the server's keeps it`() async throws {
        let events = [
            #"{"choices":[{"index":0,"delta":{"role":"assistant"}}],"usage":{"prompt_tokens":10000,"completion_tokens":0}}"#
        ]
        for hasSearch in [false, true] {
            let upstream = ScriptedUpstream { _ in .events(events, ends: false) }
            try await withScriptedGateway(
                [upstream], kind: .vllm,
                keep: { $0.allowances.terms["web_search"] = Allowances.Terms(perCall: USD(cents: 1)) },
                { bench in
                    var body = chat(Self.text, stream: true, maxTokens: 100).object ?? JSON.Object()
                    if hasSearch { body["web_search_options"] = ["search_context_size": "low"] }
                    _ = try await bench.caller.send(
                        "POST", "/v1/chat/completions", .object(body), leavesWithin: .milliseconds(400))
                    let held = try await bench.quiet().held
                    let reserved = try #require(bench.events.calls(.callReserved).last?.reserved)
                    #expect(hasSearch ? held == reserved : held < reserved)
                })
        }
    }
}
