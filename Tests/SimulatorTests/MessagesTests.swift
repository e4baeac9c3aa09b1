import PreflightCore
import Simulator
import Testing

@Suite struct MessagesTests {
    private static let model: JSON = "anthropic/claude-sonnet-4.6"

    private static func body(_ members: KeyValuePairs<String, JSON> = [:]) -> JSON {
        var body: JSON.Object = JSON.Object([
            .init(key: "model", value: model), .init(key: "max_tokens", value: 100),
            .init(key: "messages", value: [["role": "user", "content": "Hello"]]),
        ])
        for (key, value) in members { body[key] = value }
        return .object(body)
    }

    /// The names and data of a stream's events; every event has both.
    private func events(_ answer: TestClient.Answer) throws -> [(name: String, data: JSON)] {
        try answer.text.split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n")
            let name = try #require(lines.first?.split(separator: ": ").last)
            let data = try #require(lines.last?.dropFirst(6))
            return (String(name), try JSON.parse(String(data)))
        }
    }

    @Test func `an answer has Anthropic's names, and the cost that is charged`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/messages?beta=true", Self.body())
            #expect(answer.status == 200)
            #expect(answer.json["type"] == "message")
            #expect(answer.json["content"] == [["type": "text", "text": "You said: Hello"]])
            #expect(answer.json["stop_reason"] == "end_turn")
            let usage = try #require(answer.json["usage"])
            #expect(usage["input_tokens"] == 2)
            #expect(usage["output_tokens"] == 4)
            #expect(usage["is_byok"] == false)
            #expect(answer.cost == server.bill.total)
            #expect(server.bill.total.decimalText == "0.000066")
            #expect(server.bill.charges[0].generationID == answer.headers["x-generation-id"])
        }
    }

    @Test func `the cache is counted beside the input, written once and read after`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let system: JSON = [
                [
                    "type": "text", "text": .string(String(repeating: "rule ", count: 2000)),
                    "cache_control": ["type": "ephemeral"],
                ]
            ]
            let client = TestClient(addresses[0])
            let first = try await client.post("/messages", Self.body(["system": system]))
            #expect(first.json["usage"]?["cache_creation_input_tokens"] == 2500)
            #expect(first.json["usage"]?["input_tokens"] == 2)
            let second = try await client.post("/messages", Self.body(["system": system, "stream": true]))
            let events = try events(second)
            let start = try #require(events.first?.data["message"]?["usage"])
            #expect(start["cache_read_input_tokens"] == 2500)
            #expect(start["cache_creation_input_tokens"] == 0)
            #expect(server.bill.charges[1].usage.cachedTokens == 2500)
            #expect(Usage(json: start)?.promptTokens == 2502)
        }
    }

    @Test func `a stream has named events in Anthropic's order, and its usage grows`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/messages", Self.body(["stream": true]))
            let events = try events(answer)
            #expect(
                events.map(\.name) == [
                    "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop",
                    "message_delta", "message_stop",
                ])
            #expect(events.allSatisfy { $0.data["type"] == .string($0.name) })
            #expect(events[0].data["message"]?["usage"]?["output_tokens"] == 1)
            #expect(events[5].data["usage"]?["output_tokens"] == 4)
            #expect(events[5].data["usage"]?["cost"] == nil)
            #expect(!answer.text.contains("[DONE]"))
            #expect(server.bill.count == 1)
        }
    }

    @Test func `the end of a stream tells the cost when it is asked to`() async throws {
        try await SimulatorServer.withServer(.prompt { $0.showsCostInMessageStreams = true }) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/messages", Self.body(["stream": true]))
            #expect(try events(answer)[5].data["usage"]?["cost"]?.usd() == server.bill.total)
        }
    }

    @Test(arguments: [true, false]) func `a tool is called in a block of its own`(isStreamed: Bool) async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let tool: JSON = [
                "name": "list", "input_schema": ["type": "object", "required": ["path"], "properties": [:]],
            ]
            let answer = try await TestClient(addresses[0]).post(
                "/messages",
                Self.body(["tools": [tool], "tool_choice": ["type": "any"], "stream": .bool(isStreamed)]))
            guard isStreamed else {
                let block = answer.json["content"]?.array?.last
                #expect(block?["type"] == "tool_use")
                #expect(block?["input"] == ["path": "text"])
                #expect(answer.json["stop_reason"] == "tool_use")
                return
            }
            let events = try events(answer)
            let starts = events.filter { $0.name == "content_block_start" }.map(\.data)
            #expect(starts.map { $0["content_block"]?["type"] } == ["text", "tool_use"])
            #expect(starts.map { $0["index"] } == [0, 1])
            let arguments = events.compactMap { $0.data["delta"]?["partial_json"]?.string }.joined()
            #expect(arguments == #"{"path":"text"}"#)
            #expect(events.contains { $0.data["delta"]?["stop_reason"] == "tool_use" })
        }
    }

    @Test func `the results of tools make the next turn`() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(#"{"models": {"*": {"turns": [{"text": "first"}, {"text": "second"}]}}}"#)
        }
        try await SimulatorServer.withServer(options) { _, addresses in
            let messages: JSON = [
                ["role": "user", "content": "Go"],
                [
                    "role": "assistant",
                    "content": [["type": "tool_use", "id": "t", "name": "list", "input": [:]]],
                ],
                ["role": "user", "content": [["type": "tool_result", "tool_use_id": "t", "content": "files"]]],
            ]
            let answer = try await TestClient(addresses[0]).post("/messages", Self.body(["messages": messages]))
            #expect(answer.json["content"]?[0]?["text"] == "second")
        }
    }

    @Test func `x-api-key lets in, and errors come in Anthropic's envelope`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0], key: nil)
            let refused = try await client.post("/messages", Self.body())
            #expect(refused.status == 401)
            #expect(refused.json["type"] == "error")
            #expect(refused.json["error"]?["type"] == "authentication_error")
            let headers = ["x-api-key": SimulatorOptions.defaultOrdinaryKey]
            #expect(try await client.send("POST", "/messages", Self.body(), headers: headers).status == 200)
            #expect(try await client.send("POST", "/chat/completions", Self.body(), headers: headers).status == 401)

            server.setCredits(.zero)
            let poor = try await TestClient(addresses[0]).post("/messages", Self.body())
            #expect(poor.status == 402)
            #expect(poor.json["error"]?["type"] == "billing_error")
            server.addFault(Fault(.status, path: "/messages", status: 529))
            let overloaded = try await TestClient(addresses[0]).post("/messages", Self.body())
            #expect(overloaded.json["error"]?["type"] == "overloaded_error")
        }
    }

    @Test func `tokens are counted for nothing`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/messages/count_tokens", Self.body())
            #expect(answer.json == ["input_tokens": 2])
            #expect(server.bill.count == 0)
        }
    }

    @Test func `max_tokens and fallbacks are heeded`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let answer = try await TestClient(addresses[0]).post(
                "/messages", Self.body(["max_tokens": 2, "fallbacks": [["model": "openai/gpt-4o-mini"]]]),
                ["failing-models": "anthropic/claude-sonnet-4.6"])
            #expect(answer.json["model"] == "openai/gpt-4o-mini")
            #expect(answer.json["stop_reason"] == "max_tokens")
            #expect(answer.json["usage"]?["output_tokens"] == 2)
        }
    }
}
