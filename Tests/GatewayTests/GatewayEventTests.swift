import Gateway
import PreflightCore
import Testing

@Suite struct GatewayEventTests {
    private func told(_ usage: Usage) throws -> JSON {
        var call = GatewayEvent.Call(dialect: .messages, model: "m")
        call.usage = usage
        return try #require(GatewayEvent(.callSettled, key: nil, listener: "models", call: call).fields["usage"])
    }

    @Test func `a settled call tells every count, and whoever reads them has the same usage`() throws {
        let usage = Usage(
            promptTokens: 40, completionTokens: 3, cachedTokens: 5, cacheWriteTokens: 20, cacheWrite1hTokens: 8,
            reasoningTokens: 1)
        let json = try told(usage)
        #expect(json["cache_write_tokens"] == 20 && json["cache_write_1h_tokens"] == 8)
        #expect(Usage(counts: json) == usage)
        #expect(try told(Usage(promptTokens: 1)).object?.keys == ["prompt_tokens", "completion_tokens"])
    }

    @Test func `counts of a log that somebody edited stay in their range`() {
        let json: JSON = ["prompt_tokens": -5, "cached_tokens": .number("1e18"), "reasoning_tokens": "many"]
        #expect(Usage(counts: json) == Usage(cachedTokens: 1_000_000_000))
        #expect(Usage(counts: "none") == nil)
    }
}
