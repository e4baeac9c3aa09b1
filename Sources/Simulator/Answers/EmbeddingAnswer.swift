import PreflightCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An answer of `POST /embeddings`: a vector for each input, the same for the same text.
struct EmbeddingAnswer: Sendable {
    var call: Admission

    static let defaultDimensions = 16

    func json(_ settlement: Settlement) -> JSON.Object {
        let isPlain = call.flavour != .openRouter
        var usage: JSON.Object = JSON.Object([
            .init(key: "prompt_tokens", value: .int(settlement.usage.promptTokens)),
            .init(key: "total_tokens", value: .int(settlement.usage.promptTokens)),
        ])
        if !isPlain {
            usage.append("cost", .usd(settlement.cost))
            if settlement.isBYOK {
                usage.append("is_byok", true)
                usage.append("cost_details", ["upstream_inference_cost": .usd(settlement.upstreamCost)])
            }
        }
        let embedding = call.request.embedding
        return JSON.Object([
            .init(key: "id", value: .string(call.generationID)), .init(key: "object", value: "list"),
            .init(key: "model", value: .string(isPlain ? call.model.id : call.modelName)),
            .init(
                key: "data",
                value: .array(
                    embedding.seeds.enumerated().map { index, seed in
                        ["object": "embedding", "index": .int(index), "embedding": vector(seed: seed)]
                    })),
            .init(key: "usage", value: .object(usage)),
        ])
    }

    /// In ten-thousandths, from -0.9999 to 0.9999.
    private func vector(seed: UInt64) -> JSON {
        var chance = IDSource(seed: seed)
        let parts = (0..<call.request.embedding.dimensions).map { _ in chance.number(below: 19_999) - 9_999 }
        guard call.request.embedding.isBase64 else {
            return .array(
                parts.map { part in
                    let digits = String(abs(part) + 10_000).dropFirst()
                    return .number("\(part < 0 ? "-" : "")0.\(digits)")
                })
        }
        var data = Data()
        for part in parts {
            withUnsafeBytes(of: (Float(part) / 10_000).bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        return .string(data.base64EncodedString())
    }
}

/// What a call of `/embeddings` asks for besides its model.
struct EmbeddingWishes: Sendable {
    /// One for each input, from its content.
    var seeds: [UInt64] = []
    /// 1…4096.
    var dimensions = EmbeddingAnswer.defaultDimensions
    var isBase64 = false

    init() {}

    init(json: JSON) {
        let input = json["input"] ?? .null
        let isTokens = input.array?.first?.numberText != nil
        let inputs = isTokens ? [input] : input.array ?? [input]
        seeds = inputs.map { input in
            input.bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        }
        dimensions = min(max(1, json["dimensions"]?.int ?? EmbeddingAnswer.defaultDimensions), 4096)
        isBase64 = json["encoding_format"] == "base64"
    }
}
