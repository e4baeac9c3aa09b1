import Gateway
import PreflightCore
import Simulator
import Store
import Testing

@Suite struct CallTests {
    @Test func `a call is reserved, sent with a bounded answer, and settled at what the provider charged`() async throws
    {
        try await withGateway { bench in
            let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            #expect(answer.status == 200)
            #expect(answer.json?["choices"]?[0]?["message"]?["content"]?.string?.isEmpty == false)
            let bill = bench.simulator.bill.total
            #expect(bill > .zero)
            #expect(answer.money("x-preflight-cost") == bill)
            let standing = try await bench.settled()
            #expect(standing.scope.spent.total == bill)
            #expect(answer.money("x-preflight-remaining") == USD(cents: 100) - bill)
            #expect(bench.events.kinds() == [.callReserved, .callSettled])
            #expect(bench.events.calls(.callSettled).first?.cost == bill)
        }
    }

    @Test func `a stream passes as it came, and is settled by its last chunk`() async throws {
        try await withGateway { bench in
            let answer = try await bench.caller.send("POST", "/api/v1/chat/completions", chat(stream: true))
            #expect(answer.status == 200)
            #expect(answer.isComplete)
            #expect(answer.text.hasSuffix("data: [DONE]\n\n"))
            #expect(try await bench.settled().scope.spent.total == bench.simulator.bill.total)
            let call = try #require(bench.events.calls(.callSettled).first)
            #expect(call.isStreamed)
            #expect(call.timeToFirstToken != nil)
            #expect(call.usage != nil)
        }
    }

    @Test func `a budget that is used up refuses with 402, in the caller's dialect, and not to be retried`()
        async throws
    {
        try await withGateway(BudgetLimits(total: USD(picodollars: 1000))) { bench in
            let chatAnswer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
            #expect(chatAnswer.status == 402)
            #expect(chatAnswer.headers["x-should-retry"] == "false")
            let error = chatAnswer.json?["error"]
            #expect(error?["code"] == "budget_exhausted")
            #expect(error?["metadata"]?["scope"] == "trial")
            #expect(error?["metadata"]?["limit"]?.usd() == USD(picodollars: 1000))
            let message = try await bench.caller.send(
                "POST", "/v1/messages",
                [
                    "model": "anthropic/claude-sonnet-4.5", "max_tokens": 64,
                    "messages": [["role": "user", "content": "Hi"]],
                ], headers: ["x-api-key": bench.key])
            #expect(message.status == 402)
            #expect(message.json?["type"] == "error")
            #expect(message.json?["error"]?["type"] == "billing_error")
            #expect(bench.simulator.bill.total == .zero)
            #expect(bench.events.kinds() == [.callRefused, .callRefused])
        }
    }
}
