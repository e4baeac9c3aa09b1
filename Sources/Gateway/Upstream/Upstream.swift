package import PreflightCore

/// A server that models are called at.
package struct Upstream: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case openRouter = "openrouter"
        case openAI = "openai"
        case anthropic
        case vllm
    }

    package var name: String
    package var kind: Kind
    package var address: UpstreamAddress
    /// Sent as the upstream wants it; a virtual key may bring its own.
    package var key: Secret?
    package var pricing: PricingSource

    /// Where the prices of its models come from.
    package enum PricingSource: Sendable {
        /// OpenRouter's list of models.
        case listed
        /// The owner's table.
        case table(Catalogue)
        /// Calls cost nothing.
        case free
    }

    package init(name: String, kind: Kind, address: UpstreamAddress, key: Secret?, pricing: PricingSource) {
        self.name = name
        self.kind = kind
        self.address = address
        self.key = key
        self.pricing = pricing
    }

    /// It tells what a finished or broken call has cost, when it is asked by the call's id.
    var knowsGenerations: Bool { kind == .openRouter }
    /// Usage in a stream must be asked for.
    var hidesUsage: Bool { kind == .openAI || kind == .vllm }
}

/// An upstream's base URL, taken apart: `https://openrouter.ai/api/v1`.
package struct UpstreamAddress: Sendable, Hashable {
    package var isSecure: Bool
    package var host: String
    package var port: Int
    /// Ends without a slash; paths such as `/chat/completions` follow it.
    package var basePath: String

    /// - Throws: `PreflightError` with code `usage` for anything but an http or https URL.
    package init(url: String) throws(PreflightError) {
        func wrong(_ reason: String) -> PreflightError {
            PreflightError(.usage, "the upstream \(url) \(reason)", hint: "write it like https://openrouter.ai/api/v1")
        }
        var rest = Substring(url)
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst(7)
        } else {
            throw wrong("is no http or https URL")
        }
        guard !rest.contains("?"), !rest.contains("#"), !rest.contains("@") else {
            throw wrong("has more than host, port and path")
        }
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        while path.hasSuffix("/") { path = path.dropLast() }
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw wrong("has a path that is not plain") }
        basePath = String(path)
        var host = authority
        var port = isSecure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else {
                throw wrong("has no such port")
            }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw wrong("has no host") }
        self.host = String(host)
        self.port = port
    }

    /// Put together again, without a slash at its end.
    package var url: String { "\(isSecure ? "https" : "http")://\(authority)\(basePath)" }

    /// As the `Host` field has it.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}
