extension Refusal {
    /// The body in the caller's dialect.
    ///
    /// - Parameter requestID: what the caller can quote; Anthropic's shape has a place for it.
    package func body(in dialect: Dialect, requestID: String? = nil) -> JSON {
        guard dialect.isAnthropic else { return .record(["error": error(in: dialect)]) }
        return .record([
            "type": "error", "error": error(in: dialect), "request_id": requestID.map(JSON.string) ?? .null,
        ])
    }

    /// Headers beside the body's type and length. SDKs obey `x-should-retry` before their own rules.
    package var headers: [(name: String, value: String)] {
        switch retry {
        case .never: [("x-should-retry", "false")]
        case .after(let seconds):
            [("x-should-retry", "true")] + (seconds.map { [("Retry-After", String(max(0, $0)))] } ?? [])
        }
    }

    /// What stands under `error`.
    func error(in dialect: Dialect) -> JSON {
        var details = metadata
        if let upstream { details["upstream"] = .string(upstream) }
        let metadata: JSON? = details.isEmpty ? nil : .object(details)
        guard dialect.isAnthropic else {
            return .record([
                "message": .string(message), "type": .string(openAIType), "param": param.map(JSON.string) ?? .null,
                "code": .string(code), "metadata": metadata,
            ])
        }
        return .record([
            "type": .string(anthropicType), "message": .string(message), "code": .string(code),
            "param": param.map(JSON.string), "metadata": metadata,
        ])
    }

    var openAIType: String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 500...: upstream == nil ? "api_error" : "upstream_error"
        default: "invalid_request_error"
        }
    }

    var anthropicType: String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        case 504: "timeout_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }
}
