import PreflightCore
import Testing

@Suite struct UnkeptLinesTests {
    @Test func `an answer whose first line is kept and whose second is not counts once`() throws {
        func line(_ type: String, _ id: String, at seconds: Int) -> Event {
            let usage: JSON = ["prompt_tokens": 10, "completion_tokens": 1, "cost": .number("0.001")]
            return PolicyFixture.event(.seconds(seconds), .agent, type, ["usage": usage, "responseId": .string(id)])
        }
        var state = TrialState()
        for event in PolicyFixture.beginning + [line("message_end", "one", at: 1)] { state.apply(event) }
        var unkept = UnkeptLines()
        unkept.take(line("tool_execution_end", "one", at: 2), state)
        unkept.take(line("message_end", "two", at: 3), state)
        unkept.take(line("tool_execution_end", "two", at: 4), state)
        let told = unkept.takeFields()
        let fields = try #require(told)
        #expect(fields["cost_usd"]?.usd() == USD(picodollars: 1_000_000_000) && fields["lines"]?.int == 3)
        state.apply(PolicyFixture.event(.seconds(5), .harness, "lines_not_kept", .object(fields)))
        #expect(state.spend == USD(picodollars: 2_000_000_000) && state.usage.promptTokens == 20)
        #expect(state.linesNotKept == 3 && state.turns == 2)
    }
}
