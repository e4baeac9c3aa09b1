/// A model and who serves it: the same id at two upstreams is two things.
package struct ModelSource: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var model: String
    /// Nil for OpenRouter.
    package var upstream: String?

    package init(model: String, upstream: String? = nil) {
        self.model = model
        self.upstream = upstream
    }

    package var description: String { upstream.map { "\(model) at \($0)" } ?? model }

    package static func < (left: ModelSource, right: ModelSource) -> Bool {
        (left.model, left.upstream ?? "") < (right.model, right.upstream ?? "")
    }
}

/// What an upstream of an experiment asks for its models.
package struct UpstreamPrices: Sendable {
    package var name: String
    /// Nil: calls cost nothing.
    package var table: Catalogue?

    package init(name: String, table: Catalogue?) {
        self.name = name
        self.table = table
    }

    /// Nil where it has no price for the model.
    package func pricing(of model: String) -> Pricing? {
        guard let table else { return Pricing(rates: Pricing.Rates(prompt: .zero, completion: .zero)) }
        return table.pricing(of: model)
    }
}
