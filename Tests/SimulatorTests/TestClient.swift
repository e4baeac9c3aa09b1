import Foundation
import PreflightCore
import Simulator

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Speaks to a simulator over the loopback.
struct TestClient: Sendable {
    var base: String
    var key: String?

    init(_ address: SimulatorServer.Address, key: String? = SimulatorOptions.defaultOrdinaryKey) {
        base = address.baseURL
        self.key = key
    }

    /// For a server of another flavour, whose paths begin with `/v1`, `/health` and the like.
    static func plain(_ address: SimulatorServer.Address, key: String? = nil) -> TestClient {
        var client = TestClient(address, key: key)
        client.base = address.rootURL
        return client
    }

    static func management(_ address: SimulatorServer.Address) -> TestClient {
        TestClient(address, key: SimulatorOptions.defaultManagementKey)
    }

    func with(key: String?) -> TestClient {
        var copy = self
        copy.key = key
        return copy
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSON { (try? JSON.parse(body)) ?? .null }
        var message: String? { json["error"]?["message"]?.string }
        var cost: USD? { json["usage"]?["cost"]?.usd() }

        /// The JSON of each `data:` line, without the sentinel.
        var events: [JSON] {
            text.split(separator: "\n").compactMap { line in
                line.hasPrefix("data: {") ? try? JSON.parse(String(line.dropFirst(6))) : nil
            }
        }
    }

    /// - Parameter path: below `/api/v1`, or from the root when it begins with `/_simulator`.
    func send(
        _ method: String, _ path: String, _ json: JSON? = nil, body: [UInt8]? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        let root = path.hasPrefix("/_simulator") && base.hasSuffix("/api/v1") ? String(base.dropLast(7)) : base
        guard let url = URL(string: root + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: 60)
        request.httpMethod = method
        if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let bytes = body ?? json?.bytes { request.httpBody = Data(bytes) }
        // A session of its own: no connection is shared between requests that are cut.
        let session = URLSession(configuration: .ephemeral)
        defer { session.finishTasksAndInvalidate() }
        let (data, response) = try await session.data(for: request)
        guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        var headers: [String: String] = [:]
        for (name, value) in http.allHeaderFields { headers["\(name)".lowercased()] = "\(value)" }
        return Answer(status: http.statusCode, headers: headers, body: Array(data))
    }

    func get(_ path: String) async throws -> Answer { try await send("GET", path) }
    /// - Parameter orders: headers without `x-simulator-`.
    func post(_ path: String, _ json: JSON, _ orders: [String: String] = [:]) async throws -> Answer {
        let headers = Dictionary(uniqueKeysWithValues: orders.map { ("x-simulator-\($0.key)", $0.value) })
        return try await send("POST", path, json, headers: headers)
    }

    func chat(
        _ model: String = "meta-llama/llama-3.3-70b-instruct", _ text: String = "Hello", maxTokens: Int? = 100,
        stream: Bool = false
    ) async throws -> Answer {
        try await post("/chat/completions", Self.chatBody(model, text, maxTokens: maxTokens, stream: stream))
    }

    static func chatBody(
        _ model: String = "meta-llama/llama-3.3-70b-instruct", _ text: String = "Hello", maxTokens: Int? = 100,
        stream: Bool = false
    ) -> JSON {
        .record([
            "model": .string(model), "messages": [["role": "user", "content": .string(text)]],
            "max_tokens": maxTokens.map(JSON.int), "stream": .bool(stream),
        ])
    }
}

extension SimulatorOptions {
    /// Nothing is late and nothing is slow, unless the test says so.
    static func prompt() -> SimulatorOptions {
        var options = SimulatorOptions()
        options.usageDelay = .zero
        options.generationDelay = .zero
        options.cancelledGenerationDelay = .zero
        options.pace = .zero
        options.seed = 1
        return options
    }

    static func prompt(_ change: (inout SimulatorOptions) throws -> Void) rethrows -> SimulatorOptions {
        var options = prompt()
        try change(&options)
        return options
    }
}

extension Scenario {
    /// From the text of a file.
    static func text(_ json: String) throws -> Scenario { try parse(Array(json.utf8), name: "test.json") }
}
