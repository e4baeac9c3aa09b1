/// The top-level members of a request that decide what it costs.
enum BodyField: UInt8, CaseIterable {
    case model, models, fallbacks, stream, n, tools, functions, plugins, provider, speed, preset, modalities, thinking
    case reasoning, conversation, store, background, prediction, container, prompt, input, messages, audio
    case streamOptions, maxTokens, maxCompletionTokens, maxOutputTokens, bestOf, serviceTier, webSearchOptions
    case previousResponse, contextManagement, cacheControl, chatTemplate, mcpServers, inferenceGeography
    case imageConfiguration, extraBody, truncatePromptTokens, truncation, transforms, reasoningEffort
    case includeReasoning

    /// In the order of their raw values. Kept, because `allCases` makes a new list each time.
    static let all = Array(allCases)
    private static let names = all.map(\.spelling)

    /// The key.
    var name: String { Self.names[Int(rawValue)] }

    private var spelling: String {
        switch self {
        case .streamOptions: "stream_options"
        case .maxTokens: "max_tokens"
        case .maxCompletionTokens: "max_completion_tokens"
        case .maxOutputTokens: "max_output_tokens"
        case .bestOf: "best_of"
        case .serviceTier: "service_tier"
        case .webSearchOptions: "web_search_options"
        case .previousResponse: "previous_response_id"
        case .contextManagement: "context_management"
        case .cacheControl: "cache_control"
        case .chatTemplate: "chat_template"
        case .mcpServers: "mcp_servers"
        case .inferenceGeography: "inference_geo"
        case .imageConfiguration: "image_config"
        case .extraBody: "extra_body"
        case .truncatePromptTokens: "truncate_prompt_tokens"
        case .reasoningEffort: "reasoning_effort"
        case .includeReasoning: "include_reasoning"
        default: "\(self)"
        }
    }

    /// Members that reach no prompt and cost nothing. Whatever is neither here nor above is counted as prompt text.
    static let harmless: [String] = [
        "temperature", "top_p", "top_k", "min_p", "top_a", "typical_p", "frequency_penalty", "presence_penalty",
        "repetition_penalty", "length_penalty", "seed", "stop", "stop_sequences", "stop_token_ids", "logit_bias",
        "logprobs", "top_logprobs", "prompt_logprobs", "echo", "user", "metadata", "session_id", "trace", "route",
        "usage", "include", "debug", "parallel_tool_calls", "max_tool_calls",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "stream_tokens",
        "encoding_format", "dimensions", "input_type", "priority", "cache_salt",
        "request_id", "ignore_eos", "min_tokens", "skip_special_tokens", "verbosity",
        "stop_server_tools_when", "add_generation_prompt", "return_token_ids", "return_tokens_as_token_ids",
    ]
}
