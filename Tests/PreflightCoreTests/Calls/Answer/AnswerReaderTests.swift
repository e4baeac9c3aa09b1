import PreflightCore
import TestSupport
import Testing

@Suite struct AnswerReaderTests {
    @Test(arguments: CapturedAnswer.bodies)
    func `a recorded body's facts are those of its tree`(capture: CapturedAnswer) throws {
        let bytes = try capture.bytes()
        let tree = try JSON.parse(bytes)
        let facts = AnswerReader.facts(in: bytes, dialect: capture.dialect)
        #expect(facts.isFinished)
        #expect(facts.usage == (try capture.expectedUsage()))
        #expect(facts.id == tree["id"]?.string)
        #expect(facts.model == tree["model"]?.string)
        #expect(facts.provider == tree["provider"]?.string)
        #expect((facts.error == nil) == (tree["error"] == nil || tree["error"] == .null))
        if let cost = tree["usage"]?["cost"]?.usd(), tree["usage"]?["is_byok"]?.bool != true {
            #expect(facts.charge(prices: nil) == Charge(amount: cost, basis: .stated))
        }
        if let reason = tree["choices"]?[0]?["finish_reason"]?.string { #expect(facts.finishReasons == [reason]) }
        let calls = tree["choices"]?[0]?["message"]?["tool_calls"]?.array ?? []
        #expect(facts.toolNames == calls.compactMap { $0["function"]?["name"]?.string })
    }

    @Test func `a body that is cut has no usage that counts`() throws {
        let capture = try #require(CapturedAnswer.bodies.first { $0.path.contains("tool_calling") })
        let bytes = try capture.bytes()
        let end = bytes.count - bytes.reversed().prefix { $0 <= 0x20 }.count
        for count in 0..<end {
            let facts = AnswerReader.facts(in: Array(bytes.prefix(count)), dialect: .chat)
            #expect(!facts.isFinished)
            #expect(facts.charge(prices: nil) == nil)
        }
    }

    @Test func `embeddings, messages and errors inside a success are read`() {
        let embedding = AnswerReader.facts(
            in: Array(
                #"{"object":"list","data":[{"embedding":[0.1,-2e-3],"index":0}],"model":"e","usage":{"prompt_tokens":4,"total_tokens":4}}"#
                    .utf8), dialect: .embeddings)
        #expect(
            embedding.charge(prices: Pricing(rates: .init(prompt: USD(picodollars: 2), completion: .zero)))
                == Charge(amount: USD(picodollars: 8), basis: .priced))
        let message = AnswerReader.facts(
            in: Array(
                #"{"id":"msg_1","type":"message","model":"c","content":[{"type":"text","text":"hé"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_creation_input_tokens":10,"cache_read_input_tokens":5,"output_tokens":2}}"#
                    .utf8), dialect: .messages)
        #expect(
            message.usage
                == Usage(promptTokens: 18, completionTokens: 2, cachedTokens: 5, cacheWriteTokens: 10))
        #expect(message.toolNames == ["f"] && message.finishReasons == ["tool_use"])
        #expect(message.usageIsFinal)
        let failed = AnswerReader.facts(
            in: Array(
                #"{"choices":[{"error":{"code":502,"message":"m"},"finish_reason":"error","index":0,"message":{"content":"x"}}]}"#
                    .utf8), dialect: .chat)
        #expect(failed.error == AnswerError(code: "502", message: "m"))
        #expect(failed.charge(prices: nil) == nil)
    }
}
