import Gateway
import PreflightCore
import Store

extension GatewayConfiguration {
    static let upstreamKeys = ["kind", "url", "key", "prices", "prices_file"]
    static let routeKeys = ["upstreams", "model"]

    static func openRouter(_ surroundings: Surroundings) throws(PreflightError) -> Upstream {
        let url = surroundings.value("OPENROUTER_BASE_URL") ?? Settings.standardBaseURL
        return Upstream(
            name: Upstream.Kind.openRouter.rawValue, kind: .openRouter, address: try UpstreamAddress(url: url),
            key: surroundings.value("OPENROUTER_API_KEY").map(Secret.init), pricing: .listed)
    }

    static func upstreams(
        _ reader: TreeReader, _ surroundings: Surroundings
    ) throws(PreflightError) -> [Upstream] {
        var upstreams: [Upstream] = []
        for (name, entry) in try reader.named("NAME: {kind, url, key, prices} pairs") {
            guard Names.isValid(name) else {
                throw entry.fail("'\(name)' cannot name an upstream", hint: "letters, digits, '-', '_' and '.'")
            }
            upstreams.append(try upstream(name, entry, surroundings))
        }
        guard !upstreams.isEmpty else { throw reader.fail("name at least one upstream") }
        return upstreams
    }

    private static func upstream(
        _ name: String, _ reader: TreeReader, _ surroundings: Surroundings
    ) throws(PreflightError) -> Upstream {
        // `openrouter:` alone is enough.
        let members = reader.value.isNull ? [:] : try reader.object(keys: upstreamKeys)
        guard let kind = try members["kind"]?.choice(Upstream.Kind.self) ?? Upstream.Kind(rawValue: name) else {
            let known = Upstream.Kind.allCases.map(\.rawValue)
            throw reader.fail("kind is missing", hint: "one of \(known.joined(separator: ", "))")
        }
        let url = try members["url"]?.string() ?? standardURL(of: kind, surroundings)
        guard let url else { throw reader.fail("url is missing", hint: "such as http://127.0.0.1:8000/v1") }
        let address: UpstreamAddress
        do { address = try UpstreamAddress(url: url) } catch {
            throw (members["url"] ?? reader).fail(error.message, hint: error.hint)
        }
        return Upstream(
            name: name, kind: kind, address: address,
            key: try key(members["key"], members["url"] == nil ? kind : nil, surroundings),
            pricing: try pricing(members, kind, reader, surroundings))
    }

    private static func standardURL(of kind: Upstream.Kind, _ surroundings: Surroundings) -> String? {
        switch kind {
        case .openRouter: surroundings.value("OPENROUTER_BASE_URL") ?? Settings.standardBaseURL
        case .openAI: "https://api.openai.com/v1"
        case .anthropic: "https://api.anthropic.com/v1"
        case .vllm: nil
        }
    }

    /// The name of a variable, never a key: files are shared and kept. What was written is not repeated.
    ///
    /// - Parameter usual: where the vendor's own address is called: its key is taken from where it is usually set. To
    ///   any other address only a key goes that is named for it.
    private static func key(
        _ reader: TreeReader?, _ usual: Upstream.Kind?, _ surroundings: Surroundings
    ) throws(PreflightError) -> Secret? {
        guard let reader else {
            // A virtual key may bring its own.
            switch usual {
            case .openRouter: return surroundings.value("OPENROUTER_API_KEY").map(Secret.init)
            case .openAI: return surroundings.value("OPENAI_API_KEY").map(Secret.init)
            case .anthropic: return surroundings.value("ANTHROPIC_API_KEY").map(Secret.init)
            case .vllm, nil: return nil
            }
        }
        guard var name = reader.value.string else { throw reader.fail("expected the name of a variable") }
        if name.hasPrefix("${"), name.hasSuffix("}") { name = String(name.dropFirst(2).dropLast()) }
        guard name.utf8.count <= 64, let first = name.utf8.first, !(48...57).contains(first),
            name.utf8.allSatisfy({ (65...90).contains($0) || (48...57).contains($0) || $0 == 0x5F })
        else {
            throw reader.fail(
                "expected the name of an environment variable, such as OPENROUTER_API_KEY",
                hint: "a key itself does not belong in a file; put it into the environment or into .env")
        }
        guard let value = surroundings.value(name) else {
            throw reader.fail("the variable \(name) is not set", hint: "export \(name), or write it into .env")
        }
        return Secret(value)
    }

    // MARK: Routes

    static func routes(
        _ reader: TreeReader, among upstreams: [Upstream]
    ) throws(PreflightError) -> [GatewaySettings.Route] {
        var routes: [GatewaySettings.Route] = []
        for (pattern, entry) in try reader.named("MODEL: UPSTREAM pairs") {
            guard !pattern.isEmpty, !pattern.dropLast().contains("*") else {
                throw entry.fail("a pattern has at most one *, at its end")
            }
            let isObject = entry.value.object != nil
            let members = isObject ? try entry.object(keys: routeKeys) : ["upstreams": entry]
            guard let names = members["upstreams"] else { throw entry.fail("upstreams is missing") }
            var route = GatewaySettings.Route(pattern: pattern, upstreams: [])
            for name in try names.strings() {
                guard upstreams.contains(where: { $0.name == name }) else {
                    throw names.fail(
                        "there is no upstream '\(name)'", hint: NearestName.hint(name, among: upstreams.map(\.name)))
                }
                route.upstreams.append(name)
            }
            guard !route.upstreams.isEmpty else { throw names.fail("name at least one upstream") }
            route.model = try members["model"]?.string()
            routes.append(route)
        }
        return routes
    }
}

extension GatewayConfiguration.Surroundings {
    /// An empty variable is none.
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
}
