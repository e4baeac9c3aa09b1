/// How a container reaches an address that means this machine.
package enum ContainerAddress {
    /// The name Docker gives to the host inside a container.
    package static let hostName = "host.docker.internal"

    /// The same URL as a container must call it: a host that means this machine is replaced.
    package static func rewriting(_ url: String) -> String {
        guard let scheme = url.range(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let port: Substring
        let host: Substring
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<end]
            port = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            port = authority[host.endIndex...]
        }
        guard meansThisMachine(String(host)) else { return url }
        return "\(url[..<scheme.upperBound])\(hostName)\(port)\(rest[authority.endIndex...])"
    }

    package static func meansThisMachine(_ host: String) -> Bool {
        let host = host.lowercased()
        return host == "localhost" || host.hasSuffix(".localhost") || host == "::1" || host == "0.0.0.0" || host == "::"
            || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
    }
}

extension String {
    /// The first place of `text`; the standard library has it only for single characters.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// The line that hands an agent its task on standard input.
package enum PromptLine {
    /// One JSON-RPC request; the task stands also beside it, for agents that read `type` and `message`.
    package static func text(_ prompt: String) -> String {
        JSON.record([
            "jsonrpc": "2.0", "id": "1", "method": "prompt", "params": ["message": .string(prompt)],
            "type": "prompt", "message": .string(prompt),
        ]).text + "\n"
    }
}
