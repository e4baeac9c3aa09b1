package import PreflightCore

extension OpenRouterClient {
    /// The public catalogue with prices. It may reach us an hour late.
    package func models() async throws(OpenRouterError) -> Catalogue {
        let call = Call(path: "/models", timeout: .seconds(30), sendsKey: false)
        guard let data = try await send(call).json["data"]?.array else {
            throw unreadable(call, "no list of models in the answer")
        }
        let models = data.compactMap(Model.init(json:))
        guard !models.isEmpty else { throw unreadable(call, "the list of models is empty") }
        return Catalogue(models: models)
    }
}

extension OpenRouterClient {
    /// The catalogue with the embedding models, which have a list of their own. Servers that do not know that list do
    /// without it.
    package func allModels() async throws(OpenRouterError) -> Catalogue {
        let catalogue = try await models()
        let call = Call(path: "/embeddings/models", timeout: .seconds(15), sendsKey: false)
        guard let data = try? await with(retry: .none).send(call).json["data"]?.array else { return catalogue }
        let more = data.compactMap(Model.init(json:)).filter { catalogue[$0.id] == nil }
        return Catalogue(models: catalogue.models + more)
    }
}

/// The answer of a model to one call.
package struct Completion: Sendable, Equatable {
    /// The id that `/generation` knows the call by.
    package var generationID: String?
    package var model: String?
    package var provider: String?
    package var text: String
    package var finishReason: String?
    package var usage: Usage?
}

/// What OpenRouter recorded of one call.
package struct Generation: Sendable, Equatable {
    package var id: String
    package var model: String?
    /// With a provider key of the account's own the fee and the provider's price.
    package var cost: USD
    package var isCancelled: Bool
    package var usage: Usage
}

extension OpenRouterClient {
    /// One call of a model, not streamed. Not repeated once it may have been accepted: it could be billed twice.
    ///
    /// - Parameter request: the body, `model`, `messages` and `max_tokens` included.
    package func complete(_ request: JSON, timeout: Duration = .seconds(60)) async throws(OpenRouterError) -> Completion
    {
        let call = Call(
            method: "POST", path: "/chat/completions", body: request,
            headers: [("X-OpenRouter-Title", "Preflight")], timeout: timeout, safety: .once)
        let answer = try await send(call)
        let json = answer.json
        // OpenRouter reports some failures inside a 200.
        if let error = json["error"] ?? json["choices"]?[0]?["error"], !error.isNull {
            throw OpenRouterError(
                call: call.name, status: error["code"]?.int ?? 502, body: JSON.record(["error": error]).bytes,
                retryAfter: nil)
        }
        guard let choice = json["choices"]?[0] else { throw unreadable(call, "no choices in the answer") }
        return Completion(
            generationID: json["id"]?.string ?? answer.headers["x-generation-id"],
            model: json["model"]?.string, provider: json["provider"]?.string,
            text: choice["message"]?["content"]?.string ?? "", finishReason: choice["finish_reason"]?.string,
            usage: json["usage"].flatMap(Usage.init(json:)))
    }

    /// The record of a call; nil while it is not written yet. Throws when it does not say the whole cost.
    package func generation(id: String) async throws(OpenRouterError) -> Generation? {
        let call = Call(path: "/generation", query: [("id", id)])
        let data: JSON
        do {
            data = try await send(call).json["data"] ?? .null
        } catch  where error.kind == .notFound {
            return nil
        }
        guard let charged = data["total_cost"]?.usd() ?? data["usage"]?.usd(), !charged.isNegative else {
            throw unreadable(call, "no total_cost in the answer")
        }
        var cost = charged
        // With a provider key of the account's own that is only OpenRouter's fee. Without the provider's price the cost
        // is not known.
        if data["is_byok"]?.bool == true {
            guard let upstream = data["upstream_inference_cost"]?.usd(), !upstream.isNegative else {
                throw unreadable(call, "no upstream_inference_cost in the answer")
            }
            cost += upstream
        }
        // No call has more; sums of them must stay in their range, and none may give back what was counted before.
        func count(_ key: String) -> Int { min(max(0, data[key]?.int ?? 0), 1_000_000_000) }
        return Generation(
            id: data["id"]?.string ?? id, model: data["model"]?.string, cost: cost,
            isCancelled: data["cancelled"]?.bool ?? false,
            usage: Usage(
                promptTokens: count("native_tokens_prompt"), completionTokens: count("native_tokens_completion"),
                cachedTokens: count("native_tokens_cached"), reasoningTokens: count("native_tokens_reasoning"),
                cost: cost))
    }
}
