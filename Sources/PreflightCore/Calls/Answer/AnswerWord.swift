/// The keys and words of answers that are read, in all dialects.
enum AnswerWord: String, CaseIterable, Sendable {
    case arguments, audio, cancelled, choices, completed, content, cost, created, custom, data, delta, error, failed
    case function, id, images, index, input, item, message, model, name, object, output, provider, reason, reasoning
    case refusal, response, role, status, summary, text, thinking, total, transcript, type, usage

    case createdAt = "created_at"
    case serviceTier = "service_tier"
    case sequenceNumber = "sequence_number"
    case incompleteDetails = "incomplete_details"
    case upstreamInferenceCost = "upstream_inference_cost"
    case costDetails = "cost_details"
    case isBYOK = "is_byok"
    case totalCost = "total_cost"
    case finishReason = "finish_reason"
    case stopReason = "stop_reason"
    case toolCalls = "tool_calls"
    case functionCall = "function_call"
    case customToolCall = "custom_tool_call"
    case mcpCall = "mcp_call"
    case partialJSON = "partial_json"
    case reasoningContent = "reasoning_content"
    case reasoningDetails = "reasoning_details"
    case redactedThinking = "redacted_thinking"
    case toolUse = "tool_use"
    case serverToolUse = "server_tool_use"
    case mcpToolUse = "mcp_tool_use"
    case serverToolUseDetails = "server_tool_use_details"
    case messageStart = "message_start"
    case messageDelta = "message_delta"
    case messageStop = "message_stop"
    case contentBlock = "content_block"
    case contentBlockStart = "content_block_start"
    case contentBlockStop = "content_block_stop"
    case responseCreated = "response.created"
    case responseCompleted = "response.completed"
    case responseIncomplete = "response.incomplete"
    case responseFailed = "response.failed"
    case responseError = "response.error"
    case responseAudioDelta = "response.audio.delta"
    case responseReasoningDelta = "response.reasoning_text.delta"
    case responseReasoningSummaryDelta = "response.reasoning_summary_text.delta"
    case promptTokens = "prompt_tokens"
    case promptTokensDetails = "prompt_tokens_details"
    case inputTokens = "input_tokens"
    case inputTokensDetails = "input_tokens_details"
    case completionTokens = "completion_tokens"
    case completionTokensDetails = "completion_tokens_details"
    case outputTokens = "output_tokens"
    case outputTokensDetails = "output_tokens_details"
    case cachedTokens = "cached_tokens"
    case cacheWriteTokens = "cache_write_tokens"
    case cacheCreation = "cache_creation"
    case cacheCreationInputTokens = "cache_creation_input_tokens"
    case cacheReadInputTokens = "cache_read_input_tokens"
    case ephemeral1hInputTokens = "ephemeral_1h_input_tokens"
    case promptCacheHitTokens = "prompt_cache_hit_tokens"
    case reasoningTokens = "reasoning_tokens"
    case thinkingTokens = "thinking_tokens"
    case webSearchRequests = "web_search_requests"
    /// Anything else.
    case other = ""

    private static let table = NameTable(allCases.map { ($0.rawValue, $0) })

    /// The word in these bytes, which are compared as they are: with escapes it is another one.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self = Self.table[UnsafeRawBufferPointer(rebasing: bytes[range])] ?? .other
    }
}
