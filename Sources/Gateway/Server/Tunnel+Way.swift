import PreflightCore

extension Tunnel {
    /// Where a request to a proxy leads, or why it leads nowhere. Its head says it all.
    enum Way: Equatable {
        case open(host: String, port: Int, mayBePrivate: Bool)
        case closed(status: Int, reason: String, target: String)

        /// - Parameter policy: nil opens nothing.
        init(of request: HTTPRequest, _ policy: TunnelPolicy?) {
            guard let (host, port) = request.kind == .connect ? Self.authority(request.target) : Self.origin(request)
            else {
                self = .closed(
                    status: 400, reason: "a proxy wants HOST:PORT, or a whole URL", target: request.target)
                return
            }
            guard let policy, policy.allows(host: host, port: port) else {
                let target = "\(host):\(port)"
                self = .closed(status: 403, reason: "the network is closed to \(target)", target: target)
                return
            }
            self = .open(host: host, port: port, mayBePrivate: policy.allowsPrivate(host: host, port: port))
        }

        private static func authority(_ target: String) -> (host: String, port: Int)? {
            guard let colon = target.lastIndex(of: ":"), let port = Int(target[target.index(after: colon)...]),
                (1...65_535).contains(port)
            else { return nil }
            var host = target[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            return host.isEmpty ? nil : (String(host), port)
        }

        private static func origin(_ request: HTTPRequest) -> (host: String, port: Int)? {
            guard let authority = request.absoluteAuthority, !authority.contains("@") else { return nil }
            if let found = Self.authority(String(authority)) { return found }
            return authority.isEmpty ? nil : (String(authority), 80)
        }
    }
}
