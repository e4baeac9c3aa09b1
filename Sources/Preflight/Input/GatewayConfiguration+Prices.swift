import Gateway
import PreflightCore
import Store

extension GatewayConfiguration {
    static let priceKeys = [
        "prompt", "completion", "cache_read", "cache_write", "cache_write_1h", "reasoning", "request", "image",
        "search", "context", "max_output",
    ]

    /// `free`, `listed`, a table, a file, or a table over a file.
    static func pricing(
        _ members: [String: TreeReader], _ kind: Upstream.Kind, _ upstream: TreeReader, _ surroundings: Surroundings
    ) throws(PreflightError) -> Upstream.PricingSource {
        var models: [String: Model] = [:]
        if let file = members["prices_file"] {
            for model in try priceFile(file, surroundings) { models[model.id] = model }
        }
        guard let prices = members["prices"] else {
            if members["prices_file"] != nil { return .table(catalogue(models)) }
            switch kind {
            case .openRouter: return .listed
            case .vllm: return .free
            case .openAI, .anthropic:
                throw upstream.fail(
                    "prices are missing: what has no price cannot be bounded",
                    hint: "prices: {MODEL: {prompt: 0.15, completion: 0.60}}, in dollars per million tokens")
            }
        }
        switch prices.value.string {
        case nil: break
        case "free"? where members["prices_file"] == nil: return .free
        case "listed"? where members["prices_file"] == nil && kind == .openRouter: return .listed
        case "listed"?: throw prices.fail("only OpenRouter lists its prices")
        default: throw prices.fail("expected free, listed, or a table of models")
        }
        for (name, entry) in try prices.named("free, listed, or a table of models") {
            models[name] = try model(name, entry)
        }
        guard !models.isEmpty else { throw prices.fail("name at least one model") }
        return .table(catalogue(models))
    }

    private static func catalogue(_ models: [String: Model]) -> Catalogue {
        Catalogue(models: models.values.sorted { $0.id < $1.id })
    }

    private static func priceFile(
        _ reader: TreeReader, _ surroundings: Surroundings
    ) throws(PreflightError) -> [Model] {
        let path = Files.absolute(try reader.string(), relativeTo: surroundings.directory)
        do {
            let json = try JSON.parse(try Files.read(path, limit: 64 << 20))
            let models = LiteLLMPrices.models(json)
            guard !models.isEmpty else { throw PreflightError(.usage, "\(path) prices no model") }
            return models
        } catch let error as PreflightError {
            throw reader.fail(error.message, hint: "a file such as LiteLLM's model_prices_and_context_window.json")
        } catch {
            throw reader.fail("\(path) is no JSON: \(error)")
        }
    }

    private static func model(_ name: String, _ reader: TreeReader) throws(PreflightError) -> Model {
        let members = try reader.object(keys: priceKeys)
        guard members["prompt"] != nil else { throw reader.fail("prompt is missing") }
        var rates = Pricing.Rates(prompt: try perMillion(members["prompt"]), request: try members["request"]?.price())
        rates.completion = try perMillion(members["completion"])
        rates.cacheRead = try perMillion(members["cache_read"])
        rates.cacheWrite = try perMillion(members["cache_write"])
        rates.cacheWrite1h = try perMillion(members["cache_write_1h"])
        rates.reasoning = try perMillion(members["reasoning"])
        rates.image = try members["image"]?.price()
        rates.webSearch = try members["search"]?.price()
        func count(_ key: String) throws(PreflightError) -> Int? {
            guard let reader = members[key] else { return nil }
            let count = try reader.int()
            guard (1...1_000_000_000).contains(count) else { throw reader.fail("expected 1…1000000000") }
            return count
        }
        return Model(
            id: name, contextLength: try count("context"), maxCompletionTokens: try count("max_output"),
            pricing: Pricing(rates: rates))
    }

    /// Dollars for a million tokens as picodollars for one, rounded up where that is no whole number.
    private static func perMillion(_ reader: TreeReader?) throws(PreflightError) -> USD? {
        guard let reader else { return nil }
        var text = try reader.string()[...]
        if text.hasPrefix("$") { text = text.dropFirst() }
        guard let price = DecimalText.scaled(text.utf8, by: 6, roundingUp: true), price >= 0 else {
            throw reader.fail("expected dollars for a million tokens, such as 0.15")
        }
        return USD(picodollars: price)
    }
}

extension TreeReader {
    /// Dollars for one, 0 or more.
    fileprivate func price() throws(PreflightError) -> USD {
        let amount = try usd()
        guard !amount.isNegative else { throw fail("a price is not negative") }
        return amount
    }
}
