/// Something that goes wrong with the next requests to a path.
package struct Fault: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// An error status at once.
        case status
        /// The answer comes late.
        case delay
        /// No answer, until the client leaves.
        case hang
        /// The connection is closed without an answer.
        case drop
        /// 200 with a body that is no JSON.
        case malformed
        /// A gateway's error page.
        case html
        /// 200 without a body.
        case empty
        /// The answer stops in the middle and the connection closes.
        case truncatedStream = "truncated_stream"
        /// The answer does not say what it cost.
        case missingUsage = "missing_usage"
        /// The model says, and charges for, more than the caller allowed.
        case ignoresMaxTokens = "ignores_max_tokens"
        /// An error inside HTTP 200 after a part of the answer.
        case midStreamError = "mid_stream_error"
        /// The connection closes after a part of the answer.
        case cutStream = "cut_stream"
        /// The stream ends without usage and `[DONE]`, as if all were well.
        case unfinishedStream = "unfinished_stream"
        /// The stream stops for a while.
        case stall
        /// The stream begins at once, its first token comes late.
        case slowFirstToken = "slow_first_token"
        /// 200 with a body that is only an error.
        case errorInSuccess = "error_in_200"
        /// Whoever leaves the stream pays for all of it.
        case keepsGenerating = "keeps_generating"

        /// Whether it changes the answer itself; the others change how an answer is delivered.
        var isOrder: Bool {
            switch self {
            case .missingUsage, .ignoresMaxTokens, .midStreamError, .cutStream, .unfinishedStream, .stall,
                .slowFirstToken, .keepsGenerating:
                true
            case .status, .delay, .hang, .drop, .malformed, .html, .empty, .truncatedStream, .errorInSuccess: false
            }
        }
    }

    package var kind: Kind
    /// A prefix of the path, or a pattern with `*`; with or without `/api/v1` in front.
    package var path: String
    package var method: String?
    /// How many requests it hits; nil for all.
    package var count: Int?
    /// How many pass before.
    package var skip: Int
    package var status: Int?
    package var body: String?
    /// For `Retry-After`, in seconds.
    package var retryAfter: Int?
    package var delay: Duration
    /// Whether the request is carried out, and charged, before its answer is spoilt. `delay`, `truncated_stream`
    /// and `missing_usage` always carry it out; an answer that breaks in the middle is then charged in full.
    package var isCarriedOut: Bool
    /// Completion tokens of `ignores_max_tokens`; nil for four times what was allowed.
    package var tokens: Int?
    /// Parts of a stream that come before it breaks; nil for half of them.
    package var after: Int?
    /// Whether the error of `mid_stream_error` comes with what was used, which is then charged.
    package var showsUsage: Bool
    /// The one model whose provider it hits, when that model's turn in the call's list comes; `status` only.
    package var model: String?

    package init(
        _ kind: Kind, path: String, method: String? = nil, count: Int? = 1, skip: Int = 0, status: Int? = nil,
        body: String? = nil, retryAfter: Int? = nil, delay: Duration = .seconds(1), isCarriedOut: Bool = false,
        tokens: Int? = nil, after: Int? = nil, showsUsage: Bool = false, model: String? = nil
    ) {
        self.kind = kind
        self.path = path
        self.method = method
        self.count = count
        self.skip = skip
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
        self.delay = delay
        self.isCarriedOut = isCarriedOut
        self.tokens = tokens
        self.after = after
        self.showsUsage = showsUsage
        self.model = model
    }

    func matches(method: String, path: String) -> Bool {
        if let wanted = self.method, wanted.uppercased() != method { return false }
        let pattern = self.path
        let short = path.hasPrefix("/api/v1") ? String(path.dropFirst(7)) : path
        if pattern.contains("*") { return Glob.matches(pattern, path) || Glob.matches(pattern, short) }
        return path.hasPrefix(pattern) || short.hasPrefix(pattern)
    }
}

/// Patterns in which `*` stands for any text.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = parts.first, let last = parts.last, parts.count > 1 else { return pattern == text }
        guard text.hasPrefix(first), text.utf8.count >= first.utf8.count + last.utf8.count, text.hasSuffix(last)
        else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
