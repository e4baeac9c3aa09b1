/// Which extras a call may ask for, and what each may cost at most. What is not here is refused.
package struct Allowances: Hashable, Sendable {
    /// The worst that an extra does to a call.
    package struct Terms: Hashable, Sendable {
        /// Added to the call, however often the extra is used in it.
        package var perCall: USD
        /// Prompt tokens that it adds, over all rounds of the call.
        package var promptTokens: Int
        /// What all token prices are multiplied with, in parts per thousand; less than 1000 counts as 1000.
        package var factorPermille: Int

        package init(perCall: USD = .zero, promptTokens: Int = 0, factorPermille: Int = 1000) {
            self.perCall = perCall
            self.promptTokens = promptTokens
            self.factorPermille = factorPermille
        }
    }

    /// By `Extra.name` (`plugin:web`), or by the kind alone (`plugin`) for all of a kind.
    package var terms: [String: Terms]
    /// The output that a call gets when neither it nor its model says a limit.
    package var defaultOutputTokens: Int?

    package init(terms: [String: Terms] = Self.harmless, defaultOutputTokens: Int? = nil) {
        self.terms = terms
        self.defaultOutputTokens = defaultOutputTokens
    }

    /// Extras that cost nothing by themselves, or whose price is in the list: answers that are kept, routing to the
    /// cheapest, and the hour cache, whose rate `WorstCase` takes.
    package static let harmless: [String: Terms] = [
        "state:store": Terms(), "routing:floor": Terms(), "hour_cache": Terms(),
    ]

    package subscript(extra: Extra) -> Terms? { terms[extra.name] ?? terms[extra.kind.rawValue] }
}
