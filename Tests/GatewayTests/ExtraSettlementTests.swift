import Gateway
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// What a call asks for beyond tokens is not only reserved: it is settled.
@Suite(.timeLimit(.minutes(2))) struct ExtraSettlementTests {
    /// An extra, what the owner allowed it at, and an answer whose usage does not tell of it.
    struct Case: Sendable, CustomTestStringConvertible {
        var extra: String
        var kind = Upstream.Kind.openAI
        var path: String
        var members: [String: JSON]
        var terms: Allowances.Terms
        var answer: String

        var testDescription: String { extra }
    }

    private static let chatAnswer =
        #"{"id":"c","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"service_tier":"priority","#
        + #""usage":{"prompt_tokens":100,"completion_tokens":10}}"#
    private static let response =
        #"{"id":"r","object":"response","status":"completed","output":[],"#
        + #""usage":{"input_tokens":100,"output_tokens":10}}"#
    private static let message =
        #"{"id":"m","type":"message","content":[],"stop_reason":"end_turn","#
        + #""usage":{"input_tokens":100,"output_tokens":10,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}"#

    static let cases = [
        Case(
            extra: "server_tool:web_search", path: "/v1/responses",
            members: ["tools": [["type": "web_search"]], "max_output_tokens": 500],
            terms: .init(perCall: USD(cents: 5)), answer: response),
        Case(
            extra: "web_search", path: "/v1/chat/completions",
            members: ["web_search_options": [:], "max_tokens": 500], terms: .init(perCall: USD(cents: 3)),
            answer: chatAnswer.replacing("priority", with: "default")),
        Case(
            extra: "tier:priority", path: "/v1/chat/completions",
            members: ["service_tier": "priority", "max_tokens": 500], terms: .init(factorPermille: 2000),
            answer: chatAnswer),
        Case(
            extra: "server_tool:code_execution_20250825", kind: .anthropic, path: "/v1/messages",
            members: [
                "tools": [["type": "code_execution_20250825", "name": "code_execution"]], "max_tokens": 500,
            ], terms: .init(perCall: USD(cents: 1)), answer: message),
        Case(
            extra: "tier:fast", kind: .anthropic, path: "/v1/messages", members: ["speed": "fast", "max_tokens": 500],
            terms: .init(factorPermille: 6000), answer: message),
    ]

    private static func allowing(_ extra: String, _ terms: Allowances.Terms) -> (inout GatewaySettings) -> Void {
        { $0.allowances.terms[extra] = terms }
    }

    @Test(arguments: cases) func `an allowed extra is settled at its worst where no answer says its cost`(
        example: Case
    ) async throws {
        let answer = example.answer
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(answer) }
        let allow = Self.allowing(example.extra, example.terms)
        try await withScriptedGateway([upstream], kind: example.kind, keep: allow) { bench in
            var body = JSON.Object([
                .init(key: "model", value: "openai/gpt-4.1-mini"),
                .init(
                    key: example.path == "/v1/responses" ? "input" : "messages",
                    value: [["role": "user", "content": "Hello"]]),
            ])
            for (key, value) in example.members { body[key] = value }
            #expect(try await bench.caller.send("POST", example.path, .object(body)).status == 200)
            let scope = try await bench.quiet()
            // 100 tokens at $0.40 a million and 10 at $1.60.
            let tokens = USD(picodollars: 56_000_000)
            let factor = Int64(example.terms.factorPermille)
            #expect(
                scope.spent.total == USD(picodollars: tokens.picodollars * factor / 1000) + example.terms.perCall)
            let call = try #require(bench.events.calls(.callSettled).first)
            #expect(call.basis == "priced")
            #expect(try #require(call.reserved) >= scope.spent.total)
        }
    }

    /// Answers that were counted, and charged for what nothing here has a price for.
    static let unpriced: [(Upstream.Kind, String, String)] = [
        (.openAI, "/v1/chat/completions", chatAnswer),
        (
            .anthropic, "/v1/messages",
            message.replacing(
                #""output_tokens":10,"#, with: #""output_tokens":10,"server_tool_use":{"web_search_requests":2},"#)
        ),
    ]

    @Test(arguments: unpriced) func `what was charged for more than its tokens is held, not settled at less`(
        kind: Upstream.Kind, path: String, answer: String
    ) async throws {
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(answer) }
        let rates = Pricing.Rates(prompt: USD(picodollars: 400_000), completion: USD(picodollars: 1_600_000))
        let table = Catalogue(models: [Model(id: "m", contextLength: 100_000, pricing: Pricing(rates: rates))])
        try await withScriptedGateway([upstream], kind: kind, pricing: .table(table)) { bench in
            let sent = try await bench.caller.send(
                "POST", path,
                ["model": "m", "messages": [["role": "user", "content": "Hello"]], "max_tokens": 500])
            #expect(sent.status == 200)
            let scope = try await bench.quiet()
            #expect(scope.spent.total == .zero)
            #expect(scope.held == bench.events.calls(.callHeld).first?.reserved)
            #expect(scope.held > .zero)
        }
    }

    @Test func `embeddings are priced by a table that has no price for answers`() async throws {
        let upstream = ScriptedUpstream { _ in
            ScriptedUpstream.Script(
                #"{"object":"list","data":[],"model":"e","usage":{"prompt_tokens":7,"total_tokens":7}}"#)
        }
        let rates = Pricing.Rates(prompt: USD(picodollars: 20_000))
        let table = Catalogue(models: [Model(id: "e", contextLength: 8192, pricing: Pricing(rates: rates))])
        try await withScriptedGateway([upstream], kind: .openAI, pricing: .table(table)) { bench in
            let sent = try await bench.caller.send("POST", "/v1/embeddings", ["model": "e", "input": ["one", "two"]])
            #expect(sent.status == 200)
            #expect(try await bench.quiet().spent.total == USD(picodollars: 20_000 * 7))
            #expect(bench.events.calls(.callSettled).first?.basis == "priced")
        }
    }

    @Test func `reasoning and images are settled at the prices that a table has for them`() async throws {
        let answer =
            #"{"id":"c","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"#
            + #""usage":{"prompt_tokens":1000,"completion_tokens":100,"completion_tokens_details":{"reasoning_tokens":60}}}"#
        let upstream = ScriptedUpstream { _ in ScriptedUpstream.Script(answer) }
        let rates = Pricing.Rates(
            prompt: USD(picodollars: 1_000_000), completion: USD(picodollars: 2_000_000),
            reasoning: USD(picodollars: 5_000_000), image: USD(cents: 1))
        let table = Catalogue(models: [
            Model(id: "m", contextLength: 100_000, maxCompletionTokens: 4000, pricing: Pricing(rates: rates))
        ])
        try await withScriptedGateway([upstream], kind: .openAI, pricing: .table(table)) { bench in
            let image: JSON = ["type": "image_url", "image_url": ["url": "data:image/png;base64,AAAA"]]
            let sent = try await bench.caller.send(
                "POST", "/v1/chat/completions",
                ["model": "m", "messages": [["role": "user", "content": [image, image]]], "max_tokens": 500])
            #expect(sent.status == 200)
            let spent = try await bench.quiet().spent.total
            #expect(spent == USD(picodollars: 1_000_000 * 1000 + 2_000_000 * 40 + 5_000_000 * 60) + USD(cents: 2))
            #expect(try #require(bench.events.calls(.callSettled).first?.reserved) >= spent)
        }
    }

    @Test func `OpenRouter is asked what an extra has cost where its answer does not say it`() async throws {
        let allow = Self.allowing("server_tool:openrouter:web_search", .init(perCall: USD(cents: 5)))
        try await withGateway(keep: allow) { bench in
            let answer = try await bench.caller.send(
                "POST", "/v1/messages",
                [
                    "model": "anthropic/claude-sonnet-4.5", "messages": [["role": "user", "content": "Hello"]],
                    "max_tokens": 500, "stream": true, "tools": [["type": "openrouter:web_search"]],
                ], headers: ["x-simulator-tokens": "50"])
            #expect(answer.status == 200)
            #expect(await eventually(within: .seconds(5)) { bench.events.kinds().last == .callReconciled })
            let spent = try await bench.settled().scope.spent.total
            #expect(spent == bench.simulator.bill.total)
            #expect(bench.events.calls(.callReconciled).first?.basis == "generation")
        }
    }
}
