import PreflightCore
import TestSupport
import Testing

@Suite struct ShownOutputTests {
    /// - Parameter bytes: of text, reasoning included.
    private func answer(
        tokens: Int, reasoning: Int = 0, bytes: Int, reasoningBytes: Int = 0, tools: Int = 0
    ) -> AnswerFacts {
        var meter = StreamMeter(dialect: .chat)
        for index in 0..<tools {
            let call = #"{"index":\#(index),"function":{"name":"look","arguments":""}}"#
            let event = #"data: {"choices":[{"index":0,"delta":{"tool_calls":[\#(call)]}}]}"# + "\n\n"
            Array(event.utf8).withUnsafeBytes { meter.feed($0) { _ in } }
        }
        var answer = meter.facts
        answer.tally.promptTokens = 10
        answer.tally.completionTokens = tokens
        answer.tally.reasoningTokens = reasoning
        answer.usageIsFinal = true
        answer.producedBytes = bytes
        answer.reasoningBytes = reasoningBytes
        return answer
    }

    private func learning(_ answers: AnswerFacts..., wish: ReasoningWish = .unsaid, isRead: Bool = true) -> ShownOutput
    {
        var learning = ShownOutput()
        for answer in answers { learning.settle(answer, model: "m", wish, isRead: isRead) }
        return learning
    }

    @Test func `nothing is known of a model before an answer of it was settled`() {
        let learning = learning()
        #expect(!learning.shows("m", .unsaid))
        #expect(!learning.hides("m", .unsaid))
        #expect(learning.hides("m", .wanted))
    }

    @Test func `text that stands for all that was billed shows it`() {
        let learning = learning(answer(tokens: 100, bytes: 400))
        #expect(learning.shows("m", .unsaid))
        #expect(!learning.hides("m", .unsaid))
        // Of reasoning, and of another model, that says nothing.
        #expect(!learning.shows("m", .wanted))
        #expect(!learning.shows("n", .unsaid))
        #expect(!learning.shows("m", .unshown))
    }

    @Test func `reasoning that is billed and was not sent is hidden, and stays known`() {
        let reasoned = answer(tokens: 130, reasoning: 30, bytes: 400)
        #expect(learning(reasoned).hides("m", .unsaid))
        let shown = answer(tokens: 100, bytes: 400)
        let learning = learning(shown, reasoned, shown)
        #expect(learning.hides("m", .unsaid))
        #expect(!learning.shows("m", .unsaid))
    }

    @Test func `reasoning that nobody counts is seen by what the text cannot stand for`() {
        #expect(learning(answer(tokens: 1000, bytes: 400)).hides("m", .unsaid))
        // A summary is not the reasoning.
        #expect(learning(answer(tokens: 1000, bytes: 500, reasoningBytes: 300), wish: .wanted).hides("m", .wanted))
        // Tools without arguments are framing, and a few tokens without text too.
        #expect(!learning(answer(tokens: 300, bytes: 20, tools: 8)).hides("m", .unsaid))
        #expect(!learning(answer(tokens: 60, bytes: 2)).hides("m", .unsaid))
        // Text of short words, or of letters that take several bytes.
        #expect(!learning(answer(tokens: 900, bytes: 1500)).hides("m", .unsaid))
    }

    @Test func `reasoning that was sent is shown`() {
        let learning = learning(
            answer(tokens: 1000, reasoning: 900, bytes: 4000, reasoningBytes: 3600), wish: .wanted)
        #expect(learning.shows("m", .wanted))
        #expect(!learning.hides("m", .wanted))
        // What it does when nothing was said of reasoning is another thing.
        #expect(!learning.shows("m", .unsaid))
    }

    @Test func `an answer without reasoning says nothing of one with it`() {
        let learning = learning(answer(tokens: 100, bytes: 400), wish: .wanted)
        #expect(!learning.shows("m", .wanted))
        #expect(learning.hides("m", .wanted))
    }

