import PreflightCore

/// Why a call to OpenRouter did not give what was asked.
package struct OpenRouterError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// No connection could be made: nothing was sent.
        case unreachable
        /// The connection broke or the time ran out: whether the call took effect is not known.
        case interrupted
        /// 401: the key is missing, unknown, disabled or expired.
        case unauthorized
        /// 402: the account or the key cannot pay.
        case paymentRequired
        /// 403: the key may not do this, or its limit is used up.
        case forbidden
        case notFound
        /// 429, with the seconds the server asked to wait.
        case rateLimited(retryAfter: Duration?)
        /// 5xx and Cloudflare's 52x.
        case server
        /// Another 4xx.
        case rejected
        /// The answer is no JSON of the expected shape.
        case unreadable
    }

    package var kind: Kind
    /// The call, as `POST /keys`.
    package var call: String
    package var status: Int?
    /// OpenRouter's own words, or what happened instead of an answer.
    package var message: String

    package init(kind: Kind, call: String, status: Int? = nil, message: String) {
        self.kind = kind
        self.call = call
        self.status = status
        self.message = message
    }

    /// The next step for a person.
    package var hint: String {
        switch kind {
        case .unreachable: "check the network, the proxy variables and OPENROUTER_BASE_URL"
        case .interrupted: "try again; if it stays, look at https://status.openrouter.ai"
        case .unauthorized:
            "the key is unknown, disabled or expired: look at OR_ADMIN_KEY (https://openrouter.ai/settings/management-keys) "
                + "and OPENROUTER_API_KEY (https://openrouter.ai/settings/keys)"
        case .paymentRequired: "add credits at https://openrouter.ai/settings/credits, or lower max_tokens"
        case .forbidden:
            message.contains("management")
                ? "set OR_ADMIN_KEY to a management key from https://openrouter.ai/settings/management-keys"
                : "look at the key's limit and guardrails at https://openrouter.ai/settings/keys"
        case .notFound: "check the name"
        case .rateLimited(let wait): wait.map { "wait \($0.shortText), then try again" } ?? "wait, then try again"
        case .server: "try again; if it stays, look at https://status.openrouter.ai"
        case .rejected: "the request was refused as it is; the message says why"
        case .unreadable: "check that OPENROUTER_BASE_URL names an OpenRouter API, `/api/v1` included"
        }
    }
}

extension OpenRouterError {
    /// A stable word for the kind, for receipts.
    package var cause: String {
        switch kind {
        case .unreachable: "unreachable"
        case .interrupted: "interrupted"
        case .unauthorized: "key_refused"
        case .paymentRequired: "balance_exhausted"
        case .forbidden: "forbidden"
        case .notFound: "not_found"
        case .rateLimited: "rate_limited"
        case .server: "outage"
        case .rejected: "rejected"
        case .unreadable: "unreadable"
        }
    }
}

extension OpenRouterError: CustomStringConvertible {
    package var description: String { "\(call): \(status.map { "\($0) " } ?? "")\(message)" }
}

extension OpenRouterError {
    /// The error that an HTTP answer stands for.
    ///
    /// - Parameter date: the answer's `Date`, from which a date in `Retry-After` counts.
    init(call: String, status: Int, body: [UInt8], retryAfter: String?, date: String? = nil) {
        let kind: Kind =
            switch status {
            case 401: .unauthorized
            case 402: .paymentRequired
            case 403: .forbidden
            case 404: .notFound
            case 429:
                .rateLimited(
                    retryAfter: retryAfter.flatMap { text in
                        RetryAfter.delay(text, now: date.flatMap(Timestamp.init(httpDate:)))
                    })
            case 500...: .server
            default: .rejected
            }
        self.init(kind: kind, call: call, status: status, message: Self.message(in: body))
    }

    /// OpenRouter's words in one of its envelopes, or the beginning of whatever was sent instead.
    static func message(in body: [UInt8]) -> String {
        if let json = try? JSON.parse(body), let error = json["error"] {
            let text = error["message"]?.string ?? error.string ?? "no message"
            if let raw = error["metadata"]?["raw"]?.string { return "\(text): \(raw.prefix(200))" }
            return text
        }
        let text = String(decoding: body.prefix(300), as: UTF8.self)
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return text.isEmpty ? "empty answer" : "not an OpenRouter answer: \(text.prefix(120))"
    }
}
