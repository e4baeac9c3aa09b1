import Gateway
import PreflightCore
import Store
import TestSupport
import Testing

/// What a provider bills and no text shows: where nothing says how much it is, the call is held in full.
@Suite struct UnseenOutputTests {
    private static let model = LoadTests.PassageTests.model
    /// What the model costs for a token of output.
    private static let price = USD(picodollars: 1_600_000)

    struct Break: Sendable, CustomTestStringConvertible {
        var name: String
        var dialect = Dialect.chat
        var isStreamed = true
        var events: [String]
        var testDescription: String { name }

        static let all = [
            Break(
                name: "a response that has begun", dialect: .responses,
                events: [#"{"type":"response.created","response":{"id":"r","status":"in_progress","usage":null}}"#]),
            Break(
                name: "a message that has begun", dialect: .messages,
                events: [
                    #"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#,
                    #"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
                ]),
            Break(name: "a chat that has begun", events: [#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#]),
            Break(name: "a model that nothing is known of", events: [ChatEvent.word("Hi")]),
            Break(
                name: "a whole answer that is cut", isStreamed: false,
                events: [UnseenOutputTests.half]),
        ]
    }

    private static let half = #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","ref"#

    private static func cut(_ events: [String], isStreamed: Bool = true) -> ScriptedUpstream.Script {
        if isStreamed {
            var script = ScriptedUpstream.Script.events(events, ends: false)
            script.closes = true
            return script
        }
        // Ended by the connection, so that nothing but the JSON tells that it is not all.
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        return ScriptedUpstream.Script(portions: [Array((head + events.joined()).utf8)], closes: true)
    }

    @Test(arguments: Break.all)
    func `a call that breaks where more may have been made than is seen is held in full`(broken: Break) async throws {
        let upstream = ScriptedUpstream { _ in Self.cut(broken.events, isStreamed: broken.isStreamed) }
        let kind: Upstream.Kind = broken.dialect == .messages ? .anthropic : .openAI
        try await withScriptedGateway([upstream], kind: kind) { bench in
            let (path, body) = LoadTests.PassageTests.request(broken.dialect, stream: broken.isStreamed)
            _ = try await bench.caller.send("POST", path, body)
            let scope = try await bench.quiet()
            let call = try #require(bench.events.calls(.callHeld).first)
            #expect(scope.spent.total == .zero && scope.reserved == .zero)
            #expect(scope.held == call.reserved && scope.held >= Self.price * 4000)
        }
    }

    /// An upstream whose answers follow the first word of the prompt.
    private func upstream() -> ScriptedUpstream {
        let text = ChatEvent.word(String(repeating: "word ", count: 80))
        return ScriptedUpstream { request in
            switch request.json?["messages"]?[0]?["content"]?.string {
            case "plain": .events([text, ChatEvent.usage(100), "[DONE]"])
            case "hidden": .events([text, ChatEvent.usage(1000, reasoning: 900), "[DONE]"])
            case "shown":
                .events([
                    ChatEvent.word("", reasoning: String(repeating: "hm, ", count: 900)), text,
                    ChatEvent.usage(1000, reasoning: 900), "[DONE]",
                ])
            case "half": Self.cut([Self.half], isStreamed: false)
            case "counted": Self.cut([text, Self.running])
            default: Self.cut([text])
            }
        }
    }

    private static let running =
        #"{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":9,"completion_tokens":700}}"#

    private func send(_ bench: ScriptedBench, _ text: String, _ members: JSON.Object = JSON.Object()) async throws {
        var body = chat(text, stream: true, maxTokens: 4000).object ?? JSON.Object()
        for member in members.members { body.append(member.key, member.value) }
        _ = try await bench.caller.send("POST", "/v1/chat/completions", .object(body))
        _ = try await bench.quiet()
    }

    @Test func `once an answer's text has stood for its cost, one that breaks is charged by its text`() async throws {
        try await withScriptedGateway([upstream()], kind: .openAI, threads: 1) { bench in
            try await send(bench, "plain")
            try await send(bench, "broken")
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(call.basis == "estimated")
            let cost = try #require(call.cost)
            #expect(cost >= Self.price * 100 && cost <= Self.price * 400)
            #expect(try await bench.standing().scope.held == .zero)
        }
    }

    @Test func `an answer that is no stream and is cut was made as a whole, whatever is known of its model`()
        async throws
    {
        try await withScriptedGateway([upstream()], kind: .openAI, threads: 1) { bench in
            for text in ["plain", "half"] { try await send(bench, text) }
            #expect(bench.events.kinds().last == .callHeld)
            #expect(try await bench.standing().scope.held >= Self.price * 4000)
        }
    }

    @Test func `a model that was seen to bill what it does not show is not charged by its text`() async throws {
        try await withScriptedGateway([upstream()], kind: .openAI, threads: 1) { bench in
            for text in ["plain", "hidden", "plain", "broken"] { try await send(bench, text) }
            #expect(bench.events.kinds().last == .callHeld)
            #expect(try await bench.standing().scope.held >= Self.price * 4000)
        }
    }

    @Test func `where reasoning is wanted, text counts only once reasoning was seen in it`() async throws {
        let wish = JSON.record(["reasoning_effort": "high"]).object ?? JSON.Object()
        try await withScriptedGateway([upstream()], kind: .openAI, threads: 1) { bench in
            try await send(bench, "plain")
            try await send(bench, "broken", wish)
            #expect(bench.events.kinds().last == .callHeld)
            try await send(bench, "shown", wish)
            try await send(bench, "broken", wish)
            #expect(bench.events.calls(.callSettled).last?.basis == "estimated")
        }
    }

    @Test func `counts that come with the answer are charged although its text shows less`() async throws {
        try await withScriptedGateway([upstream()], kind: .openAI, threads: 1) { bench in
            try await send(bench, "counted")
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(call.basis == "estimated")
            let cost = try #require(call.cost)
            #expect(cost >= Self.price * 700 && cost < Self.price * 800)
        }
    }
}