    @Test func `an answer whose text was not read hides its reasoning, unless that was shown before`() {
        let reasoned = answer(tokens: 1000, reasoning: 900, bytes: 0)
        #expect(learning(reasoned, isRead: false).hides("m", .unsaid))
        #expect(!learning(answer(tokens: 1000, bytes: 0), isRead: false).hides("m", .unsaid))
        var learning = learning(answer(tokens: 1000, reasoning: 900, bytes: 4000, reasoningBytes: 3600))
        learning.settle(reasoned, model: "m", .unsaid, isRead: false)
        #expect(learning.shows("m", .unsaid))
    }

    @Test func `counts that are not final and answers that were to leave reasoning out teach nothing`() {
        var unfinished = answer(tokens: 1000, bytes: 0)
        unfinished.usageIsFinal = false
        #expect(!learning(unfinished).hides("m", .unsaid))
        #expect(!learning(answer(tokens: 1000, bytes: 0), wish: .unshown).hides("m", .unsaid))
    }

    @Test func `models beyond those that are kept are taken as hiding something`() {
        var learning = ShownOutput(capacity: 1)
        learning.settle(answer(tokens: 100, bytes: 400), model: "m", .unsaid, isRead: true)
        learning.settle(answer(tokens: 100, bytes: 400), model: "n", .unsaid, isRead: true)
        #expect(learning.shows("m", .unsaid))
        #expect(!learning.shows("n", .unsaid))
        #expect(learning.hides("n", .unsaid))
    }

    @Test(
        arguments: [
            (.chat, "", .unsaid),
            (.chat, #","reasoning_effort":"high""#, .wanted),
            (.chat, #","reasoning_effort":"none""#, .unsaid),
            (.chat, #","reasoning_effort":null"#, .unsaid),
            (.chat, #","reasoning":{"effort":"low"}"#, .wanted),
            (.chat, #","reasoning":{"max_tokens":2000,"exclude":true}"#, .unshown),
            (.chat, #","reasoning":{"enabled":false}"#, .unsaid),
            (.chat, #","include_reasoning":true"#, .wanted),
            (.chat, #","include_reasoning":false,"reasoning_effort":"high""#, .unshown),
            (.responses, #","reasoning":{"effort":"medium","summary":"auto"}"#, .wanted),
            (.messages, #","thinking":{"type":"enabled","budget_tokens":2000}"#, .wanted),
            (.messages, #","thinking":{"type":"adaptive","display":"omitted"}"#, .unshown),
            (.messages, #","thinking":{"type":"disabled"}"#, .unsaid),
        ] as [(Dialect, String, ReasoningWish)])
    func `what a request says of reasoning is read`(dialect: Dialect, members: String, wish: ReasoningWish) throws {
        let body = #"{"model":"m","messages":[{"role":"user","content":"x"}]\#(members)}"#
        #expect(try CallFacts.read(Array(body.utf8), dialect: dialect).reasoning == wish)
    }

    @Test func `a name that asks for thinking is a wish`() throws {
        let body = #"{"model":"a/m:thinking","messages":[{"role":"user","content":"x"}]}"#
        #expect(try CallFacts.read(Array(body.utf8), dialect: .chat).reasoning == .wanted)
    }

    @Test func `bytes of reasoning are counted apart in every dialect`() {
        func facts(_ dialect: Dialect, _ event: String) -> AnswerFacts {
            var meter = StreamMeter(dialect: dialect)
            Array("data: \(event)\n\n".utf8).withUnsafeBytes { meter.feed($0) { _ in } }
            return meter.facts
        }
        let chat = facts(.chat, #"{"choices":[{"index":0,"delta":{"content":"abc","reasoning_content":"think"}}]}"#)
        #expect(chat.reasoningBytes == 5 && chat.producedBytes == 8)
        let escaped = facts(.chat, #"{"choices":[{"index":0,"delta":{"content":"abc","\u0072easoning":"think"}}]}"#)
        #expect(escaped.reasoningBytes == 5 && escaped.producedBytes == 8)
        let messages = facts(
            .messages, #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"think"}}"#
        )
        #expect(messages.reasoningBytes == 5 && messages.producedBytes == 5)
        let responses = facts(
            .responses, #"{"type":"response.reasoning_summary_text.delta","delta":"think","sequence_number":4}"#)
        #expect(responses.reasoningBytes == 5 && responses.producedBytes == 5)
    }
}
