import PreflightCore

/// Servers that are not OpenRouter: models and completions under `/v1`, without prices.
extension SimulatorServer {
    func routePlain(_ call: ServerCall) async throws -> Reply {
        let isOpenAI = options.flavour == .openAI
        switch (call.method, call.path) {
        case ("GET", "/health"), ("GET", "/ping"):
            guard !isOpenAI else { throw APIError.notFound }
            return Reply(status: 200, text: "", contentType: "text/plain")
        case ("GET", "/version"):
            guard !isOpenAI else { throw APIError.notFound }
            return Reply(["version": "0.11.0"])
        case ("GET", "/v1/models"):
            try checkServerKey(call)
            return Reply(["object": "list", "data": .array(options.servedModels.map(modelJSON))])
        case ("POST", "/v1/chat/completions"): return try await completePlain(call, kind: .chat)
        case ("POST", "/v1/completions"): return try await completePlain(call, kind: .legacy)
        case ("POST", "/v1/embeddings"): return try await completePlain(call, kind: .embeddings)
        default: throw APIError.notFound
        }
    }

    private func checkServerKey(_ call: ServerCall) throws(APIError) {
        guard let key = options.serverKey, call.bearer != key else { return }
        let message = options.flavour == .openAI ? "Incorrect API key provided" : "Unauthorized"
        throw APIError(status: 401, message: message)
    }

    private func modelJSON(_ model: SimulatorOptions.ServedModel) -> JSON {
        guard options.flavour == .vllm else {
            return ["id": .string(model.id), "object": "model", "created": 1_750_000_000, "owned_by": "openai"]
        }
        return [
            "id": .string(model.id), "object": "model", "created": 1_750_000_000, "owned_by": "vllm",
            "root": .string(model.id), "parent": .null, "max_model_len": .int(model.contextLength),
            "permission": [],
        ]
    }

    private func completePlain(_ call: ServerCall, kind: CompletionRequest.Kind) async throws -> Reply {
        try checkServerKey(call)
        var request = try CompletionRequest(json: call.json(), kind: kind)
        guard let name = request.candidates.first,
            let served = options.servedModels.first(where: { $0.id == name })
        else {
            throw APIError(status: 404, message: "The model `\(request.candidates.first ?? "")` does not exist.")
        }
        let promptTokens = request.prompt.tokenCount
        let room = served.contextLength - promptTokens
        guard room > 0, (request.maxTokens ?? 0) <= room || options.flavour == .openAI else {
            throw APIError(
                status: 400,
                message: "This model's maximum context length is \(served.contextLength) tokens. However, you "
                    + "requested \(request.maxTokens ?? 0) tokens and your prompt has \(promptTokens).")
        }
        if kind != .embeddings { request.maxTokens = min(request.maxTokens ?? room, room) }
        let free = Pricing(rates: .init(prompt: .zero, completion: .zero))
        let model = Model(id: served.id, contextLength: served.contextLength, pricing: free)
        let (now, orders, asked) = (now(), call.orders ?? Orders(), request)
        let admission = try withState { state throws(APIError) in
            // Without keys of its own, all that such a server does is in the books of the seeded key.
            guard let key = state.keys[secret: options.ordinaryKey] else { throw .unknownKey }
            return state.admitted(asked, orders, model: model, name: name, key: key, path: call.path, now: now)
        }
        return try await play(admission, call)
    }
}
