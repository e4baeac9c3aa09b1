import PreflightCore
import TestSupport
import Testing

@Suite struct StreamShapeTests {
    @Test func `running counts count, and are final only behind the end`() {
        let chunk = #"data: {"id":"a","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"#
        var meter = StreamMeter(dialect: .chat)
        var bytes = Array(
            (chunk + #""usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"# + "\n\n").utf8)
        bytes.withUnsafeBytes { meter.feed($0) { _ in } }
        #expect(meter.facts.runningCompletionTokens == 3)
        #expect(!meter.facts.usageIsFinal)
        #expect(meter.facts.charge(prices: Pricing(rates: .init(prompt: .zero, completion: .zero))) == nil)
        bytes = Array(
            (#"data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}"# + "\n\ndata: [DONE]\n\n").utf8)
        bytes.withUnsafeBytes { meter.feed($0) { _ in } }
        #expect(meter.facts.usageIsFinal && meter.facts.isFinished)
        #expect(meter.facts.usage == Usage(promptTokens: 7, completionTokens: 9))
    }

    @Test func `the counts of a message's start are no bill`() {
        let start =
            #"data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":5,"output_tokens":1,"cost":0}}}"#
        let facts = facts(of: start + "\n\n", .messages)
        #expect(facts.usage == Usage(promptTokens: 5, completionTokens: 1))
        #expect(facts.charge(prices: Pricing(rates: .init(prompt: .zero, completion: .zero))) == nil)
    }

    @Test func `a correction of the prompt's count wins, null changes nothing`() {
        let facts = facts(
            of: #"""
                data: {"type":"message_start","message":{"usage":{"input_tokens":34824,"output_tokens":0}}}

                data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":3883,"cache_read_input_tokens":30464,"cache_creation_input_tokens":null,"output_tokens":49}}

                data: {"type":"message_stop"}


                """#, .messages)
        #expect(facts.usage == Usage(promptTokens: 34347, completionTokens: 49, cachedTokens: 30464))
    }

    @Test func `with a key of the user's own the true price is charged`() throws {
        func charge(_ usage: String) -> Charge? {
            facts(of: #"data: {"choices":[],"usage":{\#(usage)}}"# + "\n\n")
                .charge(prices: Pricing(rates: .init(prompt: USD(picodollars: 10), completion: USD(picodollars: 100))))
        }
        let counts = #""prompt_tokens":5,"completion_tokens":2"#
        #expect(
            charge(#"\#(counts),"cost":0.1,"is_byok":true,"cost_details":{"upstream_inference_cost":0.25}"#)
                == Charge(amount: USD(cents: 35), basis: .stated))
        #expect(
            charge(#"\#(counts),"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":null}"#)
                == Charge(amount: USD(picodollars: 250), basis: .priced))
        #expect(
            charge(#"\#(counts),"cost":0.1,"cost_details":{"upstream_inference_cost":0.25}"#)?.amount == USD(cents: 10))
        #expect(charge(counts) == Charge(amount: USD(picodollars: 250), basis: .priced))
        #expect(charge(#""prompt_tokens":5,"cost":-1"#) == nil)
        #expect(charge(#""prompt_tokens":5,"completion_tokens":-2"#) == nil)
        #expect(charge(#"\#(counts),"server_tool_use":{"web_search_requests":1}"#) == nil)
        #expect(charge(#"\#(counts),"cost":9.3e99"#)?.basis == .priced)
    }

    @Test func `what was allowed beyond tokens is settled with them, or counted searches where those cost more`() {
        func charge(
            _ usage: String, search: USD? = nil, _ surcharge: Surcharge = Surcharge(perCall: USD(cents: 5)),
            members: String = ""
        ) -> Charge? {
            facts(of: #"data: {"choices":[],\#(members)"usage":{\#(usage)}}"# + "\n\n")
                .charge(
                    prices: Pricing(
                        rates: .init(
                            prompt: USD(picodollars: 10), completion: USD(picodollars: 100), webSearch: search)),
                    surcharge: surcharge)
        }
        let counts = #""prompt_tokens":5,"completion_tokens":2"#
        let searches = #"\#(counts),"server_tool_use":{"web_search_requests":7}"#
        let tokens = USD(picodollars: 250)
        #expect(charge(counts) == Charge(amount: tokens + USD(cents: 5), basis: .priced))
        #expect(charge(searches)?.amount == tokens + USD(cents: 5))
        #expect(charge(searches, search: USD(cents: 1))?.amount == tokens + USD(cents: 7))
        #expect(charge(searches, .none) == nil)
        #expect(charge(#"\#(counts),"cost":0.1"#) == Charge(amount: USD(cents: 10), basis: .stated))
        #expect(charge(counts, Surcharge(factorPermille: 1_001))?.amount == USD(picodollars: 251))
        let image = Surcharge(perOutputToken: USD(picodollars: 900), factorPermille: 2_000)
        #expect(charge(counts, image)?.amount == USD(picodollars: (250 + 2 * 900) * 2))
        #expect(charge(counts, Surcharge(images: USD(cents: 2)))?.amount == tokens + USD(cents: 2))
        // There are no more tokens of images than tokens of the prompt.
        for (most, counted) in [(3, 3), (9_000, 5)] {
            let byToken = Surcharge(
                perImageToken: USD(picodollars: 1_000), imageTokens: most, factorPermille: 2_000)
            #expect(charge(counts, byToken)?.amount == (tokens + USD(picodollars: 1_000) * counted) * 2)
        }
        // Only a factor pays for a tier that the list does not quote.
        let tier = #""service_tier":"priority","#
        #expect(charge(counts, Surcharge(factorPermille: 2_000), members: tier)?.amount == USD(picodollars: 500))
        #expect(charge(counts, members: tier) == nil)
    }

    @Test func `writes for an hour have a price of their own`() {
        let facts = facts(
            of: #"""
                data: {"type":"message_start","message":{"usage":{"input_tokens":1,"cache_creation_input_tokens":30,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}}

                data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}


                """#, .messages)
        func rates(_ hour: Int64?) -> Pricing {
            Pricing(
                rates: .init(
                    prompt: USD(picodollars: 100), completion: USD(picodollars: 500),
                    cacheWrite: USD(picodollars: 125), cacheWrite1h: hour.map(USD.init(picodollars:))))
        }
        #expect(facts.charge(prices: rates(201))?.amount == USD(picodollars: 100 + 1250 + 4020 + 500))
        #expect(facts.charge(prices: rates(nil))?.amount == USD(picodollars: 100 + 1250 + 4000 + 500))
    }

    @Test func `errors are found wherever they stand`() {
        #expect(
            facts(of: #"data: {"error":{"code":429,"message":"slow","metadata":{"error_type":"rate_limit_exceeded"}}}"#)
                .error == AnswerError(code: "429", type: "rate_limit_exceeded", message: "slow"))
        #expect(
            facts(of: #"data: {"choices":[{"index":0,"delta":{},"error":{"code":502,"message":"x"}}]}"#).error?.status
                == 502)
        #expect(
            facts(of: #"data: {"object":"error","message":"no","type":"BadRequestError","code":400}"#).error
                == AnswerError(code: "400", type: "BadRequestError", message: "no"))
        #expect(
            facts(
                of: #"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, .messages
            ).error == AnswerError(type: "overloaded_error", message: "Overloaded"))
        #expect(
            facts(of: #"data: {"type":"error","code":"server_error","message":"x","param":null}"#, .responses).error?
                .code == "server_error")
        #expect(
            facts(
                of: #"data: {"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}"#, .responses
            ).error == AnswerError(code: "c", message: "m"))
        #expect(facts(of: #"data: {"choices":[],"error":null}"#).error == nil)
    }

    @Test func `the error of the recorded stream comes with its usage`() throws {
        var meter = StreamMeter(dialect: .chat)
        let capture = CapturedAnswer(path: "openrouter/stream_error.response.sse", dialect: .chat)
        _ = run(&meter, try capture.bytes())
        #expect(meter.facts.error != nil)
        #expect(meter.facts.usage != nil && meter.facts.usageIsFinal)
    }

    @Test func `a chunk with usage alone is withheld, and nothing else`() {
        let asked = #"data: {"choices":[{"index":0,"delta":{"content":"é"}}],"usage":null}"# + "\r\n\r\n: ping\n\n"
        let usage = #"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"# + "\n\n"
        let other = #"data: {"choices":[],"prompt_filter_results":[]}"# + "\n\n"
        let bytes = Array((asked + other + usage + "data: [DONE]\n\n").utf8)
        let expected = Array((asked + other + "data: [DONE]\n\n").utf8)
        for step in 1...bytes.count {
            var meter = StreamMeter(dialect: .chat, withholdsUsageChunk: true)
            #expect(run(&meter, bytes, cuts: Array(stride(from: step, to: bytes.count, by: step))) == expected)
            #expect(meter.facts.usage == Usage(promptTokens: 1, completionTokens: 1))
        }
    }

    @Test func `an event that is too large is passed on, not read, and told`() {
        let big = #"data: {"id":"big","choices":[{"delta":{"content":"\#(String(repeating: "x", count: 500))"}}]}"#
        let small = #"data: {"id":"small","choices":[]}"#
        let bytes = Array((big + "\n\n" + small + "\n\n").utf8)
        for withholds in [false, true] {
            for step in [1, 7, 100, 401, bytes.count] {
                var meter = StreamMeter(dialect: .chat, withholdsUsageChunk: withholds, largestEvent: 300)
                #expect(run(&meter, bytes, cuts: Array(stride(from: step, to: bytes.count, by: step))) == bytes)
                #expect(meter.hasOversizedEvent)
                #expect(meter.facts.id == "small" && meter.facts.producedBytes == 0)
            }
        }
    }

    @Test func `several data lines, other fields, a missing end and escapes are read`() {
        let facts = facts(
            of:
                "id: 5\nretry: 10\ndata: {\"id\":\ndata: \"gen\\u002d1\",\nevent: x\ndata:\"m\\u006fdel\":\"m\",\"choices\":"
                + "[{\"delta\":{\"content\":\"a\\u00e9\\n\\ud83d\\ude00\\u20ac\"}}]}   ")
        #expect(facts.id == "gen-1")
        #expect(facts.model == "m")
        #expect(facts.producedBytes == "aé\n😀€".utf8.count)
        #expect(facts.contentEvents == 1)
    }

    @Test func `numbers and objects that are cut are no counts`() {
        let event = #"data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":345}}"#
        for end in 0..<(event.utf8.count - 1) {
            #expect(facts(of: String(event.prefix(end))).usage == nil)
        }
        for count in ["1e400", "99999999999999999999", "1.5", "\"3\"", "true", "-1", "1000000001"] {
            let facts = facts(of: #"data: {"choices":[],"usage":{"prompt_tokens":\#(count),"completion_tokens":1}}"#)
            #expect(facts.tally.promptTokens == nil, "\(count)")
            #expect(facts.usage?.completionTokens == 1)
        }
    }

    @Test func `tool calls are counted once, and told apart by id where all have one index`() {
        func piece(_ index: Int, _ id: String?, _ name: String?) -> String {
            let id = id.map { #""id":"\#($0)","# } ?? ""
            let name = name.map { #""name":"\#($0)","# } ?? ""
            return #"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":\#(index),\#(id)"function":{\#(name)"#
                + #""arguments":"{}"}}]}}]}"# + "\n\n"
        }
        #expect(
            facts(of: piece(0, "a", "f") + piece(0, nil, "f") + piece(1, "b", "g") + piece(0, nil, nil)).toolNames
                == ["f", "g"])
        #expect(facts(of: piece(0, "a", "f") + piece(0, "b", "g")).toolNames == ["f", "g"])
    }

    @Test func `random bytes, and recorded ones with bytes changed, harm nothing`() throws {
        var random = SeededRandom(seed: 1)
        for dialect in Dialect.allCases {
            for _ in 0..<300 {
                let alphabet = Array("data: {}[]\",:\\u0\n\r1e-tfn".utf8)
                let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                    Bool.random(using: &random)
                        ? alphabet.randomElement(using: &random) ?? 0
                        : UInt8.random(in: 0...255, using: &random)
                }
                check(bytes, dialect, &random)
            }
        }
        for capture in CapturedAnswer.all {
            var bytes = try capture.bytes()
            bytes = Array(bytes.prefix(4000))
            for _ in 0..<10 {
                var changed = bytes
                for _ in 0..<5 {
                    changed[Int.random(in: 0..<changed.count, using: &random)] = .random(in: 0...255, using: &random)
                }
                check(changed, capture.dialect, &random)
            }
        }
    }

    private func check(_ bytes: [UInt8], _ dialect: Dialect, _ random: inout SeededRandom) {
        let cut = Int.random(in: 0...bytes.count, using: &random)
        var meter = StreamMeter(dialect: dialect)
        #expect(run(&meter, bytes, cuts: [cut]) == bytes)
        var whole = StreamMeter(dialect: dialect)
        _ = run(&whole, bytes)
        #expect(meter.facts == whole.facts)
        _ = StreamEnding(.truncated, id: "i", model: "m").bytes(after: meter)
        _ = AnswerReader.facts(in: bytes, dialect: dialect)
        var assembler = AnswerAssembler(dialect: dialect)
        bytes.withUnsafeBytes { assembler.feed($0) }
        assembler.finish()
        _ = assembler.answer
    }
}
