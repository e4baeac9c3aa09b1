/// The most that a call can cost, as a price of what is certain and a price of each token that is still to come.
package struct CallPrice: Hashable, Sendable {
    /// The most tokens that the prompt can have.
    package var promptTokens: Int
    /// Prompt, request fee, images and extras at the dearest prices that may apply.
    package var base: USD
    /// One more output token, in all choices at once.
    package var perOutputToken: USD
    /// The most output tokens of one choice.
    package var maxOutputTokens: Int
    package var choices: Int
    /// The listed prices that this was reckoned with.
    package var maxPrice: MaxPrice
    /// What is settled beyond the tokens.
    package var surcharge: Surcharge

    package init(
        promptTokens: Int, base: USD, perOutputToken: USD, maxOutputTokens: Int, choices: Int, maxPrice: MaxPrice,
        surcharge: Surcharge = .none
    ) {
        self.promptTokens = promptTokens
        self.base = base
        self.perOutputToken = perOutputToken
        self.maxOutputTokens = maxOutputTokens
        self.choices = choices
        self.maxPrice = maxPrice
        self.surcharge = surcharge
    }

    /// Saturates at the end of the range.
    package func total(outputTokens: Int) -> USD { base + perOutputToken * max(0, outputTokens) }

    /// With the longest answer.
    package var worst: USD { total(outputTokens: maxOutputTokens) }

    /// The output tokens that `budget` pays for, at most `maxOutputTokens`; nil when it does not pay for the base.
    package func affordableOutput(_ budget: USD) -> Int? {
        guard budget >= base, base < .max else { return nil }
        guard let count = (budget - base).count(of: perOutputToken) else { return maxOutputTokens }
        return min(maxOutputTokens, count)
    }
}

/// What a call is charged beyond the listed price of its tokens: its usage does not say how much of that it used, so
/// where nobody states the cost, all of it is settled.
package struct Surcharge: Hashable, Sendable {
    /// For what it asks for beyond tokens, however often that is used.
    package var perCall: USD
    /// For the images of its prompt, where they are priced by the image.
    package var images: USD
    /// What a prompt token that is one of an image costs more, and the most of them that there can be.
    package var perImageToken: USD
    package var imageTokens: Int
    /// For each completion token but those of reasoning: it may be one of an image or of sound, which usage does not tell
    /// apart everywhere.
    package var perOutputToken: USD
    /// What the price of its tokens is multiplied with, in parts per thousand; at least 1000.
    package var factorPermille: Int

    package init(
        perCall: USD = .zero, images: USD = .zero, perImageToken: USD = .zero, imageTokens: Int = 0,
        perOutputToken: USD = .zero, factorPermille: Int = 1000
    ) {
        self.perCall = perCall
        self.images = images
        self.perImageToken = perImageToken
        self.imageTokens = imageTokens
        self.perOutputToken = perOutputToken
        self.factorPermille = factorPermille
    }

    package static let none = Surcharge()
}

/// OpenRouter's `provider.max_price`: endpoints that are dearer are not used.
package struct MaxPrice: Hashable, Sendable {
    /// For a million tokens.
    package var prompt: USD
    package var completion: USD
    /// For a request; nil when there is no such fee.
    package var request: USD?

    package init(prompt: USD, completion: USD, request: USD? = nil) {
        self.prompt = prompt
        self.completion = completion
        self.request = request
    }

    /// By the name in `max_price`; the texts are exact decimals.
    package var members: [(key: String, value: USD)] {
        [("prompt", prompt), ("completion", completion)] + (request.map { [("request", $0)] } ?? [])
    }
}
