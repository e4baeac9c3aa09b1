import PreflightCore
import Testing

/// Where a message of the owner stands in what is asked of a model, and where it does not.
@Suite struct SteeredBodyTests {
    private func steered(_ body: JSON, _ dialect: Dialect, _ text: String = "Try \"another\" way.\n") throws -> JSON? {
        let facts = try CallFacts.read(body.bytes, dialect: dialect)
        return try SteeredBody.adding(text, to: body.bytes, facts: facts).map { try JSON.parse($0) }
    }

    private func body(_ messages: [JSON]) -> JSON {
        ["model": "openai/gpt-4.1-mini", "messages": .array(messages), "temperature": 0]
    }

    private let added: JSON = ["role": "user", "content": "Try \"another\" way.\n"]

    @Test func `it stands behind what a tool has said, as words of a user`() throws {
        let messages: [JSON] = [
            ["role": "user", "content": "go"],
            ["role": "assistant", "content": .null, "tool_calls": [["id": "a", "type": "function"]]],
            ["role": "tool", "tool_call_id": "a", "content": "{\"ok\": true}"],
        ]
        #expect(try steered(body(messages), .chat) == body(messages + [added]))
    }

    @Test func `a user's last words are lengthened, so that roles go on taking turns`() throws {
        let begin: JSON = ["role": "system", "content": "be good"]
        #expect(
            try steered(body([begin, ["role": "user", "content": "go"]]), .chat)
                == body([begin, ["role": "user", "content": "go\n\nTry \"another\" way.\n"]]))
        let parts: [JSON] = [["type": "text", "text": "go"], ["type": "image_url", "image_url": ["url": "data:x"]]]
        let part: JSON = ["type": "text", "text": "Try \"another\" way.\n"]
        for dialect in [Dialect.chat, .messages] {
            #expect(
                try steered(body([["role": "user", "content": .array(parts)]]), dialect)
                    == body([["role": "user", "content": .array(parts + [part])]]))
        }
        #expect(
            try steered(body([["role": "user", "content": ""]]), .chat)
                == body([["role": "user", "content": "Try \"another\" way.\n"]]))
        #expect(
            try steered(body([["role": "user", "content": []]]), .chat)
                == body([["role": "user", "content": [part]]]))
    }

    @Test func `Anthropic's tool results stay first in their message`() throws {
        let result: JSON = ["type": "tool_result", "tool_use_id": "t", "content": "done"]
        #expect(
            try steered(body([["role": "user", "content": [result]]]), .messages)
                == body([
                    ["role": "user", "content": [result, ["type": "text", "text": "Try \"another\" way.\n"]]]
                ]))
    }

    @Test func `a response's input gets an item more, or a paragraph`() throws {
        func body(_ input: JSON) -> JSON { ["model": "openai/gpt-4.1-mini", "input": input] }
        let output: JSON = ["type": "function_call_output", "call_id": "c", "output": "x"]
        #expect(try steered(body([output]), .responses) == body([output, added]))
        #expect(try steered(body("go"), .responses) == body("go\n\nTry \"another\" way.\n"))
    }

    @Test(
        arguments: [
            // The beginning of an answer, which the model goes on with.
            [["role": "user", "content": "go"], ["role": "assistant", "content": "{"]],
            [],
            ["hello"],
            [["content": "no role"]],
            [["role": "user", "content": .null]],
            [["role": "user", "content": 3]],
        ] as [[JSON]])
    func `a request that has no place for it stays as it is`(messages: [JSON]) throws {
        #expect(try steered(body(messages), .chat) == nil)
    }

    @Test func `a role that stands there twice is not built upon`() throws {
        let text = #"{"model":"a/b","messages":[{"role":"assistant","content":"x","role":"user"}]}"#
        let facts = try CallFacts.read(Array(text.utf8), dialect: .chat)
        #expect(SteeredBody.adding("y", to: Array(text.utf8), facts: facts) == nil)
    }

    @Test func `no byte before it is changed, so that what is cached of the prefix stays`() throws {
        let text =
            #"{ "model":"a/b" , "messages":[ {"role":"user", "content" : "\u0041 b"} ,  {"role":"tool","content":"r"} ] , "stream":true}"#
        let facts = try CallFacts.read(Array(text.utf8), dialect: .chat)
        let changed = try #require(SteeredBody.adding("y", to: Array(text.utf8), facts: facts))
        let expected =
            #"{ "model":"a/b" , "messages":[ {"role":"user", "content" : "\u0041 b"} ,  {"role":"tool","content":"r"} ,{"role":"user","content":"y"}] , "stream":true}"#
        #expect(String(decoding: changed, as: UTF8.self) == expected)
    }

    @Test func `its tokens are in the worst case`() throws {
        let body = body([["role": "user", "content": "go"]])
        let before = try CallFacts.read(body.bytes, dialect: .chat)
        let text = String(repeating: "é", count: 400)
        let changed = try #require(SteeredBody.adding(text, to: body.bytes, facts: before))
        let after = try CallFacts.read(changed, dialect: .chat)
        let bounds = [before, after].map { $0.prompt.tokenBound(models: $0.models) ?? 0 }
        #expect(bounds[1] >= bounds[0] + 400)
    }

    @Test func `completions and embeddings have no place for it`() throws {
        #expect(try steered(["model": "a/b", "prompt": "x"], .completions) == nil)
        #expect(try steered(["model": "a/b", "input": "x"], .embeddings) == nil)
    }
}
