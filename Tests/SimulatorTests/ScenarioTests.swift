import PreflightCore
import Simulator
import Testing

@Suite("Scenarios") struct ScenarioTests {
    @Test(
        "errors name the place in the file",
        arguments: [
            ("{", "test.json: not JSON, expected a key at byte 1"),
            ("{}", "test.json: 'models' is missing"),
            (#"{"models": {"*": "solves_quikly"}}"#, "test.json: models.*: 'solves_quikly' is none of"),
            (#"{"models": {"a/b": {"turns": []}}}"#, "test.json: models.a/b.turns: at least one turn is needed"),
            (
                #"{"models": {"a/b": {"turns": [{}, {"dealy": "1s"}]}}}"#,
                "test.json: models.a/b.turns[1].dealy: unknown key"
            ),
            (
                #"{"models": {"*": {"turns": [{"delay": "soon"}]}}}"#,
                "test.json: models.*.turns[0].delay: expected a time"
            ),
            (
                #"{"models": {"*": {"turns": [{"error": {"status": 200}}]}}}"#,
                "test.json: models.*.turns[0].error.status: expected a whole number from 400 to 599"
            ),
            (
                #"{"models": {"*": {"turns": [{"tool_calls": [{"name": "bash", "arguments": "ls"}]}]}}}"#,
                "test.json: models.*.turns[0].tool_calls[0]: 'arguments' has to be an object"
            ),
        ])
    func parsingErrors(text: String, message: String) {
        let error = #expect(throws: PreflightError.self) { try Scenario.text(text) }
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }

    @Test("a misspelt behaviour or scenario gets a suggestion")
    func suggestions() {
        let behaviour = #expect(throws: PreflightError.self) {
            try Scenario.text(#"{"models": {"*": "solves_quikly"}}"#)
        }
        #expect(behaviour?.hint == "did you mean 'solves_quickly'?")
        let scenario = #expect(throws: PreflightError.self) { try Scenario.load("fate") }
        #expect(scenario?.hint == "did you mean 'fates'?")
    }

    @Test("the turn follows from the assistant messages, so a retry plays it again")
    func turns() async throws {
        let options = try SimulatorOptions.prompt {
            $0.scenario = try .text(
                """
                {"models": {"*": {"then": "loop", "turns": [
                  {"text": "first {{turn}}"}, {"text": "again {{turn}}", "repeat": 2}]}}}
                """)
        }
        try await SimulatorServer.withServer(options) { _, addresses in
            let client = TestClient(addresses[0])
            var messages: [JSON] = [["role": "user", "content": "Go"]]
            for expected in ["first 1", "again 2", "again 3", "first 4"] {
                let body: JSON = [
                    "model": "openai/gpt-4o-mini", "messages": .array(messages), "max_tokens": 10,
                ]
                for _ in 0..<2 {
                    let answer = try await client.post("/chat/completions", body)
                    #expect(answer.json["choices"]?[0]?["message"]?["content"] == .string(expected))
                }
                messages.append(["role": "assistant", "content": .string(expected)])
            }
        }
    }

    @Test("every model of the fates is one that can be bought and calls tools")
    func fatesAreReal() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let list = try await TestClient(addresses[0]).get("/models?supported_parameters=tools")
            let ids = Set((list.json["data"]?.array ?? []).compactMap { $0["id"]?.string })
            for model in Scenario.fates.scripts.keys where model != "*" { #expect(ids.contains(model), "\(model)") }
            #expect(Scenario.fates.scripts.count >= 8)
        }
    }

    @Test("a tool that has to be called is called, with arguments its schema allows")
    func requiredTool() async throws {
        try await SimulatorServer.withServer(.prompt()) { _, addresses in
            let parameters: JSON = [
                "type": "object", "required": ["city", "days"],
                "properties": ["city": ["type": "string"], "days": ["type": "integer"], "unit": ["type": "string"]],
            ]
            var body = TestClient.chatBody().object ?? JSON.Object()
            body["tools"] = [["type": "function", "function": ["name": "weather", "parameters": parameters]]]
            body["tool_choice"] = "required"
            let answer = try await TestClient(addresses[0]).post("/chat/completions", .object(body))
            let choice = try #require(answer.json["choices"]?[0])
            #expect(choice["finish_reason"] == "tool_calls")
            let call = try #require(choice["message"]?["tool_calls"]?[0]?["function"])
            #expect(call["name"] == "weather")
            #expect(call["arguments"] == #"{"city":"text","days":1}"#)
        }
    }

    @Test("file tools become shell commands where only a shell is offered")
    func shellOnly() async throws {
        try await SimulatorServer.withServer(.prompt { $0.scenario = .fates }) { _, addresses in
            var body = TestClient.chatBody(maxTokens: 4000).object ?? JSON.Object()
            body["tools"] = [["type": "function", "function": ["name": "bash", "parameters": [:]]]]
            let answer = try await TestClient(addresses[0]).post("/chat/completions", .object(body))
            let call = answer.json["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"]
            #expect(call?["name"] == "bash")
            #expect(call?["arguments"]?.string?.contains("cat > '/workspace/output/kurve.py'") == true)
        }
    }
}
