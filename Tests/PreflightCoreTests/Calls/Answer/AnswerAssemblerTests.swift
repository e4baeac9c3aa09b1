import PreflightCore
import TestSupport
import Testing

@Suite struct AnswerAssemblerTests {
    @Test(arguments: CapturedAnswer.streams)
    func `a recorded stream becomes an answer that says the same`(capture: CapturedAnswer) throws {
        let bytes = try capture.bytes()
        let answer = try #require(assembled(bytes, capture.dialect))
        #expect(assembled(bytes, capture.dialect, step: 13) == answer)
        var meter = StreamMeter(dialect: capture.dialect)
        _ = run(&meter, bytes)
        let facts = AnswerReader.facts(in: answer.bytes, dialect: capture.dialect)
        #expect(facts.usage == meter.facts.usage && facts.usageIsFinal)
        #expect(facts.id == meter.facts.id && facts.model == meter.facts.model)
        #expect(facts.finishReasons == meter.facts.finishReasons)
        #expect(facts.toolNames == meter.facts.toolNames)
        #expect(facts.error == meter.facts.error)
        if capture.dialect == .chat {
            #expect(facts.producedBytes == meter.facts.producedBytes)
            let texts = try capture.events().compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }
            #expect(answer["choices"]?[0]?["message"]?["content"]?.string ?? "" == texts.joined())
        }
        if capture.dialect == .messages {
            let texts = try capture.events().compactMap { $0["delta"]?["text"]?.string }
            let blocks = answer["content"]?.array ?? []
            #expect(blocks.compactMap { $0["text"]?.string }.joined() == texts.joined())
        }
    }

    /// Recorded with and without streaming. Of the body's members only those that the stream does not send are missing.
    @Test(arguments: ["advisor_tool", "web_search_annotations", "web_search_tool_usage"])
    func `an assembled answer has the members of one that was not streamed`(name: String) throws {
        let body = try TestData.json("captures/openrouter/\(name).response.json")
        let answer = try #require(
            assembled(try TestData.bytes("captures/openrouter/\(name)_stream.response.sse"), .chat))
        func keys(_ json: JSON?) -> Set<String> { Set(json?.object?.keys ?? []) }
        #expect(keys(body).subtracting(keys(answer)).isSubset(of: ["system_fingerprint", "service_tier"]))
        #expect(keys(answer["choices"]?[0]) == keys(body["choices"]?[0]))
        let missing = keys(body["choices"]?[0]?["message"]).subtracting(keys(answer["choices"]?[0]?["message"]))
        #expect(missing.isSubset(of: ["reasoning", "refusal"]))
        #expect(answer["object"] == body["object"])
        #expect(keys(answer["usage"]) == keys(body["usage"]))
    }

    @Test func `tool calls, reasoning and log probabilities are joined by index`() throws {
        let answer = try #require(
            assembled(
                Array(
                    #"""
                    data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":"two"},"logprobs":null,"finish_reason":"stop"}],"obfuscation":"x"}

                    data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning":"be","reasoning_details":[{"type":"reasoning.text","text":"be","index":0}],"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]},"logprobs":{"content":[{"token":"x"}]},"finish_reason":null}]}

                    data: {"choices":[{"index":0,"delta":{"reasoning":"cause","reasoning_details":[{"type":"reasoning.text","text":"cause","signature":"s","index":0}],"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"[]"}},{"index":0,"function":{"arguments":"{}"}}]},"logprobs":{"content":[{"token":"y"}]},"finish_reason":"tool_calls"}]}

                    data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}

                    data: [DONE]


                    """#.utf8), .chat))
        let first = answer["choices"]?[0]
        let message = first?["message"]
        #expect(message?["content"] == .null)
        #expect(message?["reasoning"] == "because")
        #expect(
            message?["reasoning_details"]
                == [["type": "reasoning.text", "text": "because", "index": 0, "signature": "s"]])
        #expect(
            message?["tool_calls"] == [
                ["id": "a", "type": "function", "function": ["name": "f", "arguments": "{}"]],
                ["id": "b", "type": "function", "function": ["name": "g", "arguments": "[]"]],
            ])
        #expect(first?["logprobs"]?["content"] == [["token": "x"], ["token": "y"]])
        #expect(first?["finish_reason"] == "tool_calls")
        #expect(answer["choices"]?[1]?["message"]?["content"] == "two")
        #expect(answer["obfuscation"] == nil && answer["usage"]?["completion_tokens"] == 2)
    }

    @Test func `thinking keeps its signature and a tool its input`() throws {
        let thinking = try #require(
            assembled(try TestData.bytes("captures/neighbours/anthropic-thinking-stream.response.sse"), .messages))
        #expect(thinking["content"]?[0]?["signature"]?.string?.hasPrefix("EsgDCkYIBxgC") == true)
        #expect(thinking["content"]?[0]?["thinking"]?.string?.hasPrefix("The user is asking me") == true)
        #expect(thinking["stop_reason"] == "end_turn")
        let tool = try #require(
            assembled(
                try TestData.bytes("captures/neighbours/anthropic-tool-call-and-cache-stream-1.response.sse"),
                .messages))
        #expect(tool["content"]?[0]?["input"] == ["path": "testdata/working_dir"])
        #expect(tool["usage"]?["output_tokens"] == 58)
        #expect(tool["usage"]?["cache_creation"]?["ephemeral_5m_input_tokens"] == 1276)
    }

    @Test func `older completions and errors are put together too`() throws {
        let text = try #require(
            assembled(
                Array(
                    (#"data: {"id":"c","choices":[{"index":0,"text":"a","finish_reason":null}]}"# + "\n\n"
                        + #"data: {"id":"c","choices":[{"index":0,"text":"b","finish_reason":"stop"}]}"#).utf8),
                .completions))
        #expect(text["object"] == "text_completion" && text["choices"]?[0]?["text"] == "ab")
        let failed = assembled(
            Array(#"data: {"type":"error","error":{"type":"overloaded_error","message":"m"}}"#.utf8), .messages)
        #expect(failed?["error"]?["type"] == "overloaded_error")
        let response = assembled(Array(#"data: {"type":"error","code":"c","message":"m"}"#.utf8), .responses)
        #expect(response?["error"]?["message"] == "m")
        #expect(assembled([], .chat) == nil)
    }

    @Test(arguments: [
        (#"{"type":"overloaded_error","message":"m"}"#, 529), (#"{"type":"rate_limit_error","message":"m"}"#, 429),
        (#"{"type":"api_error","message":"m"}"#, 500), (#"{"code":"server_error","message":"m"}"#, 500),
        (#"{"code":503,"message":"m"}"#, 503), (#"{"type":"invalid_request_error","message":"m"}"#, 400),
        (#"{"code":200,"message":"m"}"#, 502), (#""words""#, 502),
    ])
    func `an error stands for a status`(text: String, status: Int) throws {
        #expect(AnswerError(json: try JSON.parse(text))?.likelyStatus == status)
    }

    @Test func `an answer beyond the limit is given up`() {
        var assembler = AnswerAssembler(dialect: .chat, limit: 100)
        let chunk = Array((#"data: {"choices":[{"delta":{"content":"hello"}}]}"# + "\n\n").utf8)
        for _ in 0..<3 { chunk.withUnsafeBytes { assembler.feed($0) } }
        #expect(assembler.isOversized && assembler.answer == nil)
    }

    private func assembled(_ bytes: [UInt8], _ dialect: Dialect, step: Int = .max) -> JSON? {
        var assembler = AnswerAssembler(dialect: dialect)
        bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = start + min(step, bytes.count - start)
                assembler.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
        assembler.finish()
        return assembler.answer
    }
}
