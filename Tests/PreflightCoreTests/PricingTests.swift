import PreflightCore
import TestSupport
import Testing

@Suite struct PricingTests {
    /// The figures of a recorded conversation with Claude Sonnet 4.6: write, read, partial read.
    @Test(arguments: [
        (2572, 0, 2569, 0, "0.00964275"), (2649, 2569, 79, 0, "0.00106995"), (2572, 2240, 329, 0, "0.00191475"),
        (2649, 2569, 79, 100, "0.00256995"),
    ])
    func `cache reads and writes are priced as they were charged`(
        prompt: Int, cached: Int, written: Int, completion: Int, cost: String
    ) throws {
        let model = try #require(try TestData.catalogue()["anthropic/claude-sonnet-4.6"])
        let usage = Usage(
            promptTokens: prompt, completionTokens: completion, cachedTokens: cached, cacheWriteTokens: written)
        #expect(model.pricing.cost(of: usage)?.decimalText == cost)
    }

    @Test func `reasoning costs its own price where that is dearer, and is part of the completion`() {
        func cost(reasoning: Int64?, _ tokens: Int) -> USD? {
            Pricing(
                rates: .init(
                    prompt: USD(picodollars: 1), completion: USD(picodollars: 200),
                    reasoning: reasoning.map(USD.init(picodollars:)))
            ).cost(of: Usage(promptTokens: 10, completionTokens: 100, reasoningTokens: tokens))
        }
        #expect(cost(reasoning: 500, 60) == USD(picodollars: 10 + 40 * 200 + 60 * 500))
        #expect(cost(reasoning: 500, 0) == USD(picodollars: 10 + 100 * 200))
        // More than the completion has been reported.
        #expect(cost(reasoning: 500, 101) == USD(picodollars: 10 + 100 * 500))
        #expect(cost(reasoning: 100, 60) == USD(picodollars: 10 + 100 * 200))
        #expect(cost(reasoning: nil, 60) == USD(picodollars: 10 + 100 * 200))
    }

    @Test func `tokens reported as both cached and written are not counted twice`() throws {
        let model = try #require(try TestData.catalogue()["google/gemini-2.5-flash"])
        let usage = Usage(promptTokens: 2168, cachedTokens: 2161, cacheWriteTokens: 2161)
        let cost = try #require(model.pricing.cost(of: usage))
        // Charged: $0.000247013. A price finer than a picodollar is rounded up, so at most one is added per token.
        #expect((0...2161).contains(cost.picodollars - 247_013_000))
    }

    /// 13 of the 19 recorded answers that state a cost follow from list price and tokens; the others have fees, a key of
    /// the user's own, or another host.
    @Test func `list prices times recorded usage give the recorded costs`() throws {
        let catalogue = try TestData.catalogue()
        var exact = 0
        var stated = 0
        for file in try TestData.captures() where file.hasSuffix(".response.json") {
            let answer = try TestData.json("captures/openrouter/\(file)")
            guard let usageJSON = answer["usage"], let usage = Usage(json: usageJSON), usageJSON["cost"] != nil,
                let name = answer["model"]?.string
            else { continue }
            stated += 1
            guard let model = catalogue[name], let cost = model.pricing.cost(of: usage),
                let charged = usageJSON["cost"]?.usd()
            else { continue }
            // A recorded cost is the print of a binary fraction; a price finer than a picodollar is rounded up.
            let difference = cost.picodollars - charged.picodollars
            if (-1...Int64(usage.promptTokens + usage.completionTokens)).contains(difference) { exact += 1 }
        }
        #expect(stated == 19)
        #expect(exact == 13)
    }

    @Test func `an override applies only above its number of tokens, key by key`() {
        let pricing = Pricing(
            rates: .init(prompt: USD(picodollars: 3), completion: USD(picodollars: 15), cacheRead: USD(picodollars: 1)),
            overrides: [
                .init(minPromptTokens: 100, rates: .init(prompt: USD(picodollars: 6))),
                .init(minPromptTokens: 200, rates: .init(prompt: USD(picodollars: 9))),
            ])
        #expect(pricing.rates(promptTokens: 100).prompt == USD(picodollars: 3))
        #expect(pricing.rates(promptTokens: 101).prompt == USD(picodollars: 6))
        #expect(pricing.rates(promptTokens: 201).prompt == USD(picodollars: 9))
        #expect(pricing.rates(promptTokens: 201).completion == USD(picodollars: 15))
    }

    @Test func `a window of time may wrap midnight`() {
        let override = Pricing.Override(utcStart: 2200, utcEnd: 600, rates: .init())
        #expect(override.applies(promptTokens: 0, utcTime: 2300))
        #expect(override.applies(promptTokens: 0, utcTime: 559))
        #expect(!override.applies(promptTokens: 0, utcTime: 600))
        #expect(!override.applies(promptTokens: 0, utcTime: 1200))
    }

    @Test func `a price that is missing matters only where something was made`() {
        let pricing = Pricing(rates: .init(prompt: USD(picodollars: 10)))
        #expect(pricing.cost(of: Usage(promptTokens: 3)) == USD(picodollars: 30))
        #expect(pricing.cost(of: Usage(promptTokens: 3, completionTokens: 1)) == nil)
    }

