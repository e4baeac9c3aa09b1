import Foundation
import PreflightCore
import TestSupport
import Testing

@Suite struct PromptMeasureTests {
    /// The tokens of the content of one message, without framing.
    private func tokens(_ content: String) throws -> Int {
        try facts(chat("", content: content)).prompt.counts.tokens - facts(chat("", content: "")).prompt.counts.tokens
    }

    /// The counts are those of OpenAI's cl100k, Anthropic's published vocabulary, DeepSeek's and Mistral's: the most.
    @Test(arguments: [
        ("The quick brown fox jumps over the lazy dog.", 12), ("hello", 1), (" ", 1), ("a b c d e", 5),
        ("function add(a, b) {\\n    return a + b;\\n}", 18), ("1234567890", 10), ("人人生而自由", 6), ("😀", 4),
        ("dGhlIHF1aWNrIGJyb3duIGZveA==", 21), ("550e8400-e29b-41d4-a716-446655440000", 36), ("xq zv kj qx", 8),
        ("Donaudampfschifffahrtsgesellschaft", 14), (#"{\"a\":1,\"b\":[true,null]}"#, 17), ("HTTP2_MAX_FRAME", 9),
        (#"\u4eba\u4eba"#, 2), (#"\ud83d\ude00"#, 4), (#"\u0041\u0042"#, 2), ("\\n\\n\\n\\t\\t", 5),
    ])
    func `the count is not below what tokenizers make of the text`(content: String, most: Int) throws {
        #expect(try tokens(content) >= most)
    }

    @Test func `the count is near twice the tokens of English, and below the bytes of anything`() throws {
        let english = "The quick brown fox jumps over the lazy dog while the other animals look at it from the hills."
        // 20 tokens in cl100k.
        #expect(try tokens(english) <= 50)
        for content in [english, "人人生而自由", "😀😀", "0123", "AbCdEf", "   x   "] {
            #expect(try tokens(content) <= content.utf8.count)
        }
    }

    @Test func `an escape counts as the character that it stands for`() throws {
        #expect(try tokens(#"a\u006e\n\"\\"#) == 5)
        #expect(try tokens(#"\u00e9"#) == tokens("é"))
        #expect(try tokens(#"\u4eba"#) == tokens("人"))
        #expect(try tokens(#"\ud83d\ude00"#) == tokens("😀"))
    }

    @Test func `long runs of blanks are few tokens`() throws {
        #expect(try tokens(String(repeating: " ", count: 800)) <= 110)
        #expect(try tokens(String(repeating: " ", count: 800)) >= 50)
    }

    @Test func `framing and marks for a cache are no text`() throws {
        let plain = try facts(#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#)
        let marked = try facts(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi","#
                + #""cache_control":{"type":"ephemeral"}}]}]}"#)
        #expect(plain.prompt.counts == marked.prompt.counts)
    }

    @Test func `unknown members and long labels are counted as text`() throws {
        let text = String(repeating: "word ", count: 400)
        let plain = try facts(chat("")).prompt.counts.tokens
        for body in [
            chat(#""documents":["\#(text)"]"#), chat(#""system":"\#(text)""#), chat(#""instructions":"\#(text)""#),
            chat(#""response_format":{"x":"\#(text)"}"#), chat(#""tools":[{"description":"\#(text)"}]"#),
            #"{"model":"m","messages":[{"role":"\#(text)","content":"hi"}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":"hi","odd":{"a":["\#(text)"]}}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":"hi","\#(text)":1}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","input":{"a":"\#(text)"}}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":"hi","cache_control":{"a":"\#(text)"}}]}"#,
        ] {
            #expect(try facts(body).prompt.counts.tokens >= plain + 400, "\(body.prefix(80))")
        }
        #expect(try facts(chat(#""metadata":{"a":"\#(text)"}"#)).prompt.counts.tokens == plain)
    }

    @Test(arguments: [
        #"{"type":"image_url","image_url":{"url":"data:image/png;base64,@"}}"#,
        #"{"type":"input_image","image_url":"data:image/png;base64,@"}"#,
        #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"@"}}"#,
        #"{"source":{"data":"@","media_type":"image/jpeg","type":"base64"},"type":"image"}"#,
    ])
    func `an image counts as an image, whatever its bytes`(part: String) throws {
        func prompt(_ size: Int) throws -> PromptMeasure {
            let data = String(repeating: "iVBORw0K", count: size)
            let part = part.replacingOccurrences(of: "@", with: data)
            return try facts(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#).prompt
        }
        #expect(try prompt(10).counts == prompt(100_000).counts)
        #expect(try prompt(10).counts.images == 1)
        let bound = try #require(try prompt(10).tokenBound(models: ["claude-opus-4.8"]))
        #expect(bound > 4_800)
        #expect(bound < 6_000)
    }

    @Test func `what lies elsewhere is bounded by the context`() throws {
        for part in [
            #"{"type":"file","file":{"file_data":"https://example.org/a.pdf"}}"#,
            #"{"type":"file","file":{"file\u005fid":"f"}}"#, #"{"type":"video_url","video_url":{"url":"data:,"}}"#,
            #"{"type":"document","source":{"type":"url","url":"https://example.org/a.pdf"}}"#,
            #"{"source":{"type":"url","url":"https://example.org/a.pdf"},"type":"document"}"#,
            #"{"type":"input_file","file_url":"https://example.org/a.pdf"}"#,
            #"{"type":"image","source":{"type":"file","file_id":"f"}}"#,
        ] {
            let facts = try facts(#"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#)
            #expect(facts.prompt.tokenBound(models: ["m"]) == nil, "\(part)")
            #expect(facts.prompt.tokenBound(models: ["m"], contextLength: 1_000) == 1_000)
            #expect(!facts.extras.isEmpty)
        }
    }

    @Test func `a file is counted by its bytes, a text document as text`() throws {
        let data = String(repeating: "JVBERi0x", count: 1_000)
        let file = try facts(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"#
                + #""data:application/pdf;base64,\#(data)"}}]}]}"#)
        #expect(file.prompt.counts.tokens > 6_000)
        #expect(file.extras.map(\.name) == ["input:file"])
        let text = try facts(
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","#
                + #""media_type":"text/plain","data":"hello there"}}]}]}"#)
        #expect(text.extras.isEmpty)
        #expect(text.prompt.counts.images == 0)
        #expect(text.prompt.counts.tokens < 40)
    }

    @Test func `a model's kind is seen wherever its word stands in the name, whatever its case`() throws {
        let prompt = try facts(chat(#""tools":[{"type":"function","function":{"name":"f"}}]"#)).prompt
        func bound(_ model: String) throws -> Int { try #require(prompt.tokenBound(models: [model])) }
        let plain = try bound("m")
        for name in ["claude", "CLAUDE-3", "my/Anthropic", "x/clclaude"] {
            #expect(try bound(name) == plain - 384 + 1_024, "\(name)")
        }
        for name in ["grok", "a/GROK-4", "X-AI/y"] { #expect(try bound(name) == plain - 96 + 1_024, "\(name)") }
        for name in ["", "claud", "gro", "x-ai", "gr\u{C3}k", "clau de"] {
            #expect(try bound(name) == plain, "\(name)")
        }
        #expect(try prompt.tokenBound(models: ["m", "grok", "claude"]) == bound("m") + 1_024 - 96 + 1_024 - 384)
    }

    @Test func `the context bounds every prompt`() throws {
        let facts = try facts(chat("", content: String(repeating: "word ", count: 10_000)))
        #expect(facts.prompt.tokenBound(models: ["m"], contextLength: 4_096) == 4_096)
    }

    /// Real requests, against what providers counted.
    @Test func `no captured request has more prompt tokens than its bound`() throws {
        var checked = 0
        for folder in ["openrouter", "neighbours"] {
            let directory = TestData.directory.appendingPathComponent("captures/\(folder)").path
            for file in try FileManager.default.contentsOfDirectory(atPath: directory).sorted() {
                guard file.hasSuffix(".request.json") else { continue }
                let dialect: Dialect =
                    folder == "neighbours" && file.hasPrefix("anthropic")
                    ? .messages : file.contains("responses") ? .responses : .chat
                let facts = try CallFacts.read(try TestData.bytes("captures/\(folder)/\(file)"), dialect: dialect)
                guard let actual = try promptTokens(folder, String(file.dropLast(".request.json".count))) else {
                    continue
                }
                // What a server's own tools and stored prompts add is not in the request.
                guard !facts.extras.contains(where: { [.serverTool, .preset].contains($0.kind) }) else { continue }
                guard let bound = facts.prompt.tokenBound(models: facts.models) else {
                    #expect(facts.extras.contains { $0.kind == .input }, "\(file)")
                    continue
                }
                checked += 1
                #expect(bound >= actual, "\(file): \(actual) of \(bound)")
                #expect(bound <= actual * 5 + 1_200, "\(file): \(actual) of \(bound)")
            }
        }
        #expect(checked >= 35)
    }

    /// The prompt tokens of the answer to a captured request; nil when it had none.
    private func promptTokens(_ folder: String, _ name: String) throws -> Int? {
        var found: Int?
        func look(_ json: JSON) {
            for usage in [json["usage"], json["message"]?["usage"], json["response"]?["usage"]] {
                if let usage = usage.flatMap(Usage.init(json:)), usage.promptTokens > 0 { found = usage.promptTokens }
            }
        }
        if let json = try? TestData.json("captures/\(folder)/\(name).response.json") {
            look(json)
        } else if let bytes = try? TestData.bytes("captures/\(folder)/\(name).response.sse") {
            for line in bytes.split(separator: 0x0A) where line.starts(with: Array("data:".utf8)) {
                if let json = try? JSON.parse(Array(line.dropFirst(5))) { look(json) }
            }
        }
        return found
    }
}
