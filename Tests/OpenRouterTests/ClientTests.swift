import Foundation
import OpenRouter
import PreflightCore
import Simulator
import TestSupport
import Testing

/// A client of a simulator of its own, on a real port, that waits between attempts by a clock which does not wait.
private func withClient<T>(
    _ options: SimulatorOptions = SimulatorOptions(), _ body: (OpenRouterClient, SimulatorServer) async throws -> T
) async throws -> T {
    try await SimulatorServer.withServer(options) { server, addresses in
        let client = OpenRouterClient(
            baseURL: addresses[0].baseURL, key: Secret(SimulatorOptions.defaultManagementKey), clock: ImmediateClock())
        return try await body(client, server)
    }
}

/// Every sleep is over at once.
struct ImmediateClock: Clock {
    typealias Instant = ContinuousClock.Instant
    var now: Instant { ContinuousClock.now }
    var minimumResolution: Duration { .nanoseconds(1) }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws { try Task.checkCancellation() }
}

@Suite struct ClientTests {
    @Test func `the whole life of a sub-key`() async throws {
        try await withClient { client, _ in
            let expiry = Timestamp(seconds: 4_000_000_000)
            let (made, key) = try await client.createSubKey(
                name: "preflight:r:a", limit: USD(cents: 1), expiresAt: expiry)
            #expect(made.limit == USD(cents: 1) && made.usage == .zero && made.expiresAt == expiry)
            #expect("\(key)" == "****")
            let asKey = client.with(key: key)
            #expect(try await asKey.keyInfo().limit == USD(cents: 1))
            try await client.setLimit(USD(cents: 2), ofSubKey: made.hash)
            #expect(try await client.subKey(hash: made.hash).limit == USD(cents: 2))
            try await client.disableSubKey(hash: made.hash)
            #expect(try await client.subKey(hash: made.hash).isDisabled)
            await #expect(throws: OpenRouterError.self) { try await asKey.keyInfo() }
            try await client.deleteSubKey(hash: made.hash)
            try await client.deleteSubKey(hash: made.hash)
            let error = await #expect(throws: OpenRouterError.self) { try await client.subKey(hash: made.hash) }
            #expect(error?.kind == .notFound)
        }
    }

    @Test func `lists of keys are read page by page`() async throws {
        try await withClient { client, _ in
            for index in 0..<130 {
                _ = try await client.createSubKey(name: "k\(index)", limit: USD(cents: 1), expiresAt: nil)
            }
            let names = try await client.subKeys().map(\.name).filter { $0.hasPrefix("k") }
            #expect(Set(names).count == 130 && names.count == 130)
        }
    }

    @Test func `credits, models and a completion with its record`() async throws {
        var options = SimulatorOptions()
        options.generationDelay = .zero
        try await withClient(options) { client, server in
            #expect(try await client.credits().balance == USD(cents: 10_000))
            let ordinary = client.with(key: Secret(SimulatorOptions.defaultOrdinaryKey))
            #expect(try await ordinary.credits().isUnknown)
            #expect(
                try await client.models()["google/gemini-2.5-flash"]?.pricing.rates.prompt?.decimalText == "0.0000003")
            let completion = try await ordinary.complete([
                "model": "google/gemini-2.5-flash", "max_tokens": 50,
                "messages": [["role": "user", "content": "hello"]],
            ])
            let cost = try #require(completion.usage?.cost)
            #expect(cost > .zero)
            let generation = try await ordinary.generation(id: try #require(completion.generationID))
            #expect(generation?.cost == cost)
            #expect(try await ordinary.generation(id: "gen-unknown") == nil)
        }
    }

    @Test func `a record of a call with the account's own provider key costs the fee and the provider's price`()
        async throws
    {
        func cost(_ members: String) async throws -> USD? {
            try await withClient { client, server in
                let body = #"{"data":{"id":"gen-1","model":"m",\#(members)}}"#
                server.addFault(Fault(.status, path: "/api/v1/generation", count: 1, status: 200, body: body))
                return try await client.with(retry: .none).generation(id: "gen-1")?.cost
            }
        }
        let fee = #""total_cost":0.001,"is_byok":"#
        #expect(try await cost(#"\#(fee)true,"upstream_inference_cost":0.02"#) == USD(decimal: "0.021"))
        #expect(try await cost(#"\#(fee)true,"upstream_inference_cost":0"#) == USD(decimal: "0.001"))
        #expect(try await cost(#"\#(fee)false,"upstream_inference_cost":0.02"#) == USD(decimal: "0.001"))
        for unknown in ["", #","upstream_inference_cost":null"#, #","upstream_inference_cost":-1"#] {
            await #expect(throws: OpenRouterError.self, "\(unknown)") { try await cost("\(fee)true\(unknown)") }
        }
        await #expect(throws: OpenRouterError.self) { try await cost(#""total_cost":-0.001,"is_byok":false"#) }
    }
}

