import PreflightCore

/// What a call pays beyond the list price of its tokens, and by whose key.
struct Tariff: Sendable {
    /// On the price of tokens.
    var factor = 1
    /// `default` or `priority`.
    var serviceTier = "default"
    /// How often the web is searched.
    var searches = 0
    /// For each search.
    var searchPrice = USD.zero
    /// Whether the provider itself searches, so that the fee is part of its price, or OpenRouter does.
    var isNativeSearch = false
    var isBYOK = false
    /// OpenRouter's share of the provider's price when the account brought its own key, in thousandths.
    var byokFeePermille = 0

    /// OpenRouter's own searching, where a model's list entry has no price for it.
    static let searchPrice = USD(picodollars: 7_000_000_000)

    init(_ request: CompletionRequest, _ orders: Orders, model: Model, options: SimulatorOptions) {
        if request.wantsPriority, request.kind != .embeddings {
            factor = max(1, options.priorityFactor)
            serviceTier = "priority"
        }
        if request.searchesTheWeb {
            searches = orders.searches ?? 1
            isNativeSearch = model.pricing.rates.webSearch != nil
            searchPrice = model.pricing.rates.webSearch ?? Self.searchPrice
        }
        isBYOK = orders.isBYOK ?? options.isBYOK
        byokFeePermille = options.byokFeePermille
    }

    /// The account's bill for what a provider charged.
    func cost(tokens: USD, search: USD) -> USD {
        let upstream = tokens + (isNativeSearch ? search : .zero)
        let own = isNativeSearch ? USD.zero : search
        return own + (isBYOK ? Self.share(of: upstream, permille: byokFeePermille) : upstream)
    }

    /// What the provider charged, searching included where it does that itself.
    func upstreamCost(tokens: USD, search: USD) -> USD { tokens + (isNativeSearch ? search : .zero) }

    /// Rounded up: what is owed.
    private static func share(of amount: USD, permille: Int) -> USD {
        let product = amount * max(0, permille)
        return USD(picodollars: product.picodollars / 1000 + (product.picodollars % 1000 > 0 ? 1 : 0))
    }
}
