/// A model as the provider's catalogue describes it.
package struct Model: Hashable, Sendable {
    /// What is sent as `model`.
    package var id: String
    /// The permanent, dated name.
    package var canonicalSlug: String?
    package var name: String?
    package var contextLength: Int?
    package var maxCompletionTokens: Int?
    package var supportedParameters: [String]
    package var pricing: Pricing
    /// `YYYY-MM-DD`; the model may be removed after that day.
    package var expirationDate: String?

    package init(
        id: String, canonicalSlug: String? = nil, name: String? = nil, contextLength: Int? = nil,
        maxCompletionTokens: Int? = nil, supportedParameters: [String] = [], pricing: Pricing,
        expirationDate: String? = nil
    ) {
        self.id = id
        self.canonicalSlug = canonicalSlug
        self.name = name
        self.contextLength = contextLength
        self.maxCompletionTokens = maxCompletionTokens
        self.supportedParameters = supportedParameters
        self.pricing = pricing
        self.expirationDate = expirationDate
    }

    package var isFreeVariant: Bool { id.hasSuffix(":free") }
}

extension Model {
    /// Reads one entry of `GET /models`, in the shapes of 2025 and 2026. Nil without an id.
    ///
    /// Only `id` is required; a field of a wrong type counts as absent.
    package init?(json: JSON) {
        guard let id = json["id"]?.string, !id.isEmpty else { return nil }
        self.init(
            id: id,
            canonicalSlug: json["canonical_slug"]?.string,
            name: json["name"]?.string,
            contextLength: json["context_length"]?.int ?? json["top_provider"]?["context_length"]?.int,
            maxCompletionTokens: json["top_provider"]?["max_completion_tokens"]?.int,
            supportedParameters: json["supported_parameters"]?.array?.compactMap(\.string) ?? [],
            pricing: Pricing(json: json["pricing"] ?? .null),
            expirationDate: json["expiration_date"]?.string)
    }
}

extension Pricing {
    /// Reads the `pricing` object of a catalogue entry.
    package init(json: JSON) {
        self.init(
            rates: Rates(json: json),
            overrides: (json["overrides"]?.array ?? []).map { entry in
                Override(
                    minPromptTokens: entry["min_prompt_tokens"]?.int,
                    utcStart: entry["utc_start"]?.int, utcEnd: entry["utc_end"]?.int,
                    rates: Rates(json: entry))
            })
    }
}

extension Pricing.Rates {
    init(json: JSON) {
        func price(_ key: String) -> USD? { json[key]?.usd() }
        self.init(
            prompt: price("prompt"), completion: price("completion"), cacheRead: price("input_cache_read"),
            cacheWrite: price("input_cache_write"), cacheWrite1h: price("input_cache_write_1h"),
            reasoning: price("internal_reasoning"), request: price("request"), image: price("image"),
            webSearch: price("web_search"), imageOutput: price("image_output"), audioOutput: price("audio_output"))
    }
}

/// All models and their prices at a moment.
package struct Catalogue: Sendable {
    package let models: [Model]
    private let terms: [ModelTerms]
    private let byName: [String: Int]

    package init(models: [Model]) {
        self.models = models
        terms = models.map(ModelTerms.init)
        var byName: [String: Int] = [:]
        for (index, model) in models.enumerated() {
            if let slug = model.canonicalSlug, byName[slug] == nil { byName[slug] = index }
        }
        // Ids after slugs: a slug is often shared with variants, an id is not.
        for (index, model) in models.enumerated() { byName[model.id] = index }
        self.byName = byName
    }

    /// Suffixes that steer routing and have no list entry of their own.
    package static let routingSuffixes = ["nitro", "floor", "online", "exacto"]

    /// Finds a model by id or canonical slug; a routing suffix (`:nitro`, `:floor`, …) is looked through.
    package subscript(name: String) -> Model? { index(of: name).map { models[$0] } }

    /// The prices of a model, found in the same way.
    package func pricing(of name: String) -> Pricing? { terms(of: name)?.pricing }

    func terms(of name: String) -> ModelTerms? { index(of: name).map { terms[$0] } }

    private func index(of name: String) -> Int? {
        if let index = byName[name] { return index }
        guard let colon = name.lastIndex(of: ":"),
            Self.routingSuffixes.contains(String(name[name.index(after: colon)...]))
        else { return nil }
        return byName[String(name[..<colon])]
    }
}
