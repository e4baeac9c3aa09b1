/// What pricing a call needs of a model, worked out once for a price list. An object: it is handed on with every call.
final class ModelTerms: Sendable {
    let id: String
    let contextLength: Int?
    let maxCompletionTokens: Int?
    let pricing: Pricing
    let frame: PromptFrame
    /// It searches the web in every call, unasked.
    let searches: Bool
    /// It searches as often as it likes.
    let researches: Bool

    init(_ model: Model) {
        id = model.id
        contextLength = model.contextLength
        maxCompletionTokens = model.maxCompletionTokens
        pricing = model.pricing
        frame = PromptFrame(model: model.id)
        let name = model.id.lowercased()
        researches = name.contains("deep-research")
        searches = ["perplexity/", "-search-preview", "-search-api"].contains { name.contains($0) }
    }
}

/// The dearest prices at which a model may charge one call.
struct DearestRates {
    /// For a prompt token, read, written to a cache, or neither.
    private(set) var prompt: USD
    private(set) var output: USD
    private(set) var request: USD
    private(set) var image: USD
    /// For the search that the model makes unasked.
    private(set) var search: USD
    /// What an output token that is none of text can cost more.
    private(set) var outputSurcharge: USD
    /// As the list has them, without caches and reasoning.
    private(set) var listedPrompt: USD
    private(set) var listedCompletion: USD

    /// - Parameter promptTokens: the most that there can be: overrides for longer prompts do not apply.
    init(
        _ model: ModelTerms, promptTokens: Int, usesHourCache: Bool, _ dialect: Dialect
    ) throws(CallRefusal) {
        var rates = model.pricing.rates
        var isRouted = rates.hasNegative
        for override in model.pricing.overrides where promptTokens > override.minPromptTokens ?? -1 {
            isRouted = isRouted || override.rates.hasNegative
            rates.raise(to: override.rates)
        }
        guard !isRouted else { throw .routedPrice(model: model.id) }

        let hasOutput = dialect != .embeddings
        guard let prompt = rates.prompt, let completion = rates.completion ?? (hasOutput ? nil : .zero) else {
            throw .unknownPrice(model: model.id)
        }
        listedPrompt = prompt
        listedCompletion = completion
        let media = max(rates.imageOutput ?? .zero, rates.audioOutput ?? .zero)
        output = hasOutput ? max(completion, rates.reasoning ?? .zero, media) : .zero
        outputSurcharge = hasOutput ? max(.zero, media - completion) : .zero
        request = rates.request ?? .zero
        image = rates.image ?? .zero
        search = model.searches ? max(.zero, rates.webSearch ?? .zero) : .zero
        // A price of the request may have the search in it, and an allowance pays for a model's research.
        if model.searches, !model.researches, hasOutput, rates.webSearch == nil, rates.request == nil {
            throw .unknownPrice(model: model.id)
        }

        var cached = rates.cacheWrite ?? .zero
        // A price of writing below the prompt's is one of keeping: it comes on top of that of reading.
        if cached != .zero, cached < prompt { cached += rates.cacheRead ?? .zero }
        if usesHourCache { cached = max(cached, rates.cacheWrite1h ?? max(cached, prompt * 2)) }
        self.prompt = max(prompt, cached, rates.cacheRead ?? .zero)
    }

    /// What is certain to be paid.
    func base(promptTokens: Int, images: Int, _ model: ModelTerms) -> USD {
        var sum = prompt * promptTokens + request + search
        guard images > 0 else { return sum }
        // Lists quote `image` for one image or for one token of it, and do not say which. A price of many tokens is
        // one for an image.
        if image > listedPrompt * 64 {
            sum += image * images
        } else if image > prompt {
            let tokens = model.frame.tokens(of: PromptMeasure.Counts(images: images))
            sum += (image - prompt) * tokens
        }
        return sum
    }

    /// What is settled for a prompt's images beside its tokens, whose count does not tell them apart.
    func add(images: Int, _ model: ModelTerms, to surcharge: inout Surcharge) {
        guard images > 0, image > listedPrompt else { return }
        guard image <= listedPrompt * 64 else {
            surcharge.images = max(surcharge.images, image * images)
            return
        }
        surcharge.perImageToken = max(surcharge.perImageToken, image - listedPrompt)
        let tokens = model.frame.tokens(of: PromptMeasure.Counts(images: images))
        surcharge.imageTokens = max(surcharge.imageTokens, tokens)
    }
}

extension Pricing.Rates {
    /// A price that is charged for a call is negative. Web searches are priced as extras, or are the model's own.
    fileprivate var hasNegative: Bool {
        func isNegative(_ price: USD?) -> Bool { price?.isNegative ?? false }
        return isNegative(prompt) || isNegative(completion) || isNegative(cacheRead) || isNegative(cacheWrite)
            || isNegative(cacheWrite1h) || isNegative(reasoning) || isNegative(request) || isNegative(image)
    }

    /// The dearer one of each price.
    fileprivate mutating func raise(to other: Pricing.Rates) {
        func raise(_ price: inout USD?, _ other: USD?) {
            guard let other else { return }
            price = max(price ?? other, other)
        }
        raise(&prompt, other.prompt)
        raise(&completion, other.completion)
        raise(&cacheRead, other.cacheRead)
        raise(&cacheWrite, other.cacheWrite)
        raise(&cacheWrite1h, other.cacheWrite1h)
        raise(&reasoning, other.reasoning)
        raise(&request, other.request)
        raise(&image, other.image)
        raise(&webSearch, other.webSearch)
        raise(&imageOutput, other.imageOutput)
        raise(&audioOutput, other.audioOutput)
    }
}
