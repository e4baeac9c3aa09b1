import PreflightCore

/// The envelope that an API puts its errors into.
enum ErrorShape: Sendable {
    case openRouter, anthropic, vllm, openAI
}

extension SimulatorOptions.Flavour {
    var errorShape: ErrorShape {
        switch self {
        case .openRouter: .openRouter
        case .vllm: .vllm
        case .openAI: .openAI
        }
    }
}

extension APIError {
    init(_ failure: Scenario.Failure) { self.init(status: failure.status, message: failure.message) }

    func json(_ shape: ErrorShape) -> JSON {
        switch shape {
        case .openRouter: json
        case .anthropic:
            .record([
                "type": "error",
                "error": .record([
                    "type": .string(anthropicType), "message": .string(message),
                    "error_type": .string(AnswerJSON.errorType(status)), "availability": availability,
                ]),
                "request_id": .null,
            ])
        case .vllm:
            [
                "error": [
                    "message": .string(message), "type": .string(vllmType), "param": .null, "code": .int(status),
                ]
            ]
        case .openAI:
            [
                "error": [
                    "message": .string(message), "type": .string(openAIType), "param": .null,
                    "code": openAICode.map(JSON.string) ?? .null,
                ]
            ]
        }
    }

    private var anthropicType: String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 504: "timeout_error"
        case 529: "overloaded_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }

    private var vllmType: String {
        switch status {
        case 401: "AuthenticationError"
        case 404: "NotFoundError"
        case 400..<500: "BadRequestError"
        default: "InternalServerError"
        }
    }

    private var openAIType: String {
        switch status {
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "server_error"
        }
    }

    private var openAICode: String? {
        switch status {
        case 401: "invalid_api_key"
        case 404: "model_not_found"
        case 429: "rate_limit_exceeded"
        default: nil
        }
    }
}
