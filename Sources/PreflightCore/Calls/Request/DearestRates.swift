/// The dearest prices at which a model may charge one call.
struct DearestRates {
    /// For a prompt token, read, written to a cache, or neither.
    private(set) var prompt: USD
    private(set) var output: USD
    private(set) var request: USD
    private(set) var image: USD
    /// As the list has them, without caches and reasoning.
    private(set) var listedPrompt: USD
    private(set) var listedCompletion: USD

    /// - Parameter promptTokens: the most that there can be: overrides for longer prompts do not apply.
    init(
        _ model: Model, promptTokens: Int, usesHourCache: Bool, _ dialect: Dialect
    ) throws(CallRefusal) {
        let pricing = model.pricing
        let overrides = pricing.overrides.filter { promptTokens > $0.minPromptTokens ?? -1 }.map(\.rates)
        let all = [pricing.rates] + overrides
        let every = all.flatMap {
            [
                $0.prompt, $0.completion, $0.cacheRead, $0.cacheWrite, $0.cacheWrite1h, $0.reasoning, $0.request,
                $0.image,
            ]
        }
        guard !every.contains(where: { $0?.isNegative ?? false }) else { throw .routedPrice(model: model.id) }
        func dearest(_ rate: (Pricing.Rates) -> USD?) -> USD? { all.compactMap(rate).max() }

        let hasOutput = dialect != .embeddings
        guard let prompt = dearest(\.prompt), let completion = dearest(\.completion) ?? (hasOutput ? nil : .zero) else {
            throw .unknownPrice(model: model.id)
        }
        listedPrompt = prompt
        listedCompletion = completion
        output = hasOutput ? max(completion, dearest(\.reasoning) ?? .zero) : .zero
        request = dearest(\.request) ?? .zero
        image = dearest(\.image) ?? .zero

        var cached = dearest(\.cacheWrite) ?? .zero
        // A price of writing below the prompt's is one of keeping: it comes on top of that of reading.
        if cached != .zero, cached < prompt { cached += dearest(\.cacheRead) ?? .zero }
        if usesHourCache { cached = max(cached, dearest(\.cacheWrite1h) ?? max(cached, prompt * 2)) }
        self.prompt = max(prompt, cached, dearest(\.cacheRead) ?? .zero)
    }

    /// What is certain to be paid.
    func base(promptTokens: Int, images: Int, _ model: Model) -> USD {
        var sum = prompt * promptTokens + request
        guard images > 0 else { return sum }
        // Lists quote `image` for one image or for one token of it, and do not say which. A price of many tokens is
        // one for an image.
        if image > listedPrompt * 64 {
            sum += image * images
        } else if image > prompt {
            let tokens = PromptFrame(models: [model.id]).tokens(of: PromptMeasure.Counts(images: images))
            sum += (image - prompt) * tokens
        }
        return sum
    }
}