@Suite struct GenerationTests {
    @Test func `counts of a record that no call can have are bounded`() async throws {
        let usage = try await withClient { client, server in
            let body = #"""
                {"data":{"id":"g","total_cost":0.001,"native_tokens_prompt":9223372036854775807,
                "native_tokens_completion":1,"native_tokens_cached":-5,"native_tokens_reasoning":1e30}}
                """#
            server.addFault(Fault(.status, path: "/api/v1/generation", count: 1, status: 200, body: body))
            return try await client.with(retry: .none).generation(id: "g")?.usage
        }
        #expect(usage?.promptTokens == 1_000_000_000 && usage?.completionTokens == 1)
        #expect(usage?.cachedTokens == 0 && usage?.reasoningTokens == 0)
    }
}

@Suite(.timeLimit(.minutes(2))) struct FailureTests {
    private func subKeyCount(_ client: OpenRouterClient) async throws -> Int {
        try await client.with(retry: .none).subKeys().filter { $0.name == "once" }.count
    }

    @Test(arguments: [Fault.Kind.status, .html, .malformed, .empty, .drop])
    func `a read is repeated until the fault has passed`(kind: Fault.Kind) async throws {
        try await withClient { client, server in
            server.addFault(Fault(kind, path: "/api/v1/credits", count: 2, status: 500))
            let balance = try await client.credits().balance
            #expect(balance == USD(cents: 10_000))
        }
    }

    @Test(arguments: [Fault.Kind.status, .html, .malformed, .empty, .drop])
    func `making a key is never repeated when its answer is lost`(kind: Fault.Kind) async throws {
        try await withClient { client, server in
            server.addFault(Fault(kind, path: "/api/v1/keys", method: "POST", count: 1, status: 500))
            await #expect(throws: OpenRouterError.self) {
                try await client.createSubKey(name: "once", limit: USD(cents: 1), expiresAt: nil)
            }
            let made = try await subKeyCount(client)
            #expect(made <= 1)
        }
    }

    @Test func `making a key is repeated after a 429, which took no effect`() async throws {
        try await withClient { client, server in
            server.addFault(Fault(.status, path: "/api/v1/keys", method: "POST", count: 2, status: 429))
            _ = try await client.createSubKey(name: "once", limit: USD(cents: 1), expiresAt: nil)
            #expect(try await subKeyCount(client) == 1)
        }
    }

    @Test func `a completion is never repeated after a 502: it could be billed twice`() async throws {
        try await withClient { client, server in
            server.addFault(Fault(.status, path: "/api/v1/chat/completions", count: 1, status: 502))
            let ordinary = client.with(key: Secret(SimulatorOptions.defaultOrdinaryKey))
            let error = await #expect(throws: OpenRouterError.self) {
                try await ordinary.complete([
                    "model": "google/gemini-2.5-flash", "messages": [["role": "user", "content": "x"]],
                ])
            }
            #expect(error?.kind == .server && error?.status == 502)
        }
    }

    @Test func `a server that hangs is given up on in time`() async throws {
        try await withClient { client, server in
            server.addFault(Fault(.hang, path: "/api/v1/keys/*", count: 1))
            // The server never answers: that this returns at all is what is shown.
            let error = await #expect(throws: OpenRouterError.self) {
                try await client.with(retry: .none).subKey(hash: "abc", timeout: .milliseconds(300))
            }
            #expect(error?.kind == .interrupted)
        }
    }

    @Test func `no server at all is said in plain words`() async throws {
        let client = OpenRouterClient(baseURL: "http://127.0.0.1:1/api/v1", key: Secret("x"), retry: .none)
        let error = await #expect(throws: OpenRouterError.self) { try await client.credits() }
        #expect(error?.kind == .unreachable)
        #expect(error?.call == "GET /credits")
    }

    @Test(arguments: ["nonsense", "ftp://x/y", "", "http://"])
    func `an address that is none is an error, not a crash`(url: String) async {
        let client = OpenRouterClient(baseURL: url, key: Secret("x"), retry: .none)
        let error = await #expect(throws: OpenRouterError.self) { try await client.credits() }
        #expect(error?.kind == .unreachable)
    }

    @Test func `refusals carry OpenRouter's own words and the next step`() async throws {
        try await withClient { client, _ in
            let stranger = client.with(key: Secret("sk-or-v1-nobody"))
            let error = await #expect(throws: OpenRouterError.self) { try await stranger.credits() }
            #expect(error?.kind == .unauthorized && error?.message == "User not found.")
            #expect(error?.hint.contains("settings/keys") == true)
            #expect(error.map { !"\($0)".contains("nobody") } == true)
            let ordinary = client.with(key: Secret(SimulatorOptions.defaultOrdinaryKey))
            let refused = await #expect(throws: OpenRouterError.self) { try await ordinary.subKeys() }
            #expect(
                refused?.kind == .forbidden && refused?.message == "Only management keys can perform this operation")
        }
    }
}

@Suite struct CaptureTests {
    /// Serves one recorded answer to one completion.
    private func complete(_ file: String) async throws -> Completion {
        let body = String(decoding: try TestData.bytes("captures/openrouter/\(file)"), as: UTF8.self)
        return try await withClient { client, server in
            server.addFault(Fault(.status, path: "/api/v1/chat/completions", count: 1, status: 200, body: body))
            return try await client.with(key: Secret(SimulatorOptions.defaultOrdinaryKey)).complete(["model": "x"])
        }
    }

    @Test func `every recorded completion is decoded, with the usage it states`() async throws {
        var decoded = 0
        for file in try TestData.captures() where file.hasSuffix(".response.json") {
            let json = try TestData.json("captures/openrouter/\(file)")
            guard json["choices"] != nil, json["choices"]?[0]?["error"] == nil else { continue }
            let completion = try await complete(file)
            #expect(completion.usage?.promptTokens == json["usage"]?["prompt_tokens"]?.int, "\(file)")
            #expect(completion.generationID == json["id"]?.string, "\(file)")
            decoded += 1
        }
        #expect(decoded >= 15)
    }

    @Test func `an error inside a 200 is an error`() async throws {
        let body = try TestData.json("captures/openrouter/errors_raised-1.response.json")
        #expect(body["error"] != nil)
        let error = await #expect(throws: OpenRouterError.self) { try await complete("errors_raised-1.response.json") }
        #expect(error?.kind == .rateLimited(retryAfter: nil))
    }
}
