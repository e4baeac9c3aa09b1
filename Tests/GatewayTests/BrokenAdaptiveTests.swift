import Gateway
import PreflightCore
import Store
import TestSupport
import Testing

/// Calls that were made streams of, to be followed, and that end in an error.
@Suite(.timeLimit(.minutes(2))) struct BrokenAdaptiveTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var kind: Upstream.Kind
        var path: String
        var body: JSON
        var good: [String]
        var bad: [String]
        var status: Int

        var testDescription: String { "\(path) \(status)" }
    }

    private static let start =
        #"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"#
        + #""usage":{"input_tokens":9,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}}"#
    private static let block = #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#
    private static let text =
        #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(String(repeating: "word", count: 20))"}}"#
    private static let end = [
        #"{"type":"content_block_stop","index":0}"#,
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20}}"#,
        #"{"type":"message_stop"}"#,
    ]
    private static let error = #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#

    private static let messages = Case(
        kind: .anthropic, path: "/v1/messages",
        body: [
            "model": "anthropic/claude-sonnet-4.5", "max_tokens": 2000,
            "messages": [["role": "user", "content": "Hello"]],
        ], good: [start, block, text] + end, bad: [start, error], status: 529)
    private static let responses = Case(
        kind: .openAI, path: "/v1/responses",
        body: ["model": "openai/gpt-4.1-mini", "max_output_tokens": 2000, "input": "Hello"],
        good: [
            #"{"type":"response.output_text.delta","delta":"\#(String(repeating: "word", count: 20))"}"#,
            #"{"type":"response.completed","response":{"id":"r","status":"completed","output":[],"#
                + #""usage":{"input_tokens":9,"output_tokens":20}}}"#,
        ], bad: [#"{"type":"error","code":"server_error","message":"It failed"}"#], status: 500)

    @Test(arguments: [messages, responses]) func `its caller gets the error's own status`(example: Case) async throws {
        let upstream = ScriptedUpstream { request in
            request.json?["stream"] == true && request.json?["user"] == nil
                ? .events(example.bad) : .events(example.good)
        }
        let limits = BudgetLimits(total: USD(cents: 1000), hold: .adaptive)
        try await withScriptedGateway([upstream], kind: example.kind, limits: limits, threads: 1) { bench in
            var body = example.body.object ?? JSON.Object()
            body["user"] = "teacher"
            body["stream"] = true
            for _ in 0..<20 {
                #expect(try await bench.caller.send("POST", example.path, .object(body)).status == 200)
            }
            _ = try await bench.quiet()
            let answer = try await bench.caller.send("POST", example.path, example.body)
            #expect(answer.status == example.status, "\(answer.text)")
            #expect(answer.json?["error"]?["message"]?.string?.isEmpty == false)
            #expect(answer.headers["x-should-retry"] == "false")
            #expect(try await bench.quiet().held > .zero)
            let call = try #require(bench.events.calls(.callHeld).last)
            #expect(call.status == 200 && call.failureStatus == example.status)
        }
    }
}
