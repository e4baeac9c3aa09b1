/// A model costs something else than it did.
package struct PriceChange: Hashable, Sendable {
    package var model: String
    package var was: Pricing
    package var now: Pricing

    package init(model: String, was: Pricing, now: Pricing) {
        self.model = model
        self.was = was
        self.now = now
    }

    /// The models of a list that an earlier one had at another price, in its order.
    package static func between(_ earlier: Catalogue, _ later: Catalogue) -> [PriceChange] {
        later.models.compactMap { model in
            guard let was = earlier[model.id], was.id == model.id, was.pricing != model.pricing else { return nil }
            return PriceChange(model: model.id, was: was.pricing, now: model.pricing)
        }
    }

    package var text: String {
        func each(_ price: USD?) -> String { price.map { "\($0 * 1_000_000)" } ?? "unknown" }
        return "\(model) costs \(each(now.rates.prompt)) in and \(each(now.rates.completion)) out per M tokens now, "
            + "was \(each(was.rates.prompt)) and \(each(was.rates.completion))"
    }

    package var fields: JSON {
        func rates(_ pricing: Pricing) -> JSON {
            .record([
                "prompt_usd": pricing.rates.prompt.map(JSON.usd),
                "completion_usd": pricing.rates.completion.map(JSON.usd),
            ])
        }
        return ["model": .string(model), "was": rates(was), "now": rates(now)]
    }
}

extension Pricing {
    /// Prices that are below neither of two: what a call is reserved at while nobody knows which of them it is charged by.
    package func orDearer(_ other: Pricing) -> Pricing {
        guard self != other, !isUnbounded else { return self }
        guard !other.isUnbounded else { return other }
        // Conditions of two lists cannot be told apart once they are mixed, so each of them counts as met.
        let all =
            [rates, other.rates] + overrides.map { $0.rates.over(rates) }
            + other.overrides.map { $0.rates.over(other.rates) }
        return Pricing(rates: all.dropFirst().reduce(all[0]) { $0.orDearer($1) })
    }
}

extension Pricing.Rates {
    fileprivate func orDearer(_ other: Self) -> Self {
        func most(_ rate: KeyPath<Self, USD?>) -> USD? {
            [self[keyPath: rate], other[keyPath: rate]].compactMap(\.self).max()
        }
        // Without a price of their own these tokens cost what the prompt's do, which is more where that is dearer.
        func mostOfPrompt(_ rate: KeyPath<Self, USD?>) -> USD? {
            guard self[keyPath: rate] != nil || other[keyPath: rate] != nil else { return nil }
            return [self[keyPath: rate] ?? prompt, other[keyPath: rate] ?? other.prompt].compactMap(\.self).max()
        }
        return Self(
            prompt: most(\.prompt), completion: most(\.completion), cacheRead: mostOfPrompt(\.cacheRead),
            cacheWrite: mostOfPrompt(\.cacheWrite), cacheWrite1h: most(\.cacheWrite1h), reasoning: most(\.reasoning),
            request: most(\.request), image: most(\.image), webSearch: most(\.webSearch),
            imageOutput: most(\.imageOutput), audioOutput: most(\.audioOutput))
    }
}

extension Catalogue {
    /// The models of both lists, those in both at prices that are below neither.
    package func orDearer(_ other: Catalogue) -> Catalogue {
        var models = models.map { model -> Model in
            guard let before = other[model.id], before.id == model.id else { return model }
            var model = model
            model.pricing = model.pricing.orDearer(before.pricing)
            return model
        }
        let known = Set(models.map(\.id))
        models += other.models.filter { !known.contains($0.id) }
        return Catalogue(models: models)
    }
}
