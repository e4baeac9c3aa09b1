import PreflightCore
import Testing

@Suite struct PromptTraceTests {
    private func trace(_ body: String, _ dialect: Dialect = .chat) throws -> PromptTrace {
        PromptTrace(try CallFacts.read(Array(body.utf8), dialect: dialect).prompt)
    }

    private func chat(_ messages: [String], tools: String = #"[{"type":"function","function":{"name":"a"}}]"#) -> String
    {
        let messages = messages.enumerated().map { #"{"role":"user","content":"\#($0.element)"}"# }
        return #"{"model":"m","tools":\#(tools),"messages":[\#(messages.joined(separator: ","))]}"#
    }

    @Test func `a conversation that only grows differs nowhere`() throws {
        let first = try trace(chat(["s", "one"]))
        let later = try trace(chat(["s", "one", "two", "three"]))
        #expect(later.difference(from: first) == nil)
        #expect(later.shared(with: first) == 2)
    }

    @Test(arguments: [
        (["s", "one", "two", "three"], ["s", "ONE", "two", "three", "four"], 2),
        (["s 12:00", "one"], ["s 12:01", "one", "two"], 1),
        (["s", "one", "two"], ["s", "one", "2", "three"], 3),
        // The end was cut off.
        (["s", "one", "two"], ["s", "one"], 3),
    ])
    func `the first message that changed is named`(before: [String], after: [String], number: Int) throws {
        let difference = try trace(chat(after)).difference(from: trace(chat(before)))
        #expect(difference == .message(number, isExact: true))
    }

    @Test func `other tools come before all messages, and so does a system prompt beside them`() throws {
        let before = try trace(chat(["s", "one"]))
        let after = try trace(chat(["s", "ONE"], tools: #"[{"type":"function","function":{"name":"b"}}]"#))
        #expect(after.difference(from: before) == .tools)
        func anthropic(_ system: String) throws -> PromptTrace {
            try trace(
                #"{"model":"m","max_tokens":9,"system":"\#(system)","messages":[{"role":"user","content":"x"}]}"#,
                .messages)
        }
        #expect(try anthropic("at 12:01").difference(from: anthropic("at 12:00")) == .system)
        #expect(try anthropic("same").difference(from: anthropic("same")) == nil)
    }

    @Test func `a mark for the cache that moves along is no change, and is seen`() throws {
        func marked(_ texts: [String], at place: Int) throws -> PromptTrace {
            let messages = texts.enumerated().map { index, text in
                let mark = index == place ? #","cache_control":{"type":"ephemeral"}"# : ""
                return #"{"role":"user","content":[{"type":"text","text":"\#(text)"\#(mark)}]}"#
            }
            return try trace(#"{"model":"m","messages":[\#(messages.joined(separator: ","))]}"#)
        }
        let first = try marked(["a", "b"], at: 1)
        #expect(try marked(["a", "b", "c"], at: 2).difference(from: first) == nil)
        #expect(first.isMarked)
        #expect(try !trace(chat(["a"])).isMarked)
        #expect(try trace(#"{"model":"m","cache_control":{"type":"ephemeral"},"messages":[]}"#).isMarked)
    }

    @Test func `a long conversation keeps its end and its first message, and is bounded in its event`() throws {
        let texts = (0..<500).map { "message \($0)" }
        let before = try trace(chat(texts))
        #expect(before.chain.count == PromptTrace.chainLimit)
        #expect(before.json.text.utf8.count < 400)
        #expect(try trace(chat(texts + ["more"])).difference(from: before) == nil)
        var edited = texts
        edited[100] = "shortened"
        let difference = try #require(try trace(chat(edited + ["more"])).difference(from: before))
        // Only that it is behind the first message, and before what is kept.
        #expect(difference == .message(2, isExact: false))
    }

    @Test func `it is read back from an event as it was written`() throws {
        for body in [chat([]), chat(["a"]), chat((0..<60).map { "\($0)" }, tools: "[]")] {
            let trace = try trace(body)
            #expect(PromptTrace(json: try JSON.parse(trace.json.text)) == trace)
        }
        #expect(PromptTrace(json: ["messages": 1, "chain": "xyz"]) == nil)
        #expect(PromptTrace(json: ["messages": 1, "chain": "000001000002"]) == nil)
        #expect(PromptTrace(json: ["messages": -1]) == nil)
    }
}
