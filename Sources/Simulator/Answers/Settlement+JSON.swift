import PreflightCore

/// `usage` in the names of each API.
extension Settlement {
    var json: JSON {
        .record([
            "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
            "total_tokens": .int(usage.promptTokens + usage.completionTokens),
            "cost": .usd(cost), "is_byok": .bool(isBYOK),
            "prompt_tokens_details": [
                "cached_tokens": .int(usage.cachedTokens), "cache_write_tokens": .int(usage.cacheWriteTokens),
                "audio_tokens": 0, "video_tokens": 0,
            ],
            "cost_details": [
                "upstream_inference_cost": .usd(upstreamCost),
                "upstream_inference_prompt_cost": .usd(promptCost),
                "upstream_inference_completions_cost": .usd(completionCost),
            ],
            "completion_tokens_details": [
                "reasoning_tokens": .int(usage.reasoningTokens), "image_tokens": 0, "audio_tokens": 0,
            ],
            "server_tool_use_details": searches == 0 ? nil : ["web_search_requests": .int(searches)],
        ])
    }

    var responsesJSON: JSON {
        .record([
            "input_tokens": .int(usage.promptTokens),
            "input_tokens_details": .record([
                "cached_tokens": .int(usage.cachedTokens),
                "cache_write_tokens": usage.cacheWriteTokens == 0 ? nil : .int(usage.cacheWriteTokens),
            ]),
            "output_tokens": .int(usage.completionTokens),
            "output_tokens_details": ["reasoning_tokens": .int(usage.reasoningTokens)],
            "total_tokens": .int(usage.promptTokens + usage.completionTokens),
            "cost": .usd(cost), "is_byok": .bool(isBYOK),
            "cost_details": [
                "upstream_inference_cost": .usd(upstreamCost),
                "upstream_inference_input_cost": .usd(promptCost),
                "upstream_inference_output_cost": .usd(completionCost),
            ],
            "server_tool_use_details": searches == 0 ? nil : ["web_search_requests": .int(searches)],
        ])
    }

    /// Anthropic's names, with the cost beside them.
    var messagesJSON: JSON {
        var json = usage.messagesJSON(outputTokens: usage.completionTokens)
        json["cost"] = .usd(cost)
        json["is_byok"] = .bool(isBYOK)
        json["cost_details"] = [
            "upstream_inference_cost": .usd(upstreamCost), "upstream_inference_prompt_cost": .usd(promptCost),
            "upstream_inference_completions_cost": .usd(completionCost),
        ]
        if searches > 0 { json["server_tool_use"] = ["web_search_requests": .int(searches)] }
        return .object(json)
    }
}

extension Usage {
    /// Anthropic's: `input_tokens` is what was neither read from nor written to the cache.
    func messagesJSON(outputTokens: Int) -> JSON.Object {
        JSON.Object([
            .init(key: "input_tokens", value: .int(max(0, promptTokens - cachedTokens - cacheWriteTokens))),
            .init(key: "cache_creation_input_tokens", value: .int(cacheWriteTokens)),
            .init(key: "cache_read_input_tokens", value: .int(cachedTokens)),
            .init(key: "output_tokens", value: .int(outputTokens)),
            .init(key: "service_tier", value: "standard"),
        ])
    }

    /// What servers without prices tell; vLLM has no details of the answer.
    func plainJSON(_ flavour: SimulatorOptions.Flavour) -> JSON {
        let isOpenAI = flavour == .openAI
        let (total, overflow) = promptTokens.addingReportingOverflow(completionTokens)
        return .record([
            "prompt_tokens": .int(promptTokens), "total_tokens": .int(overflow ? .max : total),
            "completion_tokens": .int(completionTokens),
            "prompt_tokens_details": isOpenAI ? ["cached_tokens": .int(cachedTokens), "audio_tokens": 0] : .null,
            "completion_tokens_details": isOpenAI
                ? ["reasoning_tokens": .int(reasoningTokens), "audio_tokens": 0] : nil,
        ])
    }
}