    @Test func `a router's price of -1 is no price`() throws {
        let model = try #require(try TestData.catalogue()["openrouter/auto"])
        #expect(model.pricing.isUnbounded)
        #expect(model.pricing.cost(of: Usage(promptTokens: 1)) == nil)
    }

    @Test(arguments: ["openrouter-models-2026-08-01.json", "openrouter-models-2026-01-29.json"])
    func `both shapes of the catalogue are read whole`(file: String) throws {
        let entries = try #require(try TestData.json(file)["data"]?.array)
        let models = entries.compactMap(Model.init(json:))
        #expect(models.count == entries.count)
        #expect(models.allSatisfy { $0.pricing.rates.prompt != nil && $0.pricing.rates.completion != nil })
    }

    @Test func `a snapshot of prices is read back the same`() throws {
        for model in try TestData.catalogue().models {
            #expect(Pricing(json: model.pricing.json) == model.pricing, "\(model.id)")
        }
    }

    @Test func `models are found by id, by slug and through a routing suffix`() throws {
        let catalogue = try TestData.catalogue()
        #expect(catalogue["anthropic/claude-4.5-sonnet-20250929"]?.id == "anthropic/claude-sonnet-4.5")
        #expect(catalogue["google/gemini-2.5-flash:nitro"]?.id == "google/gemini-2.5-flash")
        #expect(catalogue["google/gemini-2.5-flash:fast"] == nil)
        for name in ["anthropic/claude-4.5-sonnet-20250929", "google/gemini-2.5-flash:nitro", "none"] {
            #expect(catalogue.pricing(of: name) == catalogue[name]?.pricing)
        }
    }
}

@Suite struct UsageTests {
    @Test func `OpenAI, Anthropic and short names are understood`() throws {
        let openAI = try #require(
            Usage(
                json: try JSON.parse(
                    #"{"prompt_tokens":10,"completion_tokens":2,"cost":8.6e-05,"prompt_tokens_details":{"cached_tokens":4}}"#
                )))
        #expect(openAI == Usage(promptTokens: 10, completionTokens: 2, cachedTokens: 4, cost: USD(decimal: "0.000086")))
        let anthropic = try #require(
            Usage(
                json: try JSON.parse(
                    #"{"input_tokens":10,"output_tokens":2,"cache_read_input_tokens":4,"cache_creation_input_tokens":3}"#
                )))
        #expect(anthropic.promptTokens == 17)
        let short = try #require(
            Usage(json: try JSON.parse(#"{"input":10,"output":2,"cacheRead":4,"cacheWrite":0,"cost":{"total":0.5}}"#)))
        #expect(short == Usage(promptTokens: 14, completionTokens: 2, cachedTokens: 4, cost: USD(cents: 50)))
    }

    /// Chat and responses, streamed and not, of 2025 and 2026.
    @Test func `the usage of every recorded answer is read`() throws {
        var read = 0
        for file in try TestData.captures() where file.contains(".response.") {
            let bytes = try TestData.bytes("captures/openrouter/\(file)")
            let answers: [JSON]
            if file.hasSuffix(".json") {
                answers = [try JSON.parse(bytes)]
            } else {
                // Keep-alive comments and the end mark are no JSON.
                answers = bytes.split(separator: 0x0A).filter { $0.starts(with: Array("data: {".utf8)) }
                    .map { try? JSON.parse($0.dropFirst(6)) }.compactMap(\.self)
                #expect(!answers.isEmpty, "\(file)")
            }
            for answer in answers {
                guard let usage = answer["usage"] ?? answer["response"]?["usage"], !usage.isNull else { continue }
                let usageRead = try #require(Usage(json: usage), "\(file)")
                #expect(usageRead.promptTokens == (usage["prompt_tokens"] ?? usage["input_tokens"])?.int, "\(file)")
                #expect(
                    usageRead.completionTokens == (usage["completion_tokens"] ?? usage["output_tokens"])?.int, "\(file)"
                )
                #expect((usageRead.cost != nil) == (usage["cost"] != nil), "\(file)")
                read += 1
            }
        }
        #expect(read >= 35)
    }

    @Test func `with a key of one's own the true price counts`() throws {
        let usage = try #require(
            Usage(json: try TestData.json("captures/openrouter/google_nested_schema-1.response.json")["usage"] ?? .null)
        )
        #expect(usage.cost?.decimalText == "0.0003253")
    }

    @Test(arguments: [
        "{}", "42", "null", #"{"prompt_tokens":"many"}"#, #"{"cost":-1}"#, #"{"prompt_tokens":-5}"#, #"{"cost":"x"}"#,
        #"{"prompt_tokens":1e400}"#,
    ])
    func `what says nothing is no usage`(text: String) throws {
        #expect(Usage(json: try JSON.parse(text)) == nil)
    }

    @Test func `absurd counts neither trap nor count`() throws {
        let usage = Usage(
            json: try JSON.parse(
                #"{"prompt_tokens":9223372036854775807,"cost":0.1,"prompt_tokens_details":{"cached_tokens":9223372036854775807}}"#
            ))
        #expect(usage?.promptTokens == 0)
        #expect(usage?.cachedTokens == 0)
    }
}
