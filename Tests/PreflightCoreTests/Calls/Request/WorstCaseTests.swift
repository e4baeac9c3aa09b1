import PreflightCore
import TestSupport
import Testing

@Suite struct WorstCaseTests {
    private func usd(_ text: String) -> USD { USD(decimal: text) ?? .max }

    private func model(
        _ id: String = "m", prompt: String? = "0.000003", completion: String? = "0.000015", context: Int? = 200_000,
        output: Int? = 64_000, overrides: [Pricing.Override] = [], _ change: (inout Pricing.Rates) -> Void = { _ in }
    ) -> Model {
        var rates = Pricing.Rates(prompt: prompt.map(usd), completion: completion.map(usd))
        change(&rates)
        return Model(
            id: id, contextLength: context, maxCompletionTokens: output,
            pricing: Pricing(rates: rates, overrides: overrides))
    }

    private func price(
        _ body: String, _ models: [Model], _ allowances: Allowances = Allowances(), _ dialect: Dialect = .chat
    ) throws(CallRefusal) -> CallPrice {
        try WorstCase.price(of: facts(body, dialect), candidates: models, allowances: allowances)
    }

    @Test func `a plain call costs its prompt bound and its output cap`() throws {
        let price = try price(chat(#""max_tokens":100"#), [model()])
        #expect(price.promptTokens == (try facts(chat(""))).prompt.tokenBound(models: ["m"]))
        #expect(price.base == usd("0.000003") * price.promptTokens)
        #expect(price.perOutputToken == usd("0.000015"))
        #expect(price.maxOutputTokens == 100)
        #expect(price.worst == price.base + usd("0.0015"))
        #expect(price.maxPrice == MaxPrice(prompt: usd("3"), completion: usd("15")))
    }

    @Test func `what is left of a budget says how much output it pays for`() throws {
        let price = try price(chat(#""max_tokens":100"#), [model()])
        #expect(price.affordableOutput(price.worst) == 100)
        #expect(price.affordableOutput(price.base + usd("0.00015")) == 10)
        #expect(price.affordableOutput(price.base + usd("0.000149999999")) == 9)
        #expect(price.affordableOutput(price.base) == 0)
        #expect(price.affordableOutput(price.base - USD(picodollars: 1)) == nil)
    }

    @Test func `the model's own limit holds where the caller has none, or more`() throws {
        #expect(try price(chat(""), [model()]).maxOutputTokens == 64_000)
        #expect(try price(chat(#""max_tokens":99999999"#), [model()]).maxOutputTokens == 64_000)
        #expect(try price(chat(#""max_tokens":7"#), [model(context: nil, output: nil)]).maxOutputTokens == 7)
        #expect(throws: CallRefusal.unboundedOutput(model: "m")) {
            try price(chat(""), [model(context: nil, output: nil)])
        }
        let allowances = Allowances(defaultOutputTokens: 512)
        #expect(try price(chat(""), [model(context: nil, output: nil)], allowances).maxOutputTokens == 512)
    }

    @Test func `an answer of open length fits into the context beside its prompt`() throws {
        let open = model(context: 1000, output: nil)
        let short = try price(chat(""), [open])
        #expect(short.maxOutputTokens == 1000 - short.promptTokens)
        #expect(try price(chat(""), [model(context: 1000, output: 1000)]) == short)
        // A bound that fills the context says little of the prompt.
        let long = try facts(chat("", content: String(repeating: "hello world ", count: 300)))
        func output(known: Int? = nil, share: Int? = nil) throws -> Int {
            try WorstCase.price(
                of: long, candidates: [open], allowances: Allowances(),
                knownPromptTokens: known, usualPromptShare: share
            ).maxOutputTokens
        }
        let bound = try #require(long.prompt.tokenBound(models: ["m"]))
        #expect(bound > 1000)
        #expect(try output() == 62)
        #expect(try output(known: 900) == 100)
        // Counted some turns ago, and the bound of what has come since.
        #expect(try output(known: 5000) == 62)
        #expect(try output(share: 500) == max(62, 1000 - (bound * 500 / 1000 + 1)))
        // What is reserved pays the bound and the answer that is allowed.
        let price = try WorstCase.price(
            of: long, candidates: [open], allowances: Allowances(), usualPromptShare: 500)
        #expect(price.promptTokens == 1000)
        #expect(price.worst == usd("0.003") + usd("0.000015") * price.maxOutputTokens)
        // A caller's own length is its own affair.
        #expect(try self.price(chat(#""max_tokens":1000"#), [open]).maxOutputTokens == 1000)
    }

    @Test(arguments: [Dialect.embeddings, .completions])
    func `each prompt of a batch may fill a context`(dialect: Dialect) throws {
        let text = String(repeating: "a", count: 899)
        let texts = "[" + Array(repeating: "\"\(text)\"", count: 50).joined(separator: ",") + "]"
        let member = dialect == .embeddings ? "input" : "prompt"
        let small = model(context: 1000, output: 100)
        let batch = try price(#"{"model":"m","\#(member)":\#(texts)}"#, [small], Allowances(), dialect)
        let one = try price(#"{"model":"m","\#(member)":"\#(text)"}"#, [small], Allowances(), dialect)
        #expect(one.promptTokens <= 1000)
        #expect(batch.promptTokens >= (one.promptTokens - 96) * 50)
        #expect(batch.promptTokens <= 50_000)
        #expect(batch.base == usd("0.000003") * batch.promptTokens)
        // Numbers of tokens are what they are.
        let numbers = "[" + Array(repeating: "7", count: 900).joined(separator: ",") + "]"
        let lists = "[" + Array(repeating: numbers, count: 50).joined(separator: ",") + "]"
        let counted = try price(#"{"model":"m","\#(member)":\#(lists)}"#, [small], Allowances(), dialect)
        #expect((45_000...50_000).contains(counted.promptTokens))
        let endless = String(repeating: "word ", count: 4000)
        let many = "[" + Array(repeating: "\"\(endless)\"", count: 3).joined(separator: ",") + "]"
        #expect(try price(#"{"model":"m","\#(member)":\#(many)}"#, [small], Allowances(), dialect).promptTokens == 3000)
    }

    @Test func `a template's hidden text comes with every prompt of a completion`() throws {
        func bound(_ count: Int) throws -> Int {
            let prompts = Array(repeating: #""hi""#, count: count).joined(separator: ",")
            return try price(#"{"model":"m","prompt":[\#(prompts)]}"#, [model()], Allowances(), .completions)
                .promptTokens
        }
        #expect(try bound(11) - bound(1) >= 960)
    }

    @Test func `the dearest of the fallbacks counts, price by price`() throws {
        let dear = model("b", prompt: "0.000001", completion: "0.00006")
        let price = try price(chat(#""models":["b"],"max_tokens":10"#), [model(), dear])
        #expect(price.base == usd("0.000003") * price.promptTokens)
        #expect(price.perOutputToken == usd("0.00006"))
        #expect(price.maxPrice == MaxPrice(prompt: usd("3"), completion: usd("60")))
    }

    @Test func `choices multiply output only`() throws {
        let one = try price(chat(#""max_tokens":10"#), [model()])
        let five = try price(chat(#""max_tokens":10,"n":5"#), [model()])
        #expect(five.base == one.base)
        #expect(five.perOutputToken == one.perOutputToken * 5)
    }

    @Test func `writing to a cache counts where it is dearer, at the hour's price where it is asked for`() throws {
        let cached = model {
            $0.cacheWrite = usd("0.00000375")
            $0.cacheWrite1h = usd("0.000006")
        }
        let price = try price(chat(""), [cached])
        #expect(price.base == usd("0.00000375") * price.promptTokens)
        let hour = try self.price(chat(#""cache_control":{"ttl":"1h"}"#), [cached])
        #expect(hour.base == usd("0.000006") * hour.promptTokens)
        let unlisted = try self.price(chat(#""cache_control":{"ttl":"1h"}"#), [model()])
        #expect(unlisted.base == usd("0.000006") * unlisted.promptTokens)
        #expect(price.maxPrice.prompt == usd("3"))
    }

    @Test func `Gemini's storage comes on top of reading`() throws {
        let gemini = model(prompt: "0.0000001") {
            $0.cacheWrite = usd("0.000000083")
            $0.cacheRead = usd("0.00000003")
        }
        let price = try price(chat(""), [gemini])
        #expect(price.base == usd("0.000000113") * price.promptTokens)
    }

    @Test func `overrides count where the prompt could be long enough, at any time of day`() throws {
        let long = Pricing.Override(minPromptTokens: 100, rates: .init(prompt: usd("0.000006")))
        let longer = Pricing.Override(minPromptTokens: 100_000, rates: .init(prompt: usd("1")))
        let night = Pricing.Override(utcStart: 2200, utcEnd: 600, rates: .init(completion: usd("0.00002")))
        let cheap = Pricing.Override(utcStart: 600, utcEnd: 2200, rates: .init(prompt: usd("0.000001")))
        let price = try price(chat(#""max_tokens":1"#), [model(overrides: [long, longer, night, cheap])])
        #expect(price.base == usd("0.000006") * price.promptTokens)
        #expect(price.perOutputToken == usd("0.00002"))
    }

    @Test func `reasoning counts where it is dearer than completion, and fees once`() throws {
        let price = try price(
            chat(""),
            [
                model {
                    $0.reasoning = usd("0.00002")
                    $0.request = usd("0.01")
                }
            ])
        #expect(price.perOutputToken == usd("0.00002"))
        #expect(price.base == usd("0.000003") * price.promptTokens + usd("0.01"))
        #expect(price.maxPrice.request == usd("0.01"))
    }

    @Test func `images cost by the image or by the token, as the price looks`() throws {
        let body =
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"#
            + #"{"url":"data:image/png;base64,AAAA"}}]}]}"#
        let plain = try price(body, [model()])
        let each = try price(body, [model { $0.image = usd("0.0048") }])
        #expect(each.base == plain.base + usd("0.0048"))
        #expect(each.surcharge == Surcharge(images: usd("0.0048")))
        let token = try price(body, [model { $0.image = usd("0.000004") }])
        #expect(token.base == plain.base + usd("0.000001") * token.surcharge.imageTokens)
        #expect(token.surcharge.perImageToken == usd("0.000001") && token.surcharge.imageTokens > 1000)
        let same = try price(body, [model { $0.image = usd("0.000003") }])
        #expect(same.base == plain.base)
        #expect(same.surcharge == .none)
    }

    @Test func `answers that may hold images or sound cost the dearest of their output prices`() throws {
        let painter = model {
            $0.imageOutput = usd("0.00012")
            $0.reasoning = usd("0.00003")
        }
        let price = try price(chat(#""max_tokens":10"#), [painter])
        #expect(price.perOutputToken == usd("0.00012"))
        #expect(price.surcharge == Surcharge(perOutputToken: usd("0.000105")))
        #expect(price.maxPrice.completion == usd("15"))
        let speaker = try self.price(chat(""), [model { $0.audioOutput = usd("0.000064") }])
        #expect(speaker.perOutputToken == usd("0.000064"))
        let cheap = try self.price(chat(""), [model { $0.audioOutput = usd("0.000001") }])
        #expect(cheap.perOutputToken == usd("0.000015"))
        #expect(cheap.surcharge == .none)
        // As OpenRouter lists it.
        let listed = try WorstCase.price(
            of: facts(chat(#""max_tokens":10"#)).with(model: "google/gemini-3-pro-image"), in: TestData.catalogue())
        #expect(listed.perOutputToken == usd("0.00012"))
    }

    @Test func `a model that searches unasked costs one search`() throws {
        let search: (inout Pricing.Rates) -> Void = { $0.webSearch = self.usd("0.005") }
        let plain = try price(chat(""), [model("m", search)])
        #expect(plain.base == usd("0.000003") * plain.promptTokens)
        for name in ["perplexity/sonar", "openrouter/perplexity/sonar-pro", "openai/gpt-4o-search-preview"] {
            let price = try price(chat(""), [model(), model(name, search)])
            #expect(price.base == plain.base + usd("0.005"), "\(name)")
            #expect(price.surcharge == Surcharge(perCall: usd("0.005")), "\(name)")
        }
        let longer = Pricing.Override(minPromptTokens: 1, rates: .init(webSearch: usd("0.018")))
        let dear = try price(chat(""), [model("perplexity/x", overrides: [longer], search)])
        #expect(dear.base == plain.base + usd("0.018"))
    }

    @Test func `a model that searches unasked is refused where nothing says what a search costs`() throws {
        for name in ["gpt-4o-mini-search-preview", "gpt-5-search-api", "perplexity/sonar"] {
            #expect(throws: CallRefusal.unknownPrice(model: name)) { try price(chat(""), [model(name)]) }
            let asked = try price(chat(""), [model(name) { $0.request = self.usd("0.005") }])
            #expect(asked.base == usd("0.000003") * asked.promptTokens + usd("0.005"), "\(name)")
        }
        let input = #"{"model":"perplexity/embed","input":"a"}"#
        #expect(try price(input, [model("perplexity/embed", completion: nil)], Allowances(), .embeddings).worst > .zero)
    }

    @Test func `a model that searches as often as it likes needs an allowance`() throws {
        let extra = Extra(.webSearch, "deep_research")
        for name in ["perplexity/sonar-deep-research", "openai/o3-deep-research"] {
            #expect(throws: CallRefusal.extraNotAllowed(extra)) { try price(chat(""), [model(), model(name)]) }
            let allowances = Allowances(terms: ["web_search:deep_research": .init(perCall: usd("0.5"))])
            let allowed = try price(chat(""), [model(name)], allowances)
            #expect(allowed.base == usd("0.000003") * allowed.promptTokens + usd("0.5"))
        }
    }

    @Test func `a free model is free`() throws {
        let price = try price(chat(""), [model(prompt: "0", completion: "0")])
        #expect(price.worst == .zero)
        #expect(price.affordableOutput(.zero) == 64_000)
    }

    @Test func `a price that is not known or up to a router is refused`() throws {
        #expect(throws: CallRefusal.unknownPrice(model: "m")) { try price(chat(""), [model(prompt: nil)]) }
        #expect(throws: CallRefusal.unknownPrice(model: "m")) { try price(chat(""), [model(completion: nil)]) }
        #expect(throws: CallRefusal.routedPrice(model: "m")) {
            try price(chat(""), [model(prompt: "-1", completion: "-1")])
        }
        #expect(throws: CallRefusal.routedPrice(model: "m")) {
            try price(chat(""), [model(overrides: [.init(rates: .init(completion: usd("-1")))])])
        }
        #expect(throws: CallRefusal.unknownModel("b")) {
            try WorstCase.price(of: facts(chat(#""models":["b"]"#)), in: Catalogue(models: [model()]))
        }
    }

    @Test func `an embedding has no output`() throws {
        let price = try price(#"{"model":"m","input":["a","b"]}"#, [model(completion: nil)], Allowances(), .embeddings)
        #expect(price.worst == price.base)
    }

    @Test func `an extra is refused by its name, or priced by its terms`() throws {
        let body = chat(#""service_tier":"priority","plugins":[{"id":"web"}],"max_tokens":10"#)
        #expect(throws: CallRefusal.extraNotAllowed(Extra(.plugin, "web"))) { try price(body, [model()]) }
        var allowances = Allowances()
        allowances.terms["plugin:web"] = .init(perCall: usd("0.05"), promptTokens: 10_000)
        #expect(throws: CallRefusal.extraNotAllowed(Extra(.tier, "priority"))) {
            try price(body, [model()], allowances)
        }
        allowances.terms["tier"] = .init(factorPermille: 2_500)
        let plain = try price(chat(#""max_tokens":10"#), [model()])
        let dear = try price(body, [model()], allowances)
        #expect(dear.promptTokens == plain.promptTokens + 10_000)
        #expect(dear.base == (usd("0.000003") * dear.promptTokens).share(permille: 2_500) + usd("0.05"))
        #expect(dear.perOutputToken == usd("0.0000375"))
        #expect(dear.surcharge == Surcharge(perCall: usd("0.05"), factorPermille: 2_500))
        #expect(plain.surcharge == .none)
    }

    @Test func `factors round up`() throws {
        let allowances = Allowances(terms: ["tier": .init(factorPermille: 1_001)])
        let cheap = model(prompt: "0", completion: "0.000000000001")
        #expect(try price(chat(#""speed":"fast""#), [cheap], allowances).perOutputToken == USD(picodollars: 2))
    }

    @Test func `a predicted output may be charged in full`() throws {
        let allowances = Allowances(terms: ["prediction": .init()])
        let body = chat(#""prediction":{"type":"content","content":"some words that may not come true"}"#)
        let price = try price(body, [model(prompt: "0")], allowances)
        #expect(price.base >= usd("0.000015") * 8)
    }

    @Test func `an open end is bounded by the context, or refused`() throws {
        let allowances = Allowances(terms: ["state": .init()])
        let body = chat(#""previous_response_id":"r","max_tokens":1"#)
        #expect(try price(body, [model()], allowances).promptTokens == 200_000)
        #expect(throws: CallRefusal.unboundedPrompt(model: "m")) { try price(body, [model(context: nil)], allowances) }
    }

    @Test func `a tighter bound that was learned is taken, a looser one is not`() throws {
        let facts = try facts(chat(#""max_tokens":1"#))
        func tokens(_ known: Int) throws -> Int {
            try WorstCase.price(
                of: facts, candidates: [model()], allowances: Allowances(), knownPromptTokens: known
            ).promptTokens
        }
        #expect(try tokens(20) == 20)
        #expect(try tokens(1_000_000) == facts.prompt.tokenBound(models: ["m"]))
    }

    @Test func `prices at the end of the range saturate`() throws {
        let body = chat(#""n":128"#)
        let price = try price(body, [model(prompt: "9000000", completion: "9000000", context: .max, output: .max)])
        #expect(price.worst == .max)
        #expect(price.affordableOutput(usd("1000000")) == nil)
        let allowances = Allowances(terms: ["tier": .init(perCall: .max, promptTokens: .max, factorPermille: .max)])
        let dear = chat(#""speed":"fast","n":128"#)
        for text in ["9000000", "9000", "1", "0.000001"] {
            let model = model(prompt: text, completion: text, context: .max, output: .max)
            #expect(try self.price(dear, [model], allowances).worst == .max)
        }
    }

    @Test func `every captured request is priced or refused, and never below what it cost`() throws {
        let catalogue = try TestData.catalogue()
        var priced = 0
        for file in try TestData.captures() where file.hasSuffix(".request.json") {
            let name = String(file.dropLast(".request.json".count))
            let dialect: Dialect = name.hasPrefix("responses") ? .responses : .chat
            let facts = try CallFacts.read(try TestData.bytes("captures/openrouter/\(file)"), dialect: dialect)
            do throws(CallRefusal) {
                let price = try WorstCase.price(of: facts, in: catalogue)
                priced += 1
                guard let answer = try? TestData.json("captures/openrouter/\(name).response.json"),
                    let usage = answer["usage"].flatMap(Usage.init(json:)), let cost = usage.cost
                else { continue }
                // One call was made when its model cost more than the list of a later month says.
                let margin = file.hasPrefix("thinking_false") ? usd("0.00001") : .zero
                #expect(price.total(outputTokens: usage.completionTokens) + margin >= cost, "\(file)")
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
        #expect(priced >= 20)
    }
}
