import PreflightCore
import TestSupport
import Testing

@Suite struct CallFactsTests {
    @Test func `a chat says its model, fallbacks, stream and cap`() throws {
        let facts = try facts(
            chat(
                #""models":["b","c"],"stream":true,"stream_options":{"include_usage":true},"max_tokens":null,"#
                    + #""max_completion_tokens":1e2,"n":3,"tools":[{"type":"function","function":{"name":"run"}}]"#))
        #expect(facts.models == ["m", "b", "c"])
        #expect(facts.isStreamed)
        #expect(facts.asksForUsage)
        #expect(facts.outputCap == 100)
        #expect(facts.choices == 3)
        #expect(facts.hasTools)
        #expect(facts.toolNames == ["run"])
        #expect(facts.extras.isEmpty)
    }

    @Test func `of two caps the smaller counts`() throws {
        #expect(try facts(chat(#""max_tokens":50,"max_completion_tokens":40"#)).outputCap == 40)
    }

    @Test func `more extras than are kept are refused, lest one be allowed unseen`() throws {
        func tools(_ count: Int) -> String {
            let tools = (0..<count).map { #"{"type":"web_search_\#($0)"}"# } + [#"{"type":"web_search_0"}"#]
            return chat(#""tools":[\#(tools.joined(separator: ","))]"#)
        }
        #expect(try facts(tools(64)).extras.count == 64)
        #expect(throws: CallRefusal.tooManyExtras) { try facts(tools(65)) }
        let members = tools(64).dropLast() + #","plugins":[{"id":"web"}]}"#
        #expect(throws: CallRefusal.tooManyExtras) { try facts(String(members)) }
    }

    @Test func `a cap beyond any answer is taken as a thousand million`() throws {
        for cap in ["1000000001", "999999999999999999", "\(Int.max)"] {
            #expect(try facts(chat(#""max_tokens":\#(cap)"#)).outputCap == 1_000_000_000)
        }
        #expect(try facts(chat(#""max_tokens":1000000000"#)).outputCap == 1_000_000_000)
    }

    @Test func `each dialect has its own cap`() throws {
        let all = #""max_tokens":5,"max_completion_tokens":6,"max_output_tokens":7"#
        #expect(try facts(chat(all)).outputCap == 5)
        #expect(try facts(#"{"model":"m","input":"x",\#(all)}"#, .responses).outputCap == 7)
        #expect(try facts(chat(all), .messages).outputCap == 5)
        #expect(try facts(#"{"model":"m","input":"x",\#(all)}"#, .embeddings).outputCap == nil)
        #expect(try facts(#"{"model":"m","prompt":"x","max_tokens":0,"echo":true}"#, .completions).outputCap == 0)
    }

    @Test(arguments: [
        #""max_tokens":0"#, #""max_tokens":-1"#, #""max_tokens":1.5"#, #""max_tokens":"9""#, #""max_tokens":1e99"#,
        #""max_completion_tokens":true"#, #""n":0"#, #""n":129"#, #""n":"2""#, #""best_of":1000"#, #""stream":"true""#,
        #""stream":1"#, #""stream_options":[]"#, #""stream_options":{"include_usage":1}"#, #""models":"x""#,
        #""models":[1]"#, #""fallbacks":[{}]"#, #""plugins":{}"#, #""plugins":[{"enabled":true}]"#, #""provider":[]"#,
        #""thinking":{"budget_tokens":"9"}"#, #""service_tier":1"#,
    ])
    func `a member that does not say what it must is refused`(member: String) {
        #expect {
            try facts(chat(member))
        } throws: {
            guard case .invalidMember = $0 as? CallRefusal else { return false }
            return true
        }
    }

    @Test(arguments: [#"{"messages":[]}"#, #"{"model":null}"#, #"{"model":""}"#, #"{"model":["a"]}"#])
    func `a body without a model is refused`(body: String) {
        #expect(throws: CallRefusal.invalidMember("model", expected: "the name of a model")) { try facts(body) }
    }

    @Test(arguments: [
        #""model":"b""#, #""mod\u0065l":"b""#, #""Model":"b""#, #""MODEL":1"#, #""max_tokens":1,"max_tokens":2"#,
        #""Max_Tokens":9"#, #""max_toKens":9"#, #""ſtream":true"#, #""model\u0000x":"b""#,
        #""stream_options":{"include_usage":false,"include_usage":true}"#,
        #""provider":{"max_price":{},"Max_Price":{}}"#, #""thinking":{"budget_tokens":1,"budget\u005ftokens":9}"#,
        #""messages":[]"#,
    ])
    func `a member that parsers could read differently is refused`(member: String) {
        #expect {
            try facts(chat(member))
        } throws: {
            guard case .ambiguousMember = $0 as? CallRefusal else { return false }
            return true
        }
    }

    @Test func `members that are not ruled may repeat, and are counted each time`() throws {
        let once = try facts(chat(#""documents":"some text""#)).prompt.counts.tokens
        let twice = try facts(chat(#""documents":"some text","documents":"some text""#)).prompt.counts.tokens
        #expect(twice > once)
    }

    @Test func `an escaped key is the key that it spells`() throws {
        #expect(try facts(#"{"mod\u0065l":"x","m\u0061x_tokens":7}"#).outputCap == 7)
    }

    @Test func `fallbacks may be objects`() throws {
        let facts = try facts(chat(#""fallbacks":[{"model":"b"},{"model":"c"},{"model":"b"}]"#), .messages)
        #expect(facts.fallbacks == ["b", "c"])
    }

    @Test func `prompts of a completion are answered one by one`() throws {
        #expect(try facts(#"{"model":"m","prompt":["a","b","c"],"n":2}"#, .completions).choices == 6)
        #expect(try facts(#"{"model":"m","prompt":[1,2,3]}"#, .completions).choices == 1)
        #expect(try facts(#"{"model":"m","prompt":[[1,2],[3]],"best_of":4}"#, .completions).choices == 8)
        #expect(try facts(#"{"model":"m","prompt":[]}"#, .completions).choices == 1)
    }

    @Test func `an Anthropic request has its thinking budget and the names of its tools`() throws {
        let body =
            #"{"model":"claude-sonnet-4-0","max_tokens":4096,"messages":[],"thinking":{"type":"enabled","#
            + #""budget_tokens":2000},"tools":[{"name":"read","input_schema":{"type":"object"}},"#
            + #"{"type":"bash_20250124","name":"bash"}]}"#
        let facts = try facts(body, .messages)
        #expect(facts.thinkingBudget == 2000)
        #expect(facts.toolNames == ["read", "bash"])
        #expect(facts.extras.isEmpty)
    }

    @Test(arguments: [
        (#""tools":[{"type":"openrouter:web_search"}]"#, "server_tool:openrouter:web_search"),
        (#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#, "server_tool:web_search_20250305"),
        (#""tools":[{"type":"function","function":{"name":"a"}},{"type":"mcp"}]"#, "server_tool:mcp"),
        (#""tools":[{"type":"openrouter:fusion","type":"function"}]"#, "server_tool:openrouter:fusion"),
        (#""tools":[{"t\u0079pe":"code_interpreter"}]"#, "server_tool:code_interpreter"),
        (#""plugins":[{"id":"web"}]"#, "plugin:web"), (#""plugins":[{"id":"file-parser"}]"#, "plugin:file-parser"),
        (#""web_search_options":{}"#, "web_search"), (#""service_tier":"priority""#, "tier:priority"),
        (#""speed":"fast""#, "tier:fast"), (#""provider":{"order":["openai/priority"]}"#, "tier:priority"),
        (#""preset":"@preset/x""#, "preset:@preset/x"), (#""models":["a:online"]"#, "routing:online"),
        (#""models":["a:nitro"]"#, "routing:nitro"), (#""models":["a@preset/b"]"#, "preset:a@preset/b"),
        (#""modalities":["text","audio"]"#, "output:audio"), (#""modalities":["image"]"#, "output:image"),
        (#""cache_control":{"type":"ephemeral","ttl":"1h"}"#, "hour_cache"),
        (#""system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#, "hour_cache"),
        (#""tools":[{"name":"a","cache_control":{"ttl":"1h"}}]"#, "hour_cache"),
        (#""previous_response_id":"r""#, "state:previous_response_id"), (#""conversation":"c""#, "state:conversation"),
        (#""store":true"#, "state:store"), (#""background":true"#, "state:background"),
        (#""prediction":{"type":"content","content":"x"}"#, "prediction"), (#""container":"c""#, "container"),
        (#""context_management":{}"#, "context_management"), (#""chat_template":"x""#, "template"),
        (#""context_management":{"edits":[{"type":"compact_20260112"}]}"#, "context_management"),
        (#""context_management":{"edits":[{"type":"clear_thinking_20251015"},{"type":"x"}]}"#, "context_management"),
        (#""context_management":{"edits":[{"type":"clear_x","Type":"compact_x"}]}"#, "context_management"),
        (#""context_management":{"edits":[],"edits":[{"type":"compact_x"}]}"#, "context_management"),
        (#""context_management":[{"type":"compaction"}]"#, "context_management"),
        (#""mcp_servers":[{"url":"u"}]"#, "server_tool:mcp_servers"), (#""extra_body":{"n":9}"#, "wrapper:extra_body"),
        (#""input":[{"type":"input_file","file_id":"f"}]"#, "state:file_id"),
        (#""input":[{"type":"item_reference","id":"f"}]"#, "state:item_reference"),
        (#""input":[{"type":"item\u005freference","id":"f"}]"#, "state:item_reference"),
        (#""input":[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"mp3"}}]}]"#, "input:audio"),
    ])
    func `what can cost beyond tokens is named`(member: String, name: String) throws {
        #expect(try facts(chat(member)).extras.map(\.name) == [name])
    }

    @Test(arguments: [
        #""plugins":[{"id":"response-healing"},{"id":"web","enabled":false}]"#, #""service_tier":"flex""#,
        #""service_tier":"auto""#, #""modalities":["text"]"#, #""cache_control":{"type":"ephemeral"}"#,
        #""cache_control":{"type":"ephemeral","ttl":"5m"}"#, #""tools":[]"#, #""store":false"#, #""preset":null"#,
        #""previous_response_id":null"#, #""provider":{"order":["openai"],"only":["deepinfra/fp8"]}"#,
        #""mcp_servers":[]"#, #""tools":[{"name":"a","input_schema":{}}]"#, #""unknown":{"type":"mcp"}"#,
    ])
    func `what costs nothing besides its tokens is no extra`(member: String) throws {
        #expect(try facts(chat(member)).extras.isEmpty)
    }

    @Test func `an edit that clears old parts costs nothing, and leaves open how long the prompt will be`() throws {
        func with(_ edits: String) throws -> CallFacts {
            try facts(chat(#""max_tokens":9,"context_management":{"edits":[\#(edits)]}"#), .messages)
        }
        let all = #"{"type":"clear_thinking_20251015","keep":"all"}"#
        let some = #"{"type":"clear_tool_uses_20250919","trigger":{"type":"input_tokens","value":9}}"#
        for edits in [all, some, "\(all),\(some)"] {
            #expect(try with(edits).extras.isEmpty)
            #expect(try with(edits).prompt.isRepeatable == (edits == all))
        }
    }

    @Test func `absent parts of earlier answers may be null`() throws {
        let body =
            #"{"model":"m","messages":[{"role":"assistant","content":null,"audio":null,"refusal":null,"#
            + #""function_call":null,"tool_calls":null}]}"#
        let facts = try facts(body)
        #expect(facts.extras.isEmpty)
        #expect(!facts.prompt.isOpenEnded)
    }

    @Test func `a refusal says where a body is broken`() throws {
        #expect(throws: CallRefusal.invalidBody(reason: "unexpected end", offset: 10)) { try facts(#"{"model": "#) }
        #expect(CallRefusal.invalidBody(reason: "unexpected end", offset: 10).message.contains("byte 10"))
    }

    @Test func `damaged requests never crash the reading`() throws {
        var generator = JSONGenerator(seed: 3)
        for file in try TestData.captures().filter({ $0.hasSuffix(".request.json") }).prefix(12) {
            let bytes = try TestData.bytes("captures/openrouter/\(file)").prefix(3_000)
            for _ in 0..<60 {
                var damaged = Array(bytes)
                for _ in 0..<Int.random(in: 1..<4, using: &generator.chance) {
                    damaged[Int.random(in: 0..<damaged.count, using: &generator.chance)] =
                        generator.pick([0x22, 0x5C, 0x7B, 0x7D, 0x5B, 0x5D, 0x2C, 0x00, 0xFF, 0x31, 0x6E])
                }
                for dialect in Dialect.allCases {
                    guard let facts = try? CallFacts.read(damaged, dialect: dialect) else { continue }
                    #expect(facts.prompt.counts.tokens >= 0)
                }
            }
        }
    }

    @Test func `random members in every place never crash the reading`() throws {
        var generator = JSONGenerator(seed: 5)
        let keys = [
            "messages", "input", "prompt", "tools", "plugins", "provider", "thinking", "reasoning", "models", "system",
            "stream_options", "modalities", "prediction", "cache_control", "fallbacks", "n", "max_tokens",
        ]
        for _ in 0..<3_000 {
            let some = keys.shuffled(using: &generator.chance).prefix(3).map { "\"\($0)\"" }
            let body = Array(generator.object(keys: some).utf8)
            let withModel = Array(#"{"model":"m""#.utf8) + (some.isEmpty ? [] : [0x2C]) + body.dropFirst()
            _ = try? CallFacts.read(withModel, dialect: generator.pick(Dialect.allCases))
        }
    }
}
