/// An answer that the gateway gives itself, in place of an upstream's: what was wrong, whose fault it was, and
/// whether asking again can help.
package struct Refusal: Error, Hashable, Sendable {
    /// The HTTP status.
    package var status: Int
    /// A stable word for programs, such as `budget_exhausted`.
    package var code: String
    /// For people, without a full stop.
    package var message: String
    /// The member of the request that is to blame.
    package var param: String?
    /// What else is known, e.g. amounts in dollars.
    package var metadata: JSON.Object
    package var retry: Retry
    /// The upstream that is to blame; nil if it is the caller or the gateway.
    package var upstream: String?

    package enum Retry: Hashable, Sendable {
        /// The same request would be refused again.
        case never
        /// Worth another attempt, after so many seconds if that is known.
        case after(seconds: Int?)
    }

    package init(
        status: Int, code: String, message: String, param: String? = nil, metadata: JSON.Object = JSON.Object(),
        retry: Retry = .never, upstream: String? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.metadata = metadata
        self.retry = retry
        self.upstream = upstream
    }
}

extension Refusal {
    /// 402: the call's worst case does not fit in a budget. `limit`, `spent` and `needed` are told exactly.
    package static func budgetExhausted(scope: String, limit: USD, spent: USD, needed: USD) -> Refusal {
        let metadata = JSON.record([
            "scope": .string(scope), "limit": .usd(limit), "spent": .usd(spent), "needed": .usd(needed),
        ])
        return Refusal(
            status: 402, code: "budget_exhausted",
            message: "The budget of \(scope) is used up: \(spent) of \(limit) spent or reserved, \(needed) needed",
            metadata: metadata.object ?? JSON.Object())
    }

    /// 401: no key, or one that the gateway did not issue.
    package static func unauthenticated(_ message: String) -> Refusal {
        Refusal(status: 401, code: "invalid_api_key", message: message)
    }

    /// 403: the key is known and may not do this.
    package static func forbidden(_ message: String, code: String = "forbidden") -> Refusal {
        Refusal(status: 403, code: code, message: message)
    }

    /// 404: no upstream serves the model.
    package static func unknownModel(_ model: String) -> Refusal {
        Refusal(
            status: 404, code: "model_not_found", message: "No upstream serves the model \(model.prefix(256))",
            param: "model")
    }

    /// 404: the model has no price, so that its worst case cannot be known.
    package static func unknownPrice(_ model: String) -> Refusal {
        Refusal(
            status: 404, code: "price_unknown",
            message: "The price of the model \(model.prefix(256)) is not known, so no budget can be held for it",
            param: "model")
    }

    /// 404: no such path.
    package static func unknownPath(_ path: String) -> Refusal {
        Refusal(status: 404, code: "unknown_path", message: "There is nothing at \(path.prefix(256))")
    }

    /// 413: the body is larger than `limit` bytes.
    package static func tooLarge(limit: Int) -> Refusal {
        Refusal(
            status: 413, code: "request_too_large", message: "The request is larger than \(limit) bytes",
            metadata: JSON.Object([.init(key: "limit_bytes", value: .int(limit))]))
    }

    /// 415: not JSON, or compressed in a way that is not understood.
    package static func unsupportedMedia(_ message: String) -> Refusal {
        Refusal(status: 415, code: "unsupported_media_type", message: message)
    }

    /// 400: the request cannot be read.
    package static func invalid(_ message: String, param: String? = nil, code: String = "invalid_request") -> Refusal {
        Refusal(status: 400, code: code, message: message, param: param)
    }

    /// 422: the request can be read, and asks for something whose cost the gateway cannot bound.
    package static func unprocessable(_ message: String, param: String?, code: String = "not_supported") -> Refusal {
        Refusal(status: 422, code: code, message: message, param: param)
    }

    /// 429: too many calls at once, or a queue that is full.
    package static func rateLimited(_ message: String, retryAfter seconds: Int?, upstream: String? = nil) -> Refusal {
        Refusal(
            status: 429, code: "rate_limit_exceeded", message: message, retry: .after(seconds: seconds),
            upstream: upstream)
    }

    /// 502: the upstream failed or sent what is no answer.
    package static func upstreamFailed(_ upstream: String, _ message: String, mayRetry: Bool = true) -> Refusal {
        Refusal(
            status: 502, code: "upstream_failed", message: message,
            retry: mayRetry ? .after(seconds: nil) : .never, upstream: upstream)
    }

    /// 503: the upstream, or the gateway if none is named, takes no calls now.
    package static func unavailable(_ message: String, retryAfter seconds: Int?, upstream: String? = nil) -> Refusal {
        Refusal(
            status: 503, code: upstream == nil ? "gateway_unavailable" : "upstream_unavailable", message: message,
            retry: .after(seconds: seconds), upstream: upstream)
    }

    /// 504: the upstream did not answer in time. It may have billed the call, so it is not to be repeated blindly.
    package static func upstreamTimedOut(_ upstream: String, _ message: String) -> Refusal {
        Refusal(status: 504, code: "upstream_timeout", message: message, upstream: upstream)
    }
}
