import PreflightCore
import Testing

@Suite struct RefusalTests {
    private let exhausted = Refusal.budgetExhausted(
        scope: "trial llama", limit: USD(cents: 15), spent: USD(picodollars: 149_999_999_999),
        needed: USD(picodollars: 86_000_001))

    @Test(arguments: [Dialect.chat, .completions, .embeddings, .responses])
    func `OpenAI's shape has a code that is a word, and exact amounts`(dialect: Dialect) {
        let body = exhausted.body(in: dialect, requestID: "req")
        #expect(
            body.text
                == #"{"error":{"message":"The budget of trial llama is used up: $0.15 of $0.15 spent or reserved, $0.000086 needed","type":"billing_error","param":null,"code":"budget_exhausted","metadata":{"scope":"trial llama","limit":0.15,"spent":0.149999999999,"needed":0.000086000001}}}"#
        )
        #expect(exhausted.status == 402)
    }

    @Test func `Anthropic's shape has the documented types`() {
        let body = exhausted.body(in: .messages, requestID: "req_1")
        #expect(body["type"] == "error" && body["request_id"] == "req_1")
        #expect(body["error"]?["type"] == "billing_error")
        #expect(body["error"]?["metadata"]?["needed"]?.numberText == "0.000086000001")
        let types: [(Refusal, Int, JSON)] = [
            (.invalid("x"), 400, "invalid_request_error"), (.unauthenticated("x"), 401, "authentication_error"),
            (.forbidden("x"), 403, "permission_error"), (.unknownModel("x"), 404, "not_found_error"),
            (.unknownPrice("x"), 404, "not_found_error"), (.unknownPath("x"), 404, "not_found_error"),
            (.tooLarge(limit: 5), 413, "request_too_large"), (.unsupportedMedia("x"), 415, "invalid_request_error"),
            (.unprocessable("x", param: "n"), 422, "invalid_request_error"),
            (.rateLimited("x", retryAfter: 1), 429, "rate_limit_error"),
            (.upstreamFailed("u", "x"), 502, "api_error"),
            (.unavailable("x", retryAfter: nil), 503, "overloaded_error"),
            (.upstreamTimedOut("u", "x"), 504, "timeout_error"),
        ]
        for (refusal, status, type) in types {
            #expect(refusal.status == status)
            #expect(refusal.body(in: .messages)["error"]?["type"] == type)
            #expect(refusal.body(in: .messages)["request_id"] == .null)
            #expect(refusal.body(in: .chat)["error"]?["code"]?.string?.isEmpty == false)
        }
    }

    @Test func `clients are told whether to ask again, and whose fault it was`() {
        #expect(exhausted.headers.map(\.value) == ["false"])
        let busy = Refusal.rateLimited("x", retryAfter: 7)
        #expect(busy.headers.map { "\($0.name): \($0.value)" } == ["x-should-retry: true", "Retry-After: 7"])
        #expect(Refusal.upstreamTimedOut("u", "x").headers.map(\.value) == ["false"])
        let failed = Refusal.upstreamFailed("openrouter", "x").body(in: .chat)["error"]
        #expect(failed?["metadata"]?["upstream"] == "openrouter")
        #expect(failed?["type"] == "upstream_error")
        #expect(Refusal.unavailable("x", retryAfter: 1).body(in: .chat)["error"]?["metadata"] == nil)
    }
}
