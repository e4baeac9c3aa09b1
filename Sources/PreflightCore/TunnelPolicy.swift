/// Which hosts a container may reach through the gateway, beside the models.
package enum TunnelPolicy: Sendable, Equatable {
    case closed
    case open
    case allowlist([HostPattern])

    package func allows(host: String, port: Int) -> Bool {
        switch self {
        case .closed: false
        case .open: true
        case .allowlist(let patterns): patterns.contains { $0.matches(host: host, port: port) }
        }
    }

    /// Whether the host may be one of this machine or its network: only where it is listed by its full name.
    package func allowsPrivate(host: String, port: Int) -> Bool {
        guard case .allowlist(let patterns) = self else { return false }
        return patterns.contains { !$0.includesSubdomains && $0.matches(host: host, port: port) }
    }
}

/// A host, `*.` before it for all of its subdomains as well, and a port: `pypi.org`, `*.debian.org:80`.
package struct HostPattern: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let includesSubdomains: Bool
    /// Nil stands for 443 and 80.
    package let port: Int?

    /// Nil when the text is no host.
    package init?(_ text: String) {
        var rest = Substring(text.lowercased())
        includesSubdomains = rest.hasPrefix("*.")
        if includesSubdomains { rest = rest.dropFirst(2) }
        if let colon = rest.lastIndex(of: ":") {
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number) else { return nil }
            port = number
            rest = rest[..<colon]
        } else {
            port = nil
        }
        guard !rest.isEmpty, rest.utf8.count <= 253, rest.first != ".", rest.last != ".",
            rest.utf8.allSatisfy({
                (97...122).contains($0) || (48...57).contains($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
            })
        else { return nil }
        host = String(rest)
    }

    package func matches(host name: String, port number: Int) -> Bool {
        guard port.map({ $0 == number }) ?? (number == 443 || number == 80) else { return false }
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        return name == host || includesSubdomains && name.hasSuffix("." + host)
    }

    package var description: String {
        (includesSubdomains ? "*." : "") + host + (port.map { ":\($0)" } ?? "")
    }
}
