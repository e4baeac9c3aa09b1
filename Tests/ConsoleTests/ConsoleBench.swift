import Console
import Foundation
import PreflightCore
import Store
import Synchronization
import TestSupport

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A console over a ledger of its own, on a free port.
struct ConsoleBench: Sendable {
    static let token = "an-administrator's-token"
    static let now = Timestamp(seconds: 1_767_268_800)

    var ledger: Ledger
    var doors: ConsoleDoors
    var url: String
    var directory: String
    let forwarded: Forwarded

    /// What was sent through the data plane.
    final class Forwarded: Sendable {
        private let requests = Mutex<[(scope: String, body: JSON)]>([])
        var all: [(scope: String, body: JSON)] { requests.withLock { $0 } }
        func add(_ scope: String, _ body: JSON) { requests.withLock { $0.append((scope, body)) } }
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var text: String
        var json: JSON { (try? JSON.parse(text)) ?? .null }
        var message: String { json["error"]?["message"]?.string ?? "" }
        var hint: String { json["error"]?["hint"]?.string ?? "" }
    }

    func send(
        _ method: String, _ path: String, _ body: String? = nil, token: String? = ConsoleBench.token,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let address = URL(string: url + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: address, timeoutInterval: 30)
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body {
            request.httpBody = Data(body.utf8)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let session = URLSession(configuration: .ephemeral)
        defer { session.finishTasksAndInvalidate() }
        let (data, response) = try await session.data(for: request)
        guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var fields: [String: String] = [:]
        for (name, value) in http.allHeaderFields { fields["\(name)".lowercased()] = "\(value)" }
        return Answer(status: http.statusCode, headers: fields, text: String(decoding: data, as: UTF8.self))
    }

    func get(_ path: String) async throws -> Answer { try await send("GET", path, token: nil) }
    func post(_ path: String, _ body: String) async throws -> Answer { try await send("POST", path, body) }

    /// Settles a call of that cost.
    func spend(_ cost: USD, scope: String) async throws {
        let id = try await ledger.define(scope, BudgetChange()).id
        let ask = BudgetAsk(base: cost, perOutputToken: .zero, wantedOutput: 1)
        let grant = try await ledger.reserve(ask, scope: id, model: "a/model")
        await ledger.resolve(grant.call, .settled(cost: cost, tokens: 10))
    }
}

func withConsole(
    host: String = "127.0.0.1", chatModel: String? = nil, bounds: ConsoleOptions.Bounds = .init(),
    answer: ConsoleDoors.ForwardedAnswer = .init(status: 500, body: .null),
    _ body: (ConsoleBench) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let path = directory + "/preflight.sqlite"
        let ledger = try Ledger(path: path, now: { ConsoleBench.now })
        let forwarded = ConsoleBench.Forwarded()
        let doors = ConsoleDoors(
            ledger: ledger, reader: try LedgerReader(path: path), keys: try VirtualKeyStore(path: path),
            now: { ConsoleBench.now },
            forward: { scope, body in
                forwarded.add(scope, body)
                return answer
            })
        var options = ConsoleOptions(
            host: host, token: Secret(ConsoleBench.token), version: "1.2.3", chatModel: chatModel)
        options.bounds = bounds
        try await ConsoleServer.withServer(options, doors: doors) { bound in
            try await body(
                ConsoleBench(
                    ledger: ledger, doors: doors, url: "http://127.0.0.1:\(bound.port)", directory: directory,
                    forwarded: forwarded))
        }
        await ledger.close()
    }
}
