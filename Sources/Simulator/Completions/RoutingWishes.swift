import PreflightCore

/// What a caller's `provider` object asks for, as far as the simulator's one endpoint a model can heed it.
struct RoutingWishes: Sendable {
    /// The provider to name: the first of `order`, else of `only`, without its region or quantization.
    var provider: String?
    /// Ceilings of `max_price`, in dollars per token and per request.
    var maxPromptPrice: USD?
    var maxCompletionPrice: USD?
    var maxRequestPrice: USD?

    init(json: JSON) {
        let named = json["order"]?[0]?.string ?? json["only"]?[0]?.string
        provider = named.map { String($0.prefix { $0 != "/" }) }
        let ceilings = json["max_price"]
        maxPromptPrice = Self.perToken(ceilings?["prompt"])
        maxCompletionPrice = Self.perToken(ceilings?["completion"])
        maxRequestPrice = ceilings?["request"]?.usd()
    }

    /// Tokens are priced by the million.
    private static func perToken(_ value: JSON?) -> USD? {
        value?.usd().map { USD(picodollars: $0.picodollars / 1_000_000) }
    }

    /// Whether these rates stay below every ceiling.
    func allow(_ rates: Pricing.Rates) -> Bool {
        func exceeds(_ price: USD?, _ ceiling: USD?) -> Bool {
            guard let price, let ceiling else { return false }
            return price > ceiling
        }
        return !exceeds(rates.prompt, maxPromptPrice) && !exceeds(rates.completion, maxCompletionPrice)
            && !exceeds(rates.request, maxRequestPrice)
    }
}
