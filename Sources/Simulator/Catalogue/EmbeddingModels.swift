import PreflightCore

/// Embedding models, which the captured list does not hold; prices of their makers in 2026.
enum EmbeddingModels {
    static let entries = [
        entry("openai/text-embedding-3-small", name: "OpenAI: Text Embedding 3 Small", price: "0.00000002"),
        entry("openai/text-embedding-3-large", name: "OpenAI: Text Embedding 3 Large", price: "0.00000013"),
    ]

    private static func entry(_ id: String, name: String, price: String) -> JSON {
        [
            "id": .string(id), "canonical_slug": .string(id), "name": .string(name), "created": 1_761_862_866,
            "context_length": 8192,
            "architecture": [
                "modality": "text->embeddings", "input_modalities": ["text"], "output_modalities": ["embeddings"],
                "tokenizer": "Other", "instruct_type": .null,
            ],
            "pricing": ["prompt": .string(price), "completion": "0"],
            "top_provider": ["context_length": 8192, "max_completion_tokens": .null, "is_moderated": false],
            "supported_parameters": [], "expiration_date": .null,
        ]
    }
}
