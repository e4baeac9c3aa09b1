extension Pricing {
    /// In the names of OpenRouter's catalogue, so that a snapshot is read back by the same code.
    package var json: JSON {
        guard var object = rates.json.object else { return rates.json }
        if !overrides.isEmpty {
            object.append(
                "overrides",
                .array(
                    overrides.map { override in
                        var entry =
                            JSON.record([
                                "min_prompt_tokens": override.minPromptTokens.map(JSON.int),
                                "utc_start": override.utcStart.map(JSON.int), "utc_end": override.utcEnd.map(JSON.int),
                            ]).object ?? JSON.Object()
                        for member in override.rates.json.object?.members ?? [] {
                            entry.append(member.key, member.value)
                        }
                        return .object(entry)
                    }))
        }
        return .object(object)
    }
}

extension Pricing.Rates {
    var json: JSON {
        func text(_ price: USD?) -> JSON? { price.map { .string($0.decimalText) } }
        return .record([
            "prompt": text(prompt), "completion": text(completion), "input_cache_read": text(cacheRead),
            "input_cache_write": text(cacheWrite), "input_cache_write_1h": text(cacheWrite1h),
            "internal_reasoning": text(reasoning), "request": text(request), "image": text(image),
            "web_search": text(webSearch), "image_output": text(imageOutput), "audio_output": text(audioOutput),
        ])
    }
}
