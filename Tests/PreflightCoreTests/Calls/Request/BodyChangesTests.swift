import PreflightCore
import TestSupport
import Testing

@Suite struct BodyChangesTests {
    private func changed(_ body: String, _ changes: BodyChanges, _ dialect: Dialect = .chat) throws -> String {
        String(decoding: try changes.applied(to: Array(body.utf8), facts: facts(body, dialect)), as: UTF8.self)
    }

    private let price = MaxPrice(prompt: USD(cents: 300), completion: USD(cents: 1_500))

    @Test func `nothing changes when nothing is to be changed`() throws {
        let body = " { \"model\" : \"m\",\n\t\"x\": 1.50 , \"max_tokens\":5 } "
        #expect(try changed(body, BodyChanges()) == body)
    }

    @Test func `the cap goes into the member that the caller used`() throws {
        let changes = BodyChanges(maxOutputTokens: 9)
        #expect(try changed(#"{"model":"m","max_tokens": 50 }"#, changes) == #"{"model":"m","max_tokens": 9 }"#)
        #expect(
            try changed(#"{"max_completion_tokens":50,"model":"m"}"#, changes)
                == #"{"max_completion_tokens":9,"model":"m"}"#)
        #expect(
            try changed(#"{"max_completion_tokens":50,"model":"m","max_tokens":60}"#, changes)
                == #"{"max_completion_tokens":9,"model":"m","max_tokens":9}"#)
        #expect(try changed(#"{"model":"m","max_tokens":null}"#, changes) == #"{"model":"m","max_tokens":9}"#)
        #expect(try changed(#"{"model":"m","m\u0061x_tokens":50}"#, changes) == #"{"model":"m","m\u0061x_tokens":9}"#)
    }

    @Test func `a cap is never raised`() throws {
        let changes = BodyChanges(maxOutputTokens: 90)
        #expect(try changed(#"{"model":"m","max_tokens":50}"#, changes) == #"{"model":"m","max_tokens":50}"#)
    }

    @Test func `a cap that is missing is added where the dialect and the model want it`() throws {
        let changes = BodyChanges(maxOutputTokens: 9)
        #expect(try changed(#"{"model":"m"}"#, changes) == #"{"model":"m","max_tokens":9}"#)
        #expect(try changed(#"{"model":"gpt-5"}"#, changes) == #"{"model":"gpt-5","max_completion_tokens":9}"#)
        #expect(try changed(#"{"model":"openai/o3"}"#, changes) == #"{"model":"openai/o3","max_completion_tokens":9}"#)
        #expect(try changed(#"{"model":"m"}"#, changes, .responses) == #"{"model":"m","max_output_tokens":9}"#)
        #expect(try changed(#"{"model":"gpt-5"}"#, changes, .messages) == #"{"model":"gpt-5","max_tokens":9}"#)
        #expect(try changed(#"{"model":"m"}"#, changes, .embeddings) == #"{"model":"m"}"#)
    }

    @Test func `usage is asked for beside other options`() throws {
        let changes = BodyChanges(asksForUsage: true)
        #expect(try changed(#"{"model":"m"}"#, changes) == #"{"model":"m","stream_options":{"include_usage":true}}"#)
        for (before, after) in [
            ("null", #"{"include_usage":true}"#), ("{ }", #"{ "include_usage":true}"#),
            (#"{"a":1 }"#, #"{"a":1,"include_usage":true }"#),
            (#"{"include_usage":false,"a":1}"#, #"{"include_usage":true,"a":1}"#),
            (#"{"include_usage":null}"#, #"{"include_usage":true}"#),
            (#"{"include_usage": true}"#, #"{"include_usage": true}"#),
        ] {
            let body = #"{"stream_options":@,"model":"m"}"#
            #expect(
                try changed(body.replacing("@", with: before), changes) == body.replacing("@", with: after))
        }
        #expect(try changed(#"{"model":"m"}"#, changes, .messages) == #"{"model":"m"}"#)
    }

    @Test func `a price is merged, and the caller's lower one stays`() throws {
        let changes = BodyChanges(maxPrice: price)
        let ours = #"{"prompt":3,"completion":15}"#
        for (before, after) in [
            ("null", #"{"max_price":\#(ours)}"#), ("{}", #"{"max_price":\#(ours)}"#),
            (#"{"only":["a"]}"#, #"{"only":["a"],"max_price":\#(ours)}"#),
            (#"{"max_price":null}"#, #"{"max_price":\#(ours)}"#),
            (#"{"max_price":{"prompt":1}}"#, #"{"max_price":{"prompt":1,"completion":15}}"#),
            (#"{"max_price":{"prompt":"2.5","completion":99}}"#, #"{"max_price":{"prompt":"2.5","completion":15}}"#),
            (
                #"{"max_price":{"image":1,"prompt":3.0000001},"zdr":true}"#,
                #"{"max_price":{"image":1,"prompt":3,"completion":15},"zdr":true}"#
            ),
        ] {
            let body = #"{"provider":@,"model":"m"}"#
            #expect(
                try changed(body.replacing("@", with: before), changes) == body.replacing("@", with: after))
        }
        #expect(try changed(#"{"model":"m"}"#, changes) == #"{"model":"m","provider":{"max_price":\#(ours)}}"#)
        for wrong in [#"{"max_price":3}"#, #"{"max_price":{"prompt":"x"}}"#, #"{"max_price":{"prompt":-1}}"#] {
            #expect(throws: CallRefusal.self) { try changed(#"{"model":"m","provider":\#(wrong)}"#, changes) }
        }
    }

    @Test func `model and stream are replaced`() throws {
        let body = #"{"model": "a/b:online","stream":false}"#
        #expect(
            try changed(body, BodyChanges(model: "x\"y", isStreamed: true)) == #"{"model": "x\"y","stream":true}"#)
        #expect(try changed(#"{"model":"m"}"#, BodyChanges(isStreamed: true)) == #"{"model":"m","stream":true}"#)
    }

    @Test func `a thinking budget is lowered below the cap, or the call is refused`() throws {
        let body = #"{"model":"m","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000}}"#
        #expect(
            try changed(body, BodyChanges(maxOutputTokens: 4_000), .messages)
                == #"{"model":"m","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":3999}}"#)
        #expect(
            try changed(body, BodyChanges(maxOutputTokens: 8_001), .messages)
                == #"{"model":"m","max_tokens":8001,"thinking":{"type":"enabled","budget_tokens":8000}}"#)
        #expect(throws: CallRefusal.thinkingTooLarge(budget: 8_000, maxOutputTokens: 1_024)) {
            try changed(body, BodyChanges(maxOutputTokens: 1_024), .messages)
        }
        let reasoning = #"{"model":"m","reasoning":{"max_tokens":2000}}"#
        #expect(
            try changed(reasoning, BodyChanges(maxOutputTokens: 1_025))
                == #"{"model":"m","reasoning":{"max_tokens":1024},"max_tokens":1025}"#)
    }

    /// Found by fuzzing: beside it, what is added would stand there twice for servers that ignore case.
    @Test(arguments: [
        #""stream_options":{"include_Usage":true}"#, #""stream_options":{"include_usage\u0000x":true}"#,
        #""provider":{"Max_Price":{"prompt":9}}"#, #""provider":{"max_price":{"Prompt":9}}"#,
    ]) func `a member that is written otherwise than the one that is added is refused`(members: String) throws {
        let changes = BodyChanges(asksForUsage: true, maxPrice: price)
        #expect(throws: CallRefusal.self) { try changed(chat(members), changes) }
    }

    @Test func `a body that is not the one that was read is refused`() throws {
        let facts = try facts(chat(#""max_tokens":5"#))
        #expect(throws: CallRefusal.self) { try BodyChanges(model: "x").applied(to: [0x7B, 0x7D], facts: facts) }
    }

    /// Splicing the bytes and then reading them is reading them and then changing the tree.
    @Test func `random bodies are changed as their trees are`() throws {
        var generator = JSONGenerator(seed: 23)
        func maybe(_ key: String, _ values: [String]) -> [(String, String)] {
            Bool.random(using: &generator.chance) ? [(key, generator.pick(values))] : []
        }
        for _ in 0..<2_000 {
            var members: [(String, String)] = [("model", "\"m\"")]
            members +=
                maybe("max_tokens", ["null", "5", "5000"]) + maybe("max_completion_tokens", ["null", "7", "7e3"])
            members += maybe("stream", ["true", "false", "null"])
            members += maybe("stream_options", ["null", "{}", #"{"a": 1}"#, #"{"include_usage":false}"#])
            members += maybe("provider", ["null", "{}", #"{"only":[ ]}"#, #"{"max_price":{"prompt":1}}"#])
            for key in ["other", "x\\u0041", "é"] where Bool.random(using: &generator.chance) {
                members.append((key, generator.value()))
            }
            members.shuffle(using: &generator.chance)
            let body =
                "{"
                + members.map { "\"\($0.0)\"\(generator.blanks()):\(generator.blanks())\($0.1)" }
                .joined(separator: generator.blanks() + ",") + generator.blanks() + "}"
            let changes = BodyChanges(
                maxOutputTokens: 100, asksForUsage: true, maxPrice: price, model: "new", isStreamed: true)
            let result = try JSON.parse(changed(body, changes))
            #expect(result == (try expected(JSON.parse(body))), "\(body)")
        }
    }

    private func expected(_ before: JSON) throws -> JSON {
        var tree = try #require(before.object)
        tree["model"] = "new"
        tree["stream"] = true
        let caps = ["max_tokens", "max_completion_tokens"]
        let used = caps.filter { tree[$0]?.int != nil }
        let cap = used.compactMap { tree[$0]?.int }.reduce(100, min)
        let null = caps.last { tree[$0] != nil }
        for key in used.isEmpty ? [null ?? "max_tokens"] : used { tree[key] = .int(cap) }
        var options = tree["stream_options"]?.object ?? JSON.Object()
        options["include_usage"] = true
        tree["stream_options"] = .object(options)
        var provider = tree["provider"]?.object ?? JSON.Object()
        var price = provider["max_price"]?.object ?? JSON.Object()
        if price["prompt"] == nil { price["prompt"] = 3 }
        price["completion"] = 15
        provider["max_price"] = .object(price)
        tree["provider"] = .object(provider)
        return .object(tree)
    }

    @Test func `every captured request keeps all but what is changed`() throws {
        for file in try TestData.captures() where file.hasSuffix(".request.json") {
            let bytes = try TestData.bytes("captures/openrouter/\(file)")
            let facts = try CallFacts.read(bytes, dialect: file.hasPrefix("responses") ? .responses : .chat)
            let result = try JSON.parse(try BodyChanges(model: "other").applied(to: bytes, facts: facts))
            var tree = try #require(try JSON.parse(bytes).object)
            tree["model"] = "other"
            #expect(result == .object(tree), "\(file)")
        }
    }
}
