import Gateway
import NIOCore
import PreflightCore
import Store
import TestSupport
import Testing

/// Adaptive holds follow an answer whose tokens are shorter than those of all answers before it.
@Suite(.timeLimit(.minutes(2))) struct DenseAnswerTests {
    private static let price = USD(picodollars: 1_600_000)

    /// Words of four letters, or digits, each a token and an event; or long words, two of them to an event.
    private static func upstream(digitsEach count: Int, pace: Int64 = 5) -> ScriptedUpstream {
        ScriptedUpstream { request in
            if request.json?["messages"]?[0]?["content"] == "prose" {
                let words = ChatEvent.word("harbours harbours ")
                return .events(Array(repeating: words, count: 300) + [ChatEvent.usage(600), "[DONE]"])
            }
            guard request.json?["messages"]?[0]?["content"] == "digits" else {
                return .events(Array(repeating: ChatEvent.word("word"), count: 20) + [ChatEvent.usage(20), "[DONE]"])
            }
            let digits = ChatEvent.word(String(repeating: "7", count: count))
            return .events(
                Array(repeating: digits, count: 800 / count) + [ChatEvent.usage(800), "[DONE]"],
                pause: .milliseconds(pace * Int64(count)))
        }
    }

    private func send(_ bench: ScriptedBench, _ text: String) async throws -> TestCaller.Answer {
        try await bench.caller.send("POST", "/v1/chat/completions", chat(text, stream: true, maxTokens: 800))
    }

    /// A call that takes all but so much of the budget, and does not end.
    private func take(_ bench: ScriptedBench, allBut rest: USD) async throws -> LedgerGrant? {
        for _ in 0..<50 {
            guard let left = try await bench.standing().headroom, left > rest else { return nil }
            let ask = BudgetAsk(base: left - rest, perOutputToken: .zero, wantedOutput: 1)
            if let grant = try? await bench.ledger.reserve(ask, scope: bench.scope, patience: .zero) { return grant }
        }
        return nil
    }

    @Test func `a long number does not pass the budget`() async throws {
        let limit = Self.price * 100_000
        let limits = BudgetLimits(total: limit, hold: .adaptive)
        // Slowly enough for the rest to be taken meanwhile.
        let upstream = Self.upstream(digitsEach: 1, pace: 15)
        try await withScriptedGateway([upstream], kind: .openAI, limits: limits, threads: 1) { bench in
            for _ in 0..<20 { #expect(try await send(bench, "words").status == 200) }
            _ = try await bench.quiet()
            let first = try #require(try await take(bench, allBut: Self.price * 1000))
            async let running = send(bench, "digits")
            #expect(try await eventually { try await bench.standing().scope.openCalls == 2 })
            let second = try #require(try await take(bench, allBut: .zero))
            let answer = try await running
            #expect(answer.isComplete)
            #expect(answer.text.contains(#""finish_reason":"length""#))
            #expect(await eventually { bench.events.calls(.callSettled).last?.finishReasons == ["budget"] })
            let scope = try await bench.standing().scope
            #expect(scope.openCalls == 2)
            #expect(scope.committed + scope.reserved <= limit)
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(try #require(call.cost) <= call.reserved ?? .zero)
            for grant in [first, second] { await bench.ledger.resolve(grant.call, .released) }
        }
    }

    @Test(arguments: [1, 2]) func `a long number is paid for as it grows`(count: Int) async throws {
        let limits = BudgetLimits(total: USD(cents: 1000), hold: .adaptive)
        let upstream = Self.upstream(digitsEach: count)
        try await withScriptedGateway([upstream], kind: .openAI, limits: limits, threads: 1) { bench in
            for _ in 0..<20 { #expect(try await send(bench, "words").status == 200) }
            #expect(try await send(bench, "digits").status == 200)
            _ = try await bench.quiet()
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(try #require(call.cost) >= Self.price * 800)
            if count == 1 { #expect(call.overrun == nil) }
        }
    }

    @Test func `an answer of long words that is paid up to its cap is not ended`() async throws {
        let limits = BudgetLimits(total: Self.price * 100_000, hold: .adaptive)
        let upstream = Self.upstream(digitsEach: 1)
        try await withScriptedGateway([upstream], kind: .openAI, limits: limits, threads: 1) { bench in
            for _ in 0..<20 { #expect(try await send(bench, "words").status == 200) }
            _ = try await bench.quiet()
            let rest = try #require(try await take(bench, allBut: Self.price * 1000))
            let answer = try await send(bench, "prose")
            #expect(answer.isComplete && !answer.text.contains(#""finish_reason":"length""#))
            #expect(await eventually { bench.events.calls(.callSettled).last?.usage?.completionTokens == 600 })
            let call = try #require(bench.events.calls(.callSettled).last)
            #expect(call.overrun == nil && call.finishReasons != ["budget"])
            await bench.ledger.resolve(rest.call, .released)
        }
    }
}
