import PreflightCore
import Simulator
import Testing

@Suite struct ResponsesTests {
    private static func body(_ members: KeyValuePairs<String, JSON> = [:]) -> JSON {
        var body = JSON.Object([
            .init(key: "model", value: "openai/gpt-4o-mini"), .init(key: "input", value: "Hello"),
        ])
        for (key, value) in members { body[key] = value }
        return .object(body)
    }

    @Test func `an answer has items and its usage`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/responses", Self.body(["max_output_tokens": 50]))
            #expect(answer.json["object"] == "response")
            #expect(answer.json["status"] == "completed")
            #expect(answer.json["output"]?[0]?["content"]?[0]?["text"] == "You said: Hello")
            #expect(answer.json["usage"]?["input_tokens"] == 2)
            #expect(answer.json["usage"]?["total_tokens"] == 6)
            #expect(answer.cost == server.bill.total)
            #expect(answer.json["id"]?.string == answer.headers["x-generation-id"])
        }
    }

    @Test func `a stream has numbered events without names, and the whole answer at the end`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post("/responses", Self.body(["stream": true]))
            let events = answer.events
            #expect(
                events.compactMap { $0["type"]?.string } == [
                    "response.created", "response.in_progress", "response.output_item.added",
                    "response.content_part.added", "response.output_text.delta", "response.output_text.done",
                    "response.content_part.done", "response.output_item.done", "response.completed",
                ])
            #expect(events.compactMap { $0["sequence_number"]?.int } == Array(0..<events.count))
            #expect(!answer.text.contains("event:"))
            #expect(answer.text.hasSuffix("data: [DONE]\n\n"))
            let response = try #require(events.last?["response"])
            #expect(response["usage"]?["cost"]?.usd() == server.bill.total)
            #expect(response["output"]?[0]?["content"]?[0]?["text"] == "You said: Hello")
        }
    }

    @Test(arguments: [true, false]) func `an answer that was cut by its limit is incomplete`(isStreamed: Bool)
        async throws
    {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let answer = try await TestClient(addresses[0]).post(
                "/responses", Self.body(["max_output_tokens": 2, "stream": .bool(isStreamed)]))
            if isStreamed { #expect(answer.events.last?["type"] == "response.incomplete") }
            let response = isStreamed ? answer.events.last?["response"] : answer.json
            #expect(response?["status"] == "incomplete")
            #expect(response?["incomplete_details"] == ["reason": "max_output_tokens"])
            #expect(server.bill.usage.completionTokens == 2)
        }
    }

    @Test func `functions are called, and their outputs make the next turn`() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let client = TestClient(addresses[0])
            let tool: JSON = ["type": "function", "name": "list", "parameters": ["type": "object"]]
            let answer = try await client.post(
                "/responses", Self.body(["tools": [tool], "tool_choice": "required", "stream": true]))
            let response = try #require(answer.events.last?["response"])
            let call = try #require(response["output"]?.array?.last)
            #expect(call["type"] == "function_call")
            #expect(call["name"] == "list")
            #expect(call["arguments"] == "{}")
            #expect(answer.events.contains { $0["type"] == "response.function_call_arguments.delta" })

            let input: JSON = [
                ["role": "user", "content": "Go"], call,
                ["type": "function_call_output", "call_id": call["call_id"] ?? .null, "output": "done"],
            ]
            let next = try await client.post("/responses", Self.body(["input": input]))
            #expect(next.json["output"]?[0]?["type"] == "message")
        }
    }

    @Test func `what is stateful is refused, and a failing stream says so`() async throws {
        try await SimulatorServer.withServer(.prompt()) { server, addresses in
            let client = TestClient(addresses[0])
            #expect(try await client.post("/responses", Self.body(["previous_response_id": "x"])).status == 400)
            #expect(try await client.post("/responses", Self.body(["store": true])).status == 400)
            let failed = try await client.post(
                "/responses", Self.body(["stream": true]), ["fault": "mid_stream_error;status=503"])
            let last = try #require(failed.events.last)
            #expect(last["type"] == "response.failed")
            #expect(last["response"]?["error"]?["code"] == "503")
            #expect(server.bill.total == .zero)
        }
    }
}
