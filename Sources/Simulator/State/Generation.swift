import PreflightCore

/// What `/generation` tells about one finished call.
struct Generation: Sendable {
    var id: String
    var model: String
    var provider: String
    var createdAt: Timestamp
    /// 404 until then.
    var readableAt: Timestamp
    var usage: Usage
    var cost: USD
    var cacheDiscount: USD
    var isStreamed: Bool
    var isCancelled: Bool
    var finishReason: String?
    var nativeFinishReason: String?
    var duration: Duration
    var apiType: String
    var isBYOK = false
    /// What a provider charged the account's own key; zero otherwise.
    var upstreamCost = USD.zero
    var serviceTier = "default"
    var searches = 0

    var json: JSON {
        let milliseconds = Int(duration.wholeMicroseconds / 1000)
        return [
            "id": .string(id), "request_id": .string("req-" + id.dropFirst(4)), "upstream_id": .null,
            "model": .string(model), "provider_name": .string(provider),
            "created_at": .string(createdAt.iso8601),
            "usage": .usd(cost), "total_cost": .usd(cost), "cache_discount": .usd(cacheDiscount),
            "upstream_inference_cost": .usd(upstreamCost), "is_byok": .bool(isBYOK),
            "tokens_prompt": .int(usage.promptTokens), "tokens_completion": .int(usage.completionTokens),
            "native_tokens_prompt": .int(usage.promptTokens),
            "native_tokens_completion": .int(usage.completionTokens),
            "native_tokens_cached": .int(usage.cachedTokens),
            "native_tokens_reasoning": .int(usage.reasoningTokens),
            "native_tokens_completion_images": .null,
            "streamed": .bool(isStreamed), "cancelled": .bool(isCancelled),
            "finish_reason": finishReason.map(JSON.string) ?? .null,
            "native_finish_reason": nativeFinishReason.map(JSON.string) ?? .null,
            "latency": .int(milliseconds), "generation_time": .int(milliseconds), "moderation_latency": .null,
            "num_media_prompt": .null, "num_media_completion": .null, "num_input_audio_prompt": .null,
            "num_search_results": searches == 0 ? .null : .int(searches), "num_fetches": .null,
            "web_search_engine": .null,
            "api_type": .string(apiType), "router": .null, "service_tier": .string(serviceTier), "preset_id": .null,
            "external_user": .null, "app_id": .null, "origin": "", "http_referer": .null, "user_agent": .null,
            "data_region": "global", "workspace_id": .string(Account.workspaceID), "session_id": .null,
            "response_cache_source_id": .null,
            "provider_responses": [["provider_name": .string(provider), "status": 200, "is_byok": .bool(isBYOK)]],
        ]
    }
}

/// The newest generations by id.
struct GenerationLog: Sendable {
    static let maximumCount = 30_000

    private var byID: [String: Generation] = [:]
    private var order: [String] = []

    subscript(id: String) -> Generation? { byID[id] }

    mutating func add(_ generation: Generation) {
        byID[generation.id] = generation
        order.append(generation.id)
        guard order.count > Self.maximumCount else { return }
        for id in order.prefix(Self.maximumCount / 10) { byID[id] = nil }
        order.removeFirst(Self.maximumCount / 10)
    }
}
