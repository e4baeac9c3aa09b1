import PreflightCore

extension SimulatorServer {
    /// The answer of the endpoint a request is meant for.
    func answer(_ call: ServerCall) async -> Reply? {
        do {
            return try await route(call)
        } catch let error as APIError {
            return Reply(error, call.errorShape)
        } catch {
            // The client left, or the server stops: nobody reads an answer.
            return nil
        }
    }

    private func route(_ call: ServerCall) async throws -> Reply {
        guard options.flavour == .openRouter else { return try await routePlain(call) }
        guard call.path.hasPrefix("/api/v1/") else { throw APIError.notFound }
        let segments = call.segments
        switch (call.method, segments.first, segments.count) {
        case ("POST", "chat", 2) where segments[1] == "completions": return try await complete(call, kind: .chat)
        case ("POST", "completions", 1): return try await complete(call, kind: .legacy)
        case ("POST", "messages", 1): return try await complete(call, kind: .messages)
        case ("POST", "messages", 2) where segments[1] == "count_tokens": return try countTokens(call)
        case ("POST", "responses", 1): return try await complete(call, kind: .responses)
        case ("POST", "embeddings", 1): return try await complete(call, kind: .embeddings)
        case ("GET", "embeddings", 2) where segments[1] == "models":
            return Reply(["data": .array(catalogue.embeddingEntries)])
        case ("GET", "models", 1): return try models(call)
        case ("GET", "models", 2) where segments[1] == "count":
            return Reply(["data": ["count": .int(catalogue.entries.count)]])
        case ("GET", "models", 2) where segments[1] == "user":
            _ = try authenticated(call)
            return try models(call)
        case ("GET", "models", 4) where segments[3] == "endpoints":
            return try endpoints(of: "\(segments[1])/\(segments[2])", call)
        case ("GET", "model", 3):
            guard let entry = catalogue.entry("\(segments[1])/\(segments[2])") else { throw APIError.notFound }
            return Reply(["data": entry])
        case ("GET", "credits", 1): return try credits(call)
        case ("GET", "key", 1): return try ownKey(call)
        case ("GET", "auth", 2) where segments[1] == "key": return try ownKey(call)
        case ("GET", "generation", 1): return try generation(call)
        case ("GET", "activity", 1):
            // Covers completed days only, and this account is younger than a day.
            try requireManagement(call)
            return Reply(["data": []])
        case (_, "keys", 1...2): return try keys(call, segments)
        default: throw APIError.notFound
        }
    }

    /// Free of charge.
    private func countTokens(_ call: ServerCall) throws(APIError) -> Reply {
        _ = try authenticated(call)
        let request = try CompletionRequest(json: call.json(), kind: .messages)
        return Reply(["input_tokens": .int(request.prompt.tokenCount)])
    }

    private func keys(_ call: ServerCall, _ segments: [String]) throws(APIError) -> Reply {
        try requireManagement(call)
        let now = now()
        switch (call.method, segments.count) {
        case ("GET", 1):
            let offset = try call.number("offset") ?? 0
            return Reply(
                withState {
                    $0.listKeys(
                        offset: offset, includesDisabled: call.query["include_disabled"] == "true",
                        workspace: call.query["workspace_id"], now: now)
                })
        case ("POST", 1):
            let fields = try KeyFields(json: call.json())
            return Reply(
                try withState { state throws(APIError) in try state.createKey(fields, now: now) },
                status: 201)
        case ("GET", 2):
            return Reply(
                try withState { state throws(APIError) in try state.readKey(hash: segments[1], now: now) })
        case ("PATCH", 2):
            let fields = try KeyFields(json: call.json())
            return Reply(
                try withState { state throws(APIError) in
                    try state.changeKey(hash: segments[1], fields, now: now)
                })
        case ("DELETE", 2):
            return Reply(try withState { state throws(APIError) in try state.deleteKey(hash: segments[1]) })
        default: throw .notFound
        }
    }

    private func credits(_ call: ServerCall) throws(APIError) -> Reply {
        let key = try authenticated(call)
        guard key.kind == .management else {
            guard options.creditsForOrdinaryKeys == .zeros else { throw .managementOnly }
            return Reply(["data": ["total_credits": 0, "total_usage": 0]])
        }
        let now = now()
        let (credits, usage) = withState { state in
            (
                state.account.totalCredits,
                state.account.spend.seen(
                    in: .lifetime, at: now, horizon: now - options.usageDelay, stale: false)
            )
        }
        return Reply(["data": ["total_credits": .usd(credits), "total_usage": .usd(usage)]])
    }

    private func ownKey(_ call: ServerCall) throws(APIError) -> Reply {
        let now = now()
        return try withState { state throws(APIError) in
            let key = try state.authenticate(call.bearer, now: now)
            return Reply(["data": key.ownView(state.reading(of: key, now: now))])
        }
    }

    private func generation(_ call: ServerCall) throws(APIError) -> Reply {
        _ = try authenticated(call)
        guard let id = call.query["id"] else { throw .zod("Invalid input: expected string, received undefined") }
        let now = now()
        guard let generation = withState({ $0.generations[id] }), generation.readableAt <= now else {
            throw APIError(status: 404, message: "Generation \(id) not found")
        }
        return Reply(["data": generation.json])
    }

    func authenticated(_ call: ServerCall) throws(APIError) -> APIKey {
        let now = now()
        return try withState { state throws(APIError) in try state.authenticate(call.bearer, now: now) }
    }

    private func requireManagement(_ call: ServerCall) throws(APIError) {
        guard try authenticated(call).kind == .management else { throw .managementOnly }
    }
}
