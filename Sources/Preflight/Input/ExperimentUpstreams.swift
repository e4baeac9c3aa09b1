import Foundation
import Gateway
import Harness
import OpenRouter
import PreflightCore
import Store

extension Experiment {
    /// The upstreams that the experiment names, read as those of a gateway's file are.
    ///
    /// - Throws: `PreflightError` with the place of what is wrong: a variable that is not set, a model without a price.
    func gatewayUpstreams(_ environment: [String: String]) throws(PreflightError) -> [Upstream] {
        guard !upstreams.isEmpty else { return [] }
        let reader = TreeReader(.object(upstreams), path: "upstreams")
        // Paths are absolute since the file was read.
        let surroundings = GatewayConfiguration.Surroundings(environment: environment, directory: "/")
        let named = try GatewayConfiguration.upstreams(reader, surroundings)
        for upstream in named where upstream.kind == .openRouter || upstream.name == Self.openRouterName {
            throw TreeReader(.null, path: "upstreams.\(upstream.name)").fail(
                "OpenRouter is there without being named",
                hint: "a model without upstream is called there, with a key of its trial's own")
        }
        for (index, entry) in models.enumerated() {
            guard let upstream = named.first(where: { $0.name == entry.upstream }) else { continue }
            let rates = upstream.prices.pricing(of: entry.id)?.rates
            guard rates?.prompt != nil, rates?.completion != nil else {
                throw TreeReader(.null, path: "models[\(index)]").fail(
                    "\(upstream.name) has no price for \(entry.id)",
                    hint: "upstreams.\(upstream.name).prices: {\(entry.id): {prompt: 0.15, completion: 0.60}}, "
                        + "in dollars per million tokens; or prices: free")
            }
        }
        return named
    }

    /// The gateway's name for OpenRouter in runs.
    static let openRouterName = Upstream.Kind.openRouter.rawValue

    /// Files of prices are named relative to the experiment.
    mutating func resolvePriceFiles(relativeTo base: String) {
        upstreams = JSON.Object(
            upstreams.members.map { member in
                guard let object = member.value.object else { return member }
                let members = object.members.map { entry in
                    guard entry.key == "prices_file", let path = entry.value.string else { return entry }
                    return JSON.Object.Member(key: entry.key, value: .string(Files.absolute(path, relativeTo: base)))
                }
                return JSON.Object.Member(key: member.key, value: .object(JSON.Object(members)))
            })
    }
}

extension Upstream {
    /// What its models cost; of one that lists its prices itself nothing is known beforehand.
    var prices: UpstreamPrices {
        switch pricing {
        case .free: UpstreamPrices(name: name, table: nil)
        case .table(let table): UpstreamPrices(name: name, table: table)
        case .listed: UpstreamPrices(name: name, table: Catalogue(models: []))
        }
    }

    /// As checks reach it.
    var door: UpstreamDoor {
        UpstreamDoor(prices: prices, listsAllNames: kind != .anthropic) { await UpstreamProbe(upstream: self).models() }
    }
}

/// Asks an upstream for the list of its models.
struct UpstreamProbe: Sendable {
    let upstream: Upstream

    static let patience = Duration.seconds(10)

    func models() async -> UpstreamDoor.Answer {
        let url = upstream.address.url + "/models" + (upstream.kind == .anthropic ? "?limit=1000" : "")
        let hint = "look whether a server runs at \(upstream.address.url)"
        let answer: HTTPExchange.Answer
        do {
            answer = try await HTTPExchange.get(
                url, headers: headers, followsRedirects: false, within: Self.patience)
        } catch {
            return .failed("\(upstream.address.url) does not answer: \(Self.words(error))", hint: hint)
        }
        switch answer.status {
        case 200:
            guard let data = (try? JSON.parse(answer.body))?["data"]?.array else {
                return .noList("it answers, and GET /models is no list of models")
            }
            return .models(data.compactMap { $0["id"]?.string })
        case 300...399:
            return .failed(
                "GET /models is answered with \(answer.status), to \(answer.headers["location"] ?? "another address")",
                hint: "name the address that answers itself: calls are not redirected")
        case 401, 403:
            return .failed(
                "it refuses the key (\(answer.status))",
                hint: upstream.key == nil
                    ? "name the variable of its key: key: NAME" : "look at the variable of its key")
        case 404, 405: return .noList("it answers, and has no list of models (\(answer.status))")
        default: return .failed("GET /models is answered with \(answer.status)", hint: hint)
        }
    }

    private var headers: [String: Secret] {
        var headers: [String: Secret] = upstream.kind == .anthropic ? ["anthropic-version": Secret("2023-06-01")] : [:]
        guard let key = upstream.key else { return headers }
        if upstream.kind == .anthropic {
            headers["x-api-key"] = key
        } else {
            headers["Authorization"] = Secret("Bearer \(key.reveal())")
        }
        return headers
    }

    private static func words(_ failure: HTTPExchange.Failure) -> String {
        switch failure {
        case .timedOut: "nothing came within \(patience.shortText)"
        case .cancelled: "stopped"
        case .notHTTP: "it speaks no HTTP"
        case .transport(let error) where error.code == .cannotConnectToHost: "cannot connect"
        case .transport(let error): error.localizedDescription
        }
    }
}
