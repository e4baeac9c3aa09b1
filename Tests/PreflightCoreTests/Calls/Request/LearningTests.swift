import PreflightCore
import TestSupport
import Testing

@Suite struct LearningTests {
    private func conversation(_ turns: [String], _ members: String = "", model: String = "m") throws -> CallFacts {
        let messages = turns.map { #"{"role":"user","content":"\#($0)"}"# }.joined(separator: ",")
        return try facts(#"{"model":"\#(model)","messages":[\#(messages)]\#(members)}"#)
    }

    private let long = String(repeating: "the words of a long turn ", count: 400)

    @Test func `a call that continues a known one is bounded by its tokens and the rest`() throws {
        var learning = PromptLearning()
        let first = try conversation([long])
        learning.settle(first, promptTokens: 2_005)
        let second = try conversation([long, "done", "and now"])
        let bound = try #require(learning.tokenBound(of: second))
        #expect(bound >= 2_005 + 6)
        #expect(bound < 2_005 + PromptLearning.margin + 40)
        #expect(try #require(second.prompt.tokenBound(models: ["m"])) > 4_000)
    }

    @Test func `messages beside what is embedded teach and know nothing`() throws {
        var learning = PromptLearning()
        func embedding(_ input: String) throws -> CallFacts {
            try facts(#"{"model":"m","messages":[{"role":"user","content":"a"}],"input":"\#(input)"}"#, .embeddings)
        }
        learning.settle(try embedding("b"), promptTokens: 3)
        #expect(learning.tokenBound(of: try embedding(long)) == nil)
    }

    @Test func `the longest known beginning counts`() throws {
        var learning = PromptLearning()
        learning.settle(try conversation(["a"]), promptTokens: 50)
        learning.settle(try conversation(["a", long]), promptTokens: 2_000)
        let bound = try #require(learning.tokenBound(of: conversation(["a", long, "b"])))
        #expect((2_000..<2_100).contains(bound))
    }

    @Test func `nothing is known of another model, system, tool or order`() throws {
        var learning = PromptLearning()
        learning.settle(try conversation(["a", "b"], #","system":"s","tools":[]"#), promptTokens: 50)
        #expect(learning.tokenBound(of: try conversation(["a", "b", "c"], #","system":"s","tools":[]"#)) != nil)
        #expect(learning.tokenBound(of: try conversation(["a", "b", "c"], #","tools":[],"system":"s""#)) != nil)
        #expect(learning.tokenBound(of: try conversation(["a", "b"], #","system":"t","tools":[]"#)) == nil)
        #expect(learning.tokenBound(of: try conversation(["a", "b"], #","system":"s","tools":[{"name":"x"}]"#)) == nil)
        #expect(learning.tokenBound(of: try conversation(["b", "a"], #","system":"s","tools":[]"#)) == nil)
        #expect(learning.tokenBound(of: try conversation(["a"], #","system":"s","tools":[]"#)) == nil)
        let other = try conversation(["a", "b"], #","system":"s","tools":[]"#, model: "n")
        #expect(learning.tokenBound(of: other) == nil)
    }

    @Test func `limits, streams and ends of users do not matter`() throws {
        var learning = PromptLearning()
        learning.settle(try conversation(["a", "b"], #","max_tokens":5"#), promptTokens: 50)
        #expect(
            learning.tokenBound(of: try conversation(["a", "b"], #","stream":true,"user":"u","max_tokens":9"#)) != nil)
    }

    @Test func `a mark for a cache that moves along does not hide the beginning`() throws {
        func body(_ first: String, _ rest: String) throws -> CallFacts {
            let part = #"{"role":"user","content":[{"type":"text","text":"\#(long)"\#(first)}]}"#
            return try facts(#"{"model":"m","messages":[\#(part)\#(rest)]}"#, .messages)
        }
        var learning = PromptLearning()
        learning.settle(try body(#","cache_control":{"type":"ephemeral"}"#, ""), promptTokens: 2_000)
        let next = try body("", #",{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}]}"#)
        #expect(try #require(learning.tokenBound(of: next)) < 2_200)
    }

    @Test func `calls with fallbacks or open ends teach and know nothing`() throws {
        var learning = PromptLearning()
        let fallback = try conversation(["a"], #","models":["b"]"#)
        learning.settle(fallback, promptTokens: 50)
        #expect(learning.tokenBound(of: fallback) == nil)
        let open = try conversation(["a"], #","conversation":"c""#)
        learning.settle(open, promptTokens: 50)
        #expect(learning.tokenBound(of: open) == nil)
    }

    @Test func `what another time may be another prompt teaches and knows nothing`() throws {
        var learning = PromptLearning()
        for member in [
            #""truncate_prompt_tokens":10"#, #""truncation":"auto""#, #""transforms":["middle-out"]"#,
            #""plugins":[{"id":"context-compression"}]"#,
        ] {
            let cut = try conversation([long], ",\(member)")
            learning.settle(cut, promptTokens: 10)
            #expect(learning.tokenBound(of: cut) == nil, "\(member)")
            #expect(learning.tokenBound(of: try conversation([long])) == nil, "\(member)")
        }
        func picture(_ part: String) throws -> CallFacts {
            try facts(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
        }
        for part in [
            #"{"type":"image_url","image_url":{"url":"http://127.0.0.1/x.png"}}"#,
            #"{"type":"image_url","image_url":{"url":"file:///x.png"}}"#,
            #"{"type":"input_image","image_url":"https://a.example/x.png"}"#,
            #"{"type":"image","source":{"type":"url","url":"https://a.example/x.png"}}"#,
        ] {
            let remote = try picture(part)
            learning.settle(remote, promptTokens: 10)
            #expect(learning.tokenBound(of: remote) == nil, "\(part)")
        }
        // What the request holds itself is the same each time, and so is one that nothing is left out of.
        for part in [
            #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#,
            #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}"#,
        ] {
            let own = try picture(part)
            learning.settle(own, promptTokens: 10)
            #expect(learning.tokenBound(of: own) != nil, "\(part)")
        }
        let whole = try conversation(
            [long],
            #","truncation":"disabled","transforms":[],"plugins":[{"id":"context-compression","enabled":false}]"#)
        learning.settle(whole, promptTokens: 2_000)
        #expect(learning.tokenBound(of: whole) != nil)
    }

    @Test func `of a very long conversation the last messages are remembered, in their order`() throws {
        var learning = PromptLearning()
        let turns = (0..<120).map { "turn \($0)" }
        let first = try conversation(Array(turns.prefix(100)))
        #expect(first.prompt.marks.count == PromptMeasure.maximumMarks)
        #expect(
            first.prompt.marks.map(\.counts.messages) == Array((101 - PromptMeasure.maximumMarks)...100))
        learning.settle(try conversation(Array(turns.prefix(80))), promptTokens: 900)
        learning.settle(first, promptTokens: 1_000)
        let bound = try #require(learning.tokenBound(of: conversation(turns)))
        #expect((1_000..<1_400).contains(bound))
    }

    @Test func `messages that are cut differently are told apart`() throws {
        var learning = PromptLearning()
        learning.settle(try conversation(["ab", "c"]), promptTokens: 50)
        #expect(learning.tokenBound(of: try conversation(["a", "bc"])) == nil)
        #expect(learning.tokenBound(of: try conversation(["abc"])) == nil)
        #expect(learning.tokenBound(of: try conversation(["ab", "c "])) == nil)
        for length in 0..<40 {
            let text = String(repeating: "x", count: length)
            learning.settle(try conversation([text]), promptTokens: 50)
            #expect(learning.tokenBound(of: try conversation([text])) != nil)
            #expect(learning.tokenBound(of: try conversation([text + "x"])) == nil, "\(length)")
        }
    }

    @Test func `of two counts for the same messages the larger holds`() throws {
        var learning = PromptLearning()
        let call = try conversation(["a"])
        for tokens in [50, 70, 60] { learning.settle(call, promptTokens: tokens) }
        #expect(learning.tokenBound(of: call) == 70 + PromptLearning.margin)
    }

    @Test func `memory is bounded, and the oldest is forgotten`() throws {
        var learning = PromptLearning(capacity: 3)
        for turn in ["a", "b", "c", "d"] { learning.settle(try conversation([turn]), promptTokens: 50) }
        #expect(learning.tokenBound(of: try conversation(["a"])) == nil)
        for turn in ["b", "c", "d"] { #expect(learning.tokenBound(of: try conversation([turn])) != nil) }
    }

    @Test func `an expectation is the largest share seen, with headroom, after enough calls`() throws {
        var learning = PromptLearning()
        let call = try conversation([long])
        let bound = try #require(call.prompt.tokenBound(models: ["m"]))
        for index in 0..<PromptLearning.minimumSamples {
            #expect(learning.expectedTokens(bound: bound, model: "m") == bound, "\(index)")
            learning.settle(call, promptTokens: index == 3 ? bound / 2 : bound / 4)
        }
        let expected = learning.expectedTokens(bound: bound, model: "m")
        #expect((bound * 11 / 20...bound * 12 / 20).contains(expected))
        #expect(learning.expectedTokens(bound: bound, model: "other") == bound)
        #expect(learning.expectedTokens(bound: .max, model: "m") > 0)
        learning.settle(call, promptTokens: 999_999_999)
        #expect(learning.expectedTokens(bound: bound, model: "m") == bound)
    }

    @Test func `a quantile is a length that so many answers did not exceed, within a quarter`() throws {
        var learning = OutputLearning()
        let subject = OutputLearning.Subject(key: "k", model: "m")
        for length in 1...100 {
            #expect((learning.quantile(900, of: subject) == nil) == (length <= OutputLearning.minimumSamples))
            learning.settle(subject, outputTokens: length * 10)
        }
        let high = try #require(learning.quantile(900, of: subject))
        #expect((900...1_130).contains(high))
        #expect(try #require(learning.quantile(1_000, of: subject)) >= 1_000)
        #expect(try #require(learning.quantile(0, of: subject)) >= 10)
        #expect(learning.quantile(900, of: OutputLearning.Subject(key: "other", model: "m")) == nil)
    }

    @Test func `a histogram follows a change and takes any length`() throws {
        var learning = OutputLearning()
        let subject = OutputLearning.Subject(key: "k", model: "m")
        for _ in 0..<5_000 { learning.settle(subject, outputTokens: 10) }
        for _ in 0..<2_000 { learning.settle(subject, outputTokens: 4_000) }
        #expect(try #require(learning.quantile(500, of: subject)) >= 4_000)
        learning.settle(subject, outputTokens: .max)
        learning.settle(subject, outputTokens: -1)
        #expect(try #require(learning.quantile(1_000, of: subject)) > 4_000_000)
    }

    @Test func `the subject unused for longest gives way`() {
        var learning = OutputLearning(capacity: 2)
        func subject(_ key: String) -> OutputLearning.Subject { OutputLearning.Subject(key: key, model: "m") }
        for _ in 0..<20 {
            learning.settle(subject("a"), outputTokens: 5)
            learning.settle(subject("b"), outputTokens: 5)
        }
        learning.settle(subject("c"), outputTokens: 5)
        #expect(learning.quantile(500, of: subject("a")) == nil)
        #expect(learning.quantile(500, of: subject("b")) == 5)
    }
}
