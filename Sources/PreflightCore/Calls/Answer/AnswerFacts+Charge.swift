/// What a call is settled at.
package struct Charge: Hashable, Sendable {
    package var amount: USD
    package var basis: Basis

    package enum Basis: String, Sendable {
        /// The provider stated the cost.
        case stated
        /// The provider counted tokens; the price book gave their price.
        case priced
    }

    package init(amount: USD, basis: Basis) {
        self.amount = amount
        self.basis = basis
    }
}

extension AnswerFacts {
    /// What this answer cost; nil as long as that is unknown, which is never the same as nothing.
    ///
    /// The provider's own figure comes first. Without one, tokens are priced, if they are those of the whole call and
    /// everything it is charged for has a price: not a tier that the price book does not quote, not searches without
    /// a price, unless its surcharge covers them. That a call which failed or said nothing is free is never assumed.
    ///
    /// - Parameters:
    ///   - prices: looked up only where they are needed.
    ///   - surcharge: added to priced tokens; a stated cost has it in it.
    ///   - utcTime: HHMM as a number, for prices that depend on the time of day.
    package func charge(
        prices: @autoclosure () -> Pricing?, surcharge: Surcharge = .none, utcTime: Int = 0
    ) -> Charge? {
        guard usageIsFinal, let usage else { return nil }
        if let stated = tally.statedCost { return Charge(amount: stated, basis: .stated) }
        guard tally.isPriceable(in: dialect), !hasDearerTier || surcharge.factorPermille > 1000,
            let prices = prices(), let tokens = prices.cost(of: usage, utcTime: utcTime)
        else { return nil }
        var extras = surcharge.perCall
        if let searches = tally.webSearches, searches > 0 {
            let rates = prices.rates(promptTokens: usage.promptTokens, utcTime: utcTime)
            guard rates.webSearch != nil || extras > .zero else { return nil }
            extras = max(extras, (rates.webSearch ?? .zero) * searches)
        }
        let images =
            surcharge.images + surcharge.perImageToken * min(surcharge.imageTokens, max(0, usage.promptTokens))
        // Reasoning is text.
        let output = surcharge.perOutputToken * max(0, usage.completionTokens - usage.reasoningTokens)
        var amount = (tokens + images + output).raised(permille: surcharge.factorPermille) + extras
        // With a key of the user's own `cost` is only the fee; the provider's price comes on top.
        if let fee = tally.cost { amount += fee }
        return Charge(amount: amount, basis: .priced)
    }

    /// Prompt and answer were counted to their end.
    package var isCounted: Bool { usageIsFinal && tally.isPriceable(in: dialect) }

    /// Flex and batch cost less than the list price, so that stays an upper bound for them.
    package var hasDearerTier: Bool { serviceTier == "priority" || serviceTier == "fast" || serviceTier == "scale" }
}
