import PreflightCore

/// A refusal in OpenRouter's words.
struct APIError: Error, Sendable {
    var status: Int
    var message: String
    var metadata: JSON?
    /// Whether the account's id stands beside the error.
    var namesUser = false
    /// `error.availability`: why no endpoint could serve the call.
    var availability: JSON?
    /// Management endpoints answer wrong JSON types in another envelope.
    var isZod = false

    var json: JSON {
        if isZod { return ["success": false, "error": ["name": "ZodError", "message": .string(message)]] }
        return .record([
            "error": .record([
                "message": .string(message), "code": .int(status), "metadata": metadata, "availability": availability,
            ]),
            "user_id": namesUser ? .string(Account.userID) : nil,
        ])
    }

    static func zod(_ message: String) -> APIError { APIError(status: 400, message: message, isZod: true) }
    static func badRequest(_ message: String) -> APIError { APIError(status: 400, message: message) }

    static func wrongEndpoint(_ model: String) -> APIError {
        APIError(
            status: 400, message: "\(model) is not available at this endpoint",
            availability: ["code": "wrong_endpoint", "retryable": false])
    }

    static let missingHeader = APIError(status: 401, message: "Missing Authentication header")
    static let unknownKey = APIError(status: 401, message: "User not found.")
    /// Status as documented, wording unconfirmed.
    static let disabledKey = APIError(status: 401, message: "This API key is disabled.")
    static let expiredKey = APIError(status: 401, message: "This API key has expired.")
    static let managementOnly = APIError(
        status: 403, message: "Only management keys can perform this operation")
    /// Neither status nor wording is confirmed.
    static let managementKeyCalls = APIError(
        status: 403, message: "Management keys cannot be used to call models")
    static let keyNotFound = APIError(status: 404, message: "API key not found")
    static let notFound = APIError(status: 404, message: "Not Found")
    static let tooLarge = APIError(status: 413, message: "Request body too large")
    static let invalidJSON = APIError(status: 400, message: "Invalid JSON in request body")
}
