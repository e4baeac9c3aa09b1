/// An error that an upstream reported inside an answer, whatever its HTTP status was.
package struct AnswerError: Hashable, Sendable {
    /// As the upstream wrote it, a number or a word: `429`, `insufficient_quota`.
    package var code: String?
    /// `rate_limit_exceeded`, `overloaded_error` and the like.
    package var type: String?
    /// At most `longestMessage` characters.
    package var message: String
    /// The provider behind the upstream, if it was named.
    package var provider: String?

    package static let longestMessage = 4096

    package init(code: String? = nil, type: String? = nil, message: String, provider: String? = nil) {
        self.code = code
        self.type = type
        self.message = String(message.prefix(Self.longestMessage))
        self.provider = provider
    }

    /// The code where it is an HTTP status.
    package var status: Int? { code.flatMap { Int($0) }.flatMap { (100...599).contains($0) ? $0 : nil } }

    /// The status that it would have been refused with, had it come before the answer.
    package var likelyStatus: Int {
        if let status, status >= 400 { return status }
        for word in [type, code] {
            guard let word else { continue }
            if let status = Self.statuses[word] { return status }
            if word.hasPrefix("invalid_") { return 400 }
        }
        return 502
    }

    /// In the words of Anthropic and OpenAI.
    private static let statuses = [
        "authentication_error": 401, "billing_error": 402, "permission_error": 403, "not_found_error": 404,
        "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "api_error": 500,
        "server_error": 500, "timeout_error": 504, "overloaded_error": 529,
    ]

    /// Reads what stands under `error`: an object in anybody's names, or plain text. Nil for null, false and empty.
    package init?(json: JSON) {
        switch json {
        case .string(let text) where !text.isEmpty: self.init(message: text)
        case .object(let object) where !object.isEmpty:
            let metadata = object["metadata"]
            let type =
                metadata?["error_type"]?.string ?? object["error_type"]?.string ?? object["type"]?.string
                ?? object["name"]?.string
            self.init(
                code: Self.word(object["code"]).map { String($0.prefix(64)) }, type: type.map { String($0.prefix(64)) },
                message: Self.word(object["message"]) ?? json.text,
                provider: metadata?["provider_name"]?.string.map { String($0.prefix(128)) })
        default: return nil
        }
    }

    private static func word(_ json: JSON?) -> String? { json?.string ?? json?.numberText }
}
