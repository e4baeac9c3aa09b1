import PreflightCore

/// An upstream as calls use it: what every request to it begins with is written once.
final class Destination: Sendable {
    let upstream: Upstream
    let prices: PriceBook.List
    /// The `Host` line, with its end.
    let hostLine: [UInt8]
    /// The credential's line, with its end; empty where the upstream has no key of its own.
    let credentialLine: [UInt8]

    init(_ upstream: Upstream, prices: PriceBook) {
        self.upstream = upstream
        self.prices = prices.list(of: upstream.name)
        hostLine = Array("host: \(upstream.address.authority)\r\n".utf8)
        credentialLine = upstream.key.map { Self.credentialLine($0, at: upstream) } ?? []
    }

    static func credentialLine(_ secret: Secret, at upstream: Upstream) -> [UInt8] {
        let name = upstream.kind == .anthropic ? "x-api-key: " : "authorization: Bearer "
        return Array("\(name)\(secret.reveal())\r\n".utf8)
    }

    /// What its models cost now; nil where its prices were never read.
    var catalogue: Catalogue? {
        switch upstream.pricing {
        case .listed: prices.current
        case .table(let table): prices.current ?? table
        case .free: nil
        }
    }
}

/// The settings of a gateway with the destinations they name. Calls under way keep theirs when others take their place.
final class Rules: Sendable {
    let settings: GatewaySettings
    let destinations: [Destination]
    private let unrouted: [Destination]

    init(_ settings: GatewaySettings, prices: PriceBook) {
        self.settings = settings
        destinations = settings.upstreams.map { Destination($0, prices: prices) }
        unrouted = Array(destinations.prefix(1))
    }

    /// Where a key's calls without a model go: models are listed there, tokens counted.
    func first(for key: VirtualKey) -> Destination? {
        key.upstream.map { name in destinations.first { $0.upstream.name == name } } ?? destinations.first
    }

    /// The upstreams that serve a model, in the order they are tried, and what they know it as.
    func candidates(for model: String, with key: VirtualKey) -> (destinations: [Destination], model: String?) {
        if key.upstream != nil { return (first(for: key).map { [$0] } ?? [], nil) }
        guard let route = settings.routes.first(where: { $0.matches(model) }) else { return (unrouted, nil) }
        let named = route.upstreams.compactMap { name in destinations.first { $0.upstream.name == name } }
        return (named, route.model)
    }
}
