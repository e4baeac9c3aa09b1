import PreflightCore

/// Who serves a model, as far as a caller can tell.
struct Provider: Sendable, Equatable {
    /// As `provider` in answers.
    var name: String
    /// As in `provider.only` and endpoint tags.
    var slug: String

    init(modelID: String) {
        let author = modelID.drop { $0 == "~" }.prefix { $0 != "/" }
        let known = Self.byAuthor[String(author)]
        // Google serves Gemini itself, open-weight Gemma runs elsewhere.
        let isGemma = modelID.contains("/gemma")
        name = isGemma ? "DeepInfra" : known?.name ?? "DeepInfra"
        slug = isGemma ? "deepinfra" : known?.slug ?? "deepinfra"
    }

    /// The one that a caller asked for by its slug; nil when nobody has that slug.
    init?(slug: String) {
        guard let name = Self.nameBySlug[slug] else { return nil }
        self.name = name
        self.slug = slug
    }

    private static let nameBySlug: [String: String] = {
        var names = [
            "deepinfra": "DeepInfra", "google-vertex": "Google", "groq": "Groq", "together": "Together",
            "azure": "Azure", "fireworks": "Fireworks", "novita": "Novita", "cerebras": "Cerebras",
        ]
        for known in byAuthor.values { names[known.slug] = known.name }
        return names
    }()

    private static let byAuthor: [String: (name: String, slug: String)] = [
        "ai21": ("AI21", "ai21"), "amazon": ("Amazon Bedrock", "amazon-bedrock"),
        "anthropic": ("Anthropic", "anthropic"), "cohere": ("Cohere", "cohere"),
        "deepseek": ("DeepSeek", "deepseek"), "google": ("Google AI Studio", "google-ai-studio"),
        "inception": ("Inception", "inception"), "liquid": ("Liquid", "liquid"), "mancer": ("Mancer", "mancer"),
        "minimax": ("Minimax", "minimax"), "mistralai": ("Mistral", "mistral"),
        "moonshotai": ("Moonshot AI", "moonshotai"), "openai": ("OpenAI", "openai"),
        "perplexity": ("Perplexity", "perplexity"), "qwen": ("Alibaba", "alibaba"), "x-ai": ("xAI", "xai"),
        "z-ai": ("Z.AI", "z-ai"),
    ]

    /// Whether dropping a stream ends generation and billing; providers on no list are assumed to go on.
    var stopsWhenCancelled: Bool {
        Self.stopping.contains(name)
    }

    private static let stopping: Set = [
        "Anthropic", "OpenAI", "DeepInfra", "DeepSeek", "Cohere", "xAI", "Liquid", "Mancer", "Azure", "Fireworks",
        "Novita", "Together",
    ]
}
