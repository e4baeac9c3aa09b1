import PreflightCore

extension FuzzTarget {
    private static func captures(_ suffix: String, of folders: [String] = ["openrouter", "neighbours"]) -> [[UInt8]] {
        folders.flatMap { folder -> [[UInt8]] in
            let index = (try? TestData.json("captures/\(folder)/index.json"))?.array ?? []
            let key = suffix.hasPrefix(".request") ? "request" : "response"
            return index.compactMap { entry -> [UInt8]? in
                guard let uri = entry["uri"]?.string, let file = entry[key]?.string, file.hasSuffix(suffix),
                    let bytes = try? TestData.bytes("captures/\(folder)/\(file)")
                else { return nil }
                return [dialectByte(uri)] + bytes
            }
        }
    }

    private static func dialectByte(_ uri: String) -> UInt8 {
        let dialect: Dialect = uri.hasSuffix("/messages") ? .messages : uri.hasSuffix("/responses") ? .responses : .chat
        return UInt8(Dialect.allCases.firstIndex(of: dialect) ?? 0)
    }

    private static let answerWords = [
        #""usage":{"#, #""cost":"#, #""choices":[{"#, #""delta":{"#, #""content":""#, "null", #""is_byok":true"#,
        #""upstream_inference_cost":"#, #""prompt_tokens":"#, #""input_tokens":"#, #""output_tokens":"#, "\n\n",
        "data: ", "data: [DONE]\n\n", "event: message_stop\n", #""type":"message_delta""#, "\\u0075", "\r\n",
        ": ping\n",
        #""type":"response.completed","response":{"#, #""finish_reason":"stop""#, #""error":{"#, #""index":"#,
    ]

    private static let pricing = Pricing(
        rates: .init(prompt: USD(picodollars: 10), completion: USD(picodollars: 100)))

    private static func keep(_ facts: AnswerFacts, bytes: Int, _ promises: inout Promises) {
        promises.keepNonNegative(facts.usage, "an answer's usage")
        promises.keep((facts.runningCompletionTokens ?? 0) >= 0, "a running count is negative")
        promises.keep(facts.producedBytes >= 0 && facts.producedBytes <= bytes, "\(facts.producedBytes) bytes produced")
        if let charge = facts.charge(prices: pricing) {
            promises.keep(charge.amount >= .zero, "a charge is negative: \(charge)")
            promises.keep(facts.usageIsFinal, "something is charged before the end")
        }
    }

    /// Whole answers.
    package static let answers = FuzzTarget(
        "answers", words: answerWords, seeds: { captures(".json") },
        check: { bytes in
            var promises = Promises()
            var input = FuzzInput(bytes)
            let dialect = input.choice(of: Dialect.allCases)
            let body = input.bytes
            let facts = AnswerReader.facts(in: body, dialect: dialect)
            keep(facts, bytes: body.count, &promises)
            // The scanner reads more than strict JSON, never less.
            if let json = try? JSON.parse(body), json.object != nil {
                promises.keep(facts.isFinished, "a whole answer is not read to its end")
            }
            if facts.usage == nil { promises.keep(facts.charge(prices: pricing) == nil, "a charge without usage") }
            return promises.broken
        })

    /// Streams of answers: what is passed on, learnt, put together, and ended early.
    package static let streams = FuzzTarget(
        "streams", words: answerWords,
        seeds: {
            captures(".sse").flatMap { seed in
                [0, 1].map { flag in [seed[0], flag, 30, 120] + Array(seed.dropFirst().prefix(12_000)) }
            }
        },
        check: { bytes in
            var promises = Promises()
            var input = FuzzInput(bytes)
            let dialect = input.choice(of: Dialect.allCases)
            let withholds = input.choice(below: 2) == 1
            let size = input.choice(below: 256) + 1
            let stop = input.choice(below: 256)
            let pieces = input.pieces(of: size)
            let body = input.bytes
            var meter = StreamMeter(dialect: dialect, withholdsUsageChunk: withholds)
            var whole = meter
            var (passed, passedWhole): ([UInt8], [UInt8]) = ([], [])
            for piece in pieces { piece.withUnsafeBytes { meter.feed($0) { passed.append(contentsOf: $0) } } }
            body.withUnsafeBytes { whole.feed($0) { passedWhole.append(contentsOf: $0) } }
            meter.finish { passed.append(contentsOf: $0) }
            whole.finish { passedWhole.append(contentsOf: $0) }
            promises.keep(passed == passedWhole, "pieces of \(size) pass on other bytes")
            promises.keep(meter.facts == whole.facts, "pieces of \(size) teach other facts")
            promises.keep(withholds || passed == body, "a stream is not passed on as it came")
            keep(meter.facts, bytes: body.count, &promises)

            // Ended early, at some piece: what was passed on and the ending are events to their end.
            var cut = StreamMeter(dialect: dialect, withholdsUsageChunk: withholds)
            var caller: [UInt8] = []
            for piece in pieces.prefix(stop) {
                piece.withUnsafeBytes { cut.feed($0) { caller.append(contentsOf: $0) } }
            }
            cut.stop()
            for reason in [StreamEnding.Reason.truncated, .failed(.upstreamFailed("u", "gone"))] {
                guard let end = StreamEnding(reason, id: "i", model: "m").bytes(after: cut) else { continue }
                promises.keep(!hasOpenEvent(caller + end), "an ending does not end its last event")
            }
            for piece in pieces.dropFirst(stop) { piece.withUnsafeBytes { cut.feed($0) { _ in } } }
            cut.finish { _ in }

            var assembler = AnswerAssembler(dialect: dialect)
            for piece in pieces { piece.withUnsafeBytes { assembler.feed($0) } }
            assembler.finish()
            if let answer = assembler.answer {
                promises.keep((try? JSON.parse(answer.bytes)) == answer, "an assembled answer is no JSON")
            }
            return promises.broken
        })

