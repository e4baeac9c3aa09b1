import PreflightCore

extension SimulatorServer {
    /// `GET /models`: everything, or a page when `offset` or `limit` is given.
    func models(_ call: ServerCall) throws(APIError) -> Reply {
        var entries = catalogue.entries
        if options.listsEmbeddingModels {
            for entry in catalogue.embeddingEntries where !entries.contains(entry) { entries.append(entry) }
        }
        if let wanted = call.query["supported_parameters"] {
            let names = wanted.split(separator: ",").map(String.init)
            entries = entries.filter { entry in
                let supported = entry["supported_parameters"]?.array ?? []
                return names.allSatisfy { supported.contains(.string($0)) }
            }
        }
        let total = entries.count
        var next = JSON.null
        let offset = try call.number("offset")
        let limit = try call.number("limit")
        if offset != nil || limit != nil {
            let (offset, limit) = (offset ?? 0, min(limit ?? 500, 1000))
            entries = Array(entries.dropFirst(offset).prefix(limit))
            if offset + limit < total {
                next = .string("/api/v1/models?offset=\(offset + limit)&limit=\(limit)")
            }
        }
        return Reply(
            ["data": .array(entries), "total_count": .int(total), "links": ["next": next]],
            headers: [("cache-control", "public, max-age=300, stale-while-revalidate=3600, stale-if-error=3600")])
    }

    /// `GET /models/{author}/{slug}/endpoints`, with one endpoint at list price.
    func endpoints(of name: String, _ call: ServerCall) throws(APIError) -> Reply {
        guard let entry = catalogue.entry(name), let model = Model(json: entry) else { throw .notFound }
        let provider = Provider(modelID: model.id)
        let isKnown = call.bearer.map { bearer in withState { $0.keys[secret: bearer] != nil } } ?? false
        var endpoint = JSON.Object()
        endpoint["name"] = .string("\(provider.name) | \(model.canonicalSlug ?? model.id)")
        endpoint["model_id"] = .string(model.id)
        endpoint["model_name"] = entry["name"] ?? .null
        endpoint["provider_name"] = .string(provider.name)
        endpoint["tag"] = .string(provider.slug)
        endpoint["quantization"] = "unknown"
        endpoint["context_length"] = model.contextLength.map(JSON.int) ?? .null
        endpoint["max_completion_tokens"] = model.maxCompletionTokens.map(JSON.int) ?? .null
        endpoint["max_prompt_tokens"] = .null
        endpoint["pricing"] = entry["pricing"] ?? .null
        endpoint["supported_parameters"] = entry["supported_parameters"] ?? []
        endpoint["supports_implicit_caching"] = .bool(model.pricing.rates.cacheRead != nil)
        endpoint["status"] = 0
        for key in ["uptime_last_5m", "uptime_last_30m", "uptime_last_1d"] { endpoint[key] = 100 }
        endpoint["latency_last_30m"] = isKnown ? ["p50": 400, "p75": 600, "p90": 900, "p99": 2000] : .null
        endpoint["throughput_last_30m"] = isKnown ? ["p50": 80, "p75": 100, "p90": 120, "p99": 150] : .null

        var data = JSON.Object()
        for key in ["id", "name", "created", "architecture"] { data[key] = entry[key] ?? .null }
        data["description"] = ""
        data["endpoints"] = [.object(endpoint)]
        return Reply(["data": .object(data)])
    }
}
