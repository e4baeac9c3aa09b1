import PreflightCore

/// What a path stands for, with or without `/api` before `/v1`.
enum Endpoint: Equatable {
    case call(Dialect)
    /// Anthropic's `/messages/count_tokens`.
    case countTokens
    /// The key's own budget, as OpenRouter's `/key` tells it.
    case key
    case credits
    /// Free reading at the upstream: models, providers, what a generation has cost.
    case reading
    case health

    /// - Returns: The endpoint, and where the path after `/v1` lies in the request's head; nil for what is unknown.
    static func find(_ request: HTTPRequest) -> (endpoint: Endpoint, suffix: Range<Int>)? {
        request.fields.bytes.withUnsafeBytes { head in
            var range = request.pathRange
            var path: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: head[range]) }
            if request.kind == .get || request.kind == .head, path.isExactly("/") || path.isExactly("/health") {
                return (.health, range)
            }
            if path.begins(with: "/api/") { range = range.dropFirst(4) }
            // Many clients are given the base without its version.
            if path.begins(with: "/v1/") { range = range.dropFirst(3) }
            if range.count > 1, path.last == UInt8(ascii: "/") { range = range.dropLast() }
            let endpoint: Endpoint? =
                switch request.kind {
                case .post: posted(path)
                case .get: read(path)
                case .head, .connect, .other: nil
                }
            return endpoint.map { ($0, range) }
        }
    }

    private static func posted(_ path: UnsafeRawBufferPointer) -> Endpoint? {
        if path.isExactly("/chat/completions") { return .call(.chat) }
        if path.isExactly("/messages") { return .call(.messages) }
        if path.isExactly("/responses") { return .call(.responses) }
        if path.isExactly("/completions") { return .call(.completions) }
        if path.isExactly("/embeddings") { return .call(.embeddings) }
        return path.isExactly("/messages/count_tokens") ? .countTokens : nil
    }

    private static func read(_ path: UnsafeRawBufferPointer) -> Endpoint? {
        switch String(decoding: path, as: UTF8.self) {
        case "/key", "/auth/key": .key
        case "/credits": .credits
        case "/models", "/generation", "/providers", "/models/user", "/models/count": .reading
        case let text where text.hasPrefix("/models/") && isPlain(text): .reading
        default: nil
        }
    }

    /// Nothing that a server could take for a way out of the folder, however it is written.
    private static func isPlain(_ path: String) -> Bool {
        let lower = path.lowercased()
        return !["..", "//", "\\", "%2e", "%2f", "%5c", "%25"].contains { lower.contains($0) }
    }

    /// The dialect of what is answered when something is wrong before the body was read.
    static func dialect(of request: HTTPRequest) -> Dialect {
        request.fields.bytes.withUnsafeBytes { head in
            let path = UnsafeRawBufferPointer(rebasing: head[request.pathRange])
            return path.ends(with: "/messages") || path.ends(with: "/count_tokens") ? .messages : .chat
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func ends(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        return count >= length && UnsafeRawBufferPointer(rebasing: self[(count - length)...]).isExactly(text)
    }
}