    /// Whether a strict reader waits for more of an event.
    private static func hasOpenEvent(_ bytes: [UInt8]) -> Bool {
        var hasData = false
        var line: [UInt8] = []
        var isBehindReturn = false
        for byte in bytes {
            defer { isBehindReturn = byte == 0x0D }
            if byte == 0x0A, isBehindReturn { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                continue
            }
            if line.isEmpty { hasData = false }
            if line.starts(with: "data".utf8), line.count == 4 || line[4] == UInt8(ascii: ":") { hasData = true }
            line = []
        }
        return hasData || line.starts(with: "data:".utf8)
    }

    private static let model: Model? = {
        let json = try? JSON.parse(
            #"{"id":"m","context_length":100000,"pricing":{"prompt":"0.000001","completion":"0.000002"}}"#)
        return json.flatMap(Model.init(json:))
    }()

    /// Requests: what they may cost, and what is changed in them.
    package static let requests = FuzzTarget(
        "requests",
        words: [
            #""max_tokens":"#, #""max_completion_tokens":"#, #""MAX_TOKENS":"#, #""model":"m""#, #""stream":true"#,
            #""stream_options":{"#, #""provider":{"max_price":{"#, #""n":"#, #""tools":["#, #""thinking":{"#,
            #""budget_tokens":"#, #""messages":["#, #""content":"#, #""role":"user""#, "\\u006d", "null", "{}", "[]",
            #""plugins":["#, #""models":["#, #""prediction":"#, "\\u0000", #""input":"#, #""image_url":"#,
        ],
        seeds: { captures(".request.json") },
        check: { bytes in
            var promises = Promises()
            var input = FuzzInput(bytes)
            let dialect = input.choice(of: Dialect.allCases)
            let body = input.bytes
            do throws(CallRefusal) {
                let facts = try CallFacts.read(body, dialect: dialect)
                promises.keep((try? JSON.parse(body))?.object != nil, "what is no JSON object is read")
                promises.keep(facts.choices >= 1 && (facts.outputCap ?? 0) >= 0, "choices or cap out of range")
                promises.keep(facts.predictionTokens >= 0, "a prediction is negative")
                if let model {
                    keep(facts, model, &promises)
                }
                let changes = BodyChanges(
                    maxOutputTokens: 2000, asksForUsage: true,
                    maxPrice: MaxPrice(prompt: USD(cents: 100), completion: USD(cents: 200)), model: "x/y",
                    isStreamed: true)
                let changed = try changes.applied(to: body, facts: facts)
                do throws(CallRefusal) {
                    let again = try CallFacts.read(changed, dialect: dialect)
                    promises.keep(again.model == "x/y" && again.isStreamed, "a change is not in the body")
                    promises.keep(
                        dialect == .embeddings || (again.outputCap ?? .max) <= 2000, "the cap is not in the body")
                } catch {
                    promises.keep(false, "a changed body cannot be read: \(error)")
                }
            } catch { _ = error }
            return promises.broken
        })

    private static func keep(_ facts: CallFacts, _ model: Model, _ promises: inout Promises) {
        do throws(CallRefusal) {
            let price = try WorstCase.price(of: facts, candidates: [model], allowances: Allowances())
            promises.keep(
                price.base >= .zero && price.perOutputToken >= .zero && price.promptTokens >= 0
                    && price.maxOutputTokens >= 0, "a worst case is negative: \(price)")
        } catch { _ = error }
    }
}
