import PreflightCore
import Testing

@Suite struct CacheWatchTests {
    private static let rates = Pricing.Rates(
        prompt: USD(picodollars: 1_000_000), cacheRead: USD(picodollars: 100_000))

    private func call(
        _ prompt: PromptTrace?, tokens: Int = 5000, cached: Int = 0, model: String = "openai/gpt-4.1-mini",
        provider: String = "OpenAI", at seconds: Int = 0, rates: Pricing.Rates? = rates
    ) -> CacheWatch.Call {
        CacheWatch.Call(
            source: ModelSource(model: model), provider: provider,
            usage: Usage(promptTokens: tokens, cachedTokens: cached), prompt: prompt, startedAt: .seconds(seconds),
            endedAt: .seconds(seconds + 1), rates: rates)
    }

    private func prompt(_ chain: [UInt32], tools: UInt32? = 7, system: UInt32? = nil, isMarked: Bool = false)
        -> PromptTrace
    {
        PromptTrace(
            tools: tools, system: system, opening: chain.first, messages: chain.count, chain: chain, isMarked: isMarked)
    }

    private func judge(_ first: CacheWatch.Call, _ second: CacheWatch.Call) -> CacheWatch.Judgement {
        var watch = CacheWatch()
        #expect(watch.take(first).verdict == .first)
        return watch.take(second)
    }

    @Test func `what was read is a hit, and misses nothing`() {
        let judged = judge(call(prompt([1, 2])), call(prompt([1, 2, 3]), tokens: 5200, cached: 4864, at: 2))
        #expect(judged == .init(verdict: .hit))
    }

    @Test(arguments: [
        (PromptTrace(tools: 8, opening: 1, messages: 3, chain: [1, 2, 3]), CacheVerdict.toolsChanged),
        (PromptTrace(tools: 7, system: 3, opening: 1, messages: 3, chain: [1, 2, 3]), .systemChanged),
        (PromptTrace(tools: 7, opening: 1, messages: 3, chain: [1, 9, 3]), .messageChanged(2, isExact: true)),
        (PromptTrace(tools: 7, opening: 5, messages: 3, chain: [5, 9, 3]), .messageChanged(1, isExact: true)),
        (PromptTrace(tools: 7, opening: 1, messages: 3, chain: [1, 2, 3]), .unexplained),
    ])
    func `the first part that differs is the cause, and what could have been read is counted`(
        second: PromptTrace, verdict: CacheVerdict
    ) {
        let judged = judge(call(prompt([1, 2])), call(second, tokens: 6000, cached: 1024, at: 2))
        #expect(judged == .init(verdict: verdict, missedTokens: 3976))
    }

    @Test func `provider, time, size, marks and prices are causes where the beginning is the same`() {
        let (first, second) = (prompt([1, 2]), prompt([1, 2, 3]))
        #expect(judge(call(first), call(second, provider: "Azure", at: 2)).verdict == .providerChanged)
        #expect(judge(call(first), call(second, at: 900)).verdict == .tooLate)
        #expect(judge(call(first, tokens: 1000), call(second, tokens: 1100, at: 2)).verdict == .tooShort)
        #expect(
            judge(
                call(first, rates: Pricing.Rates(prompt: USD(cents: 1))),
                call(second, at: 2, rates: Pricing.Rates(prompt: USD(cents: 1)))
            )
            .verdict == .noCache)
        let claude = "anthropic/claude-sonnet-4.5"
        #expect(judge(call(first, model: claude), call(second, model: claude, at: 2)).verdict == .unmarked)
        let marked = (prompt([1, 2], isMarked: true), prompt([1, 2, 3], isMarked: true))
        #expect(judge(call(marked.0, model: claude), call(marked.1, model: claude, at: 2)).verdict == .unexplained)
    }

    @Test func `without the prompt usage tells that nothing was read, and no cause`() {
        #expect(judge(call(nil), call(nil, at: 2)) == .init(verdict: .untold, missedTokens: 5000))
        #expect(judge(call(nil), call(nil, cached: 4992, at: 2)).verdict == .hit)
    }

    @Test func `conversations side by side are each held against their own past`() {
        var watch = CacheWatch()
        #expect(watch.take(call(prompt([1, 2, 3, 4]))).verdict == .first)
        // Another one begins, shorter and in another way.
        #expect(watch.take(call(prompt([50, 51]), at: 2)).verdict == .first)
        #expect(watch.take(call(prompt([1, 2, 3, 4, 5]), cached: 4900, at: 4)).verdict == .hit)
        #expect(watch.take(call(prompt([50, 51, 52]), at: 6)).verdict == .unexplained)
        // Another model has a cache of its own.
        #expect(watch.take(call(prompt([1, 2, 3, 4, 5, 6]), model: "openai/gpt-5-mini", at: 8)).verdict == .first)
    }

    @Test func `hashes of another process are not compared`() {
        var watch = CacheWatch()
        _ = watch.take(call(prompt([1, 2])))
        watch.forget()
        #expect(watch.take(call(prompt([8, 9, 10]), at: 2)).verdict == .first)
    }

    @Test(arguments: [
        ("anthropic/claude-opus-4.6", 4096, true), ("anthropic/claude-haiku-4.5", 4096, true),
        ("anthropic/claude-3.5-haiku", 2048, true), ("anthropic/claude-sonnet-4.5", 1024, true),
        ("google/gemini-2.5-pro", 4096, false), ("google/gemini-2.5-flash", 1024, false),
        ("openai/gpt-5", 1024, false), ("z-ai/glm-4.6", 1024, false),
    ])
    func `providers' least tokens and marks are those of the table`(model: String, least: Int, needsMark: Bool) {
        let habits = CacheHabits(model: model)
        #expect(habits.leastTokens == least && habits.needsMark == needsMark)
    }
}
