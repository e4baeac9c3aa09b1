import Foundation
import Gateway
import PreflightCore
import Store
import TestSupport
import Testing

@testable import Preflight

@Suite struct GatewayConfigurationTests {
    private static let environment = [
        "OPENROUTER_API_KEY": "sk-or-v1-x", "OPENAI_API_KEY": "sk-oa", "VLLM_KEY": "v",
    ]

    private func read(_ text: String, files: [String: String] = [:]) async throws -> GatewayConfiguration {
        try await withTemporaryDirectory { directory in
            for (name, content) in files.merging(["gateway.yaml": text], uniquingKeysWith: { $1 }) {
                try Data(content.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
            }
            return try GatewayConfiguration(
                path: "gateway.yaml", environment: Self.environment, workingDirectory: directory)
        }
    }

    private func table(_ configuration: GatewayConfiguration, _ name: String) throws -> Catalogue {
        let upstream = try #require(configuration.settings.upstreams.first { $0.name == name })
        guard case .table(let catalogue) = upstream.pricing else {
            throw PreflightError(.failed, "\(name) has no table")
        }
        return catalogue
    }

    @Test func `an empty file is OpenRouter at its own prices`() async throws {
        let configuration = try await read("")
        let upstream = try #require(configuration.settings.upstreams.first)
        #expect(upstream.kind == .openRouter && upstream.address.host == "openrouter.ai")
        #expect(upstream.key == Secret("sk-or-v1-x"))
        guard case .listed = upstream.pricing else { throw PreflightError(.failed, "not listed") }
        #expect(configuration.listen == [.init(host: "127.0.0.1", port: 4000)])
        #expect(configuration.console == .init(host: "127.0.0.1", port: 4001))
    }

    @Test func `a vendor's key goes to the vendor, and to another address only when it is named for it`() async throws {
        let configuration = try await read(
            """
            upstreams:
              openai: {prices: {gpt-4.1: {prompt: 2, completion: 8}}}
              box: {kind: openai, url: "http://10.0.0.7:8080/v1", prices: free}
              own: {kind: openai, url: "http://10.0.0.7:8081/v1", key: VLLM_KEY, prices: free}
              mirror: {kind: openrouter, url: "https://mirror.example/api/v1"}
            """)
        let keys = configuration.settings.upstreams.map { "\($0.name): \($0.key?.reveal() ?? "none")" }
        #expect(keys == ["openai: sk-oa", "box: none", "own: v", "mirror: none"])
    }

    @Test func `everything that a file can say is read`() async throws {
        let configuration = try await read(
            """
            listen: ["127.0.0.1:9000", "[::1]:9001"]
            console: false
            ledger: spend.sqlite
            upstreams:
              openrouter: {key: "${OPENROUTER_API_KEY}"}
              local: {kind: vllm, url: "http://127.0.0.1:8000/v1/", key: VLLM_KEY}
              openai: {prices: {gpt-4.1: {prompt: 2, completion: "$8.00", cache_read: 0.5, context: 1000000, max_output: 32768, request: 0.001}}}
            routes:
              "Qwen/*": local
              gpt-4.1: {upstreams: [openai, openrouter], model: openai/gpt-4.1}
            budgets:
              acme/ci/nightly: {calls: 10}
              acme/ci: 1.5
              acme: {limit: 50, daily: 5, hold: adaptive}
              other: {parent: acme, time: 2h}
            allowances:
              plugin:web: {per_call: 0.02, prompt_tokens: 20000}
              tier: {factor: 2.5}
            default_output: 4096
            limits: {body: 8m, connections: 10}
            timeouts: {connect: 3s, headroom: 0}
            least_output: 8
            expected: 95%
            max_price: false
            """)
        #expect(configuration.listen.map(\.port) == [9000, 9001] && configuration.listen[1].host == "::1")
        #expect(configuration.console == nil)
        #expect(configuration.ledger?.hasSuffix("/spend.sqlite") == true)
        #expect(configuration.settings.upstreams.map(\.name) == ["openrouter", "local", "openai"])
        #expect(configuration.settings.upstreams[1].address.basePath == "/v1")
        let model = try #require(try table(configuration, "openai")["gpt-4.1"])
        #expect(model.pricing.rates.prompt == USD(picodollars: 2_000_000))
        #expect(model.pricing.rates.completion == USD(picodollars: 8_000_000))
        #expect(model.pricing.rates.cacheRead == USD(picodollars: 500_000))
        #expect(model.pricing.rates.request == USD(picodollars: 1_000_000_000))
        #expect(model.contextLength == 1_000_000 && model.maxCompletionTokens == 32_768)
        let routes = configuration.settings.routes
        #expect(routes.map(\.pattern) == ["Qwen/*", "gpt-4.1"])
        #expect(routes[1].upstreams == ["openai", "openrouter"] && routes[1].model == "openai/gpt-4.1")
        #expect(configuration.budgets.map(\.scope) == ["acme", "acme/ci", "other", "acme/ci/nightly"])
        #expect(configuration.budgets.map(\.change.parent) == [nil, "acme", "acme", "acme/ci"])
        let terms = configuration.settings.allowances.terms
        #expect(terms["plugin:web"] == .init(perCall: USD(cents: 2), promptTokens: 20_000))
        #expect(terms["tier"]?.factorPermille == 2500)
        #expect(terms["state:store"] != nil)
        #expect(configuration.settings.allowances.defaultOutputTokens == 4096)
        #expect(configuration.settings.bounds.body == 8 << 20 && configuration.settings.bounds.connections == 10)
        #expect(configuration.settings.patience.headroom == .zero)
        #expect(configuration.settings.leastOutput == 8 && configuration.settings.expectedPermille == 950)
        #expect(!configuration.settings.sendsMaxPrice)
    }

    @Test func `a price list of LiteLLM is read, and a table goes before it`() async throws {
        let list = """
            {"sample_spec": {"input_cost_per_token": 0, "max_tokens": "LEGACY"},
             "a/long": {"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
                "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
                "cache_read_input_token_cost": 3.125e-07, "max_input_tokens": 1000, "max_output_tokens": 65,
                "cache_creation_input_token_cost_above_1hr": 5e-06, "output_cost_per_image_token": 3e-05},
             "a/dear": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
             "a/image": {"output_cost_per_image": 0.04}, "a/broken": {"input_cost_per_token": -1}}
            """
        let catalogue = try table(
            try await read(
                "upstreams: {openai: {prices_file: prices.json, prices: {a/dear: {prompt: 0.0000001}}}}",
                files: ["prices.json": list]), "openai")
        #expect(catalogue.models.map(\.id) == ["a/dear", "a/long"])
        let model = try #require(catalogue["a/long"])
        #expect(model.pricing.rates.prompt == USD(picodollars: 1_250_000))
        #expect(model.pricing.rates(promptTokens: 200_001).completion == USD(picodollars: 15_000_000))
        #expect(model.pricing.rates(promptTokens: 200_000).prompt == USD(picodollars: 1_250_000))
        #expect(model.pricing.rates.cacheWrite1h == USD(picodollars: 5_000_000))
        #expect(model.pricing.rates.imageOutput == USD(picodollars: 30_000_000))
        #expect(model.contextLength == 1065 && model.maxCompletionTokens == 65)
        // Finer than a picodollar a token: rounded up, never to nothing.
        #expect(catalogue["a/dear"]?.pricing.rates.prompt == USD(picodollars: 1))
    }

    @Test func `a search has the dearest price of LiteLLM's list, or that of the table`() async throws {
        let list = """
            {"gpt-4o-mini-search-preview": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
                "max_input_tokens": 128000, "max_output_tokens": 16384, "search_context_cost_per_query": {
                    "search_context_size_high": 0.03, "search_context_size_low": 0.025,
                    "search_context_size_medium": 0.0275}}}
            """
        let catalogue = try table(
            try await read(
                "upstreams: {openai: {prices_file: prices.json, prices: {a/b: {prompt: 1, search: 0.035}}}}",
                files: ["prices.json": list]), "openai")
        #expect(catalogue["gpt-4o-mini-search-preview"]?.pricing.rates.webSearch == USD(decimal: "0.03"))
        #expect(catalogue["a/b"]?.pricing.rates.webSearch == USD(decimal: "0.035"))
    }

    /// Makes the file's scopes in a ledger, and says what each lies below.
    private func define(_ text: String, in ledger: Ledger) async throws -> [String: String?] {
        try await ledger.define(all: try await read(text).budgets.map { ($0.scope, $0.change) })
        let scopes = try await LedgerReader(path: ledger.path).scopes()
        return Dictionary(uniqueKeysWithValues: scopes.map { ($0.scope.name, $0.parent) })
    }

    private func withLedger(_ body: (Ledger) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let ledger = try Ledger(path: directory + "/l.sqlite", now: { Timestamp(seconds: 1_767_268_800) })
            try await body(ledger)
            await ledger.close()
        }
    }

    @Test func `a scope of the file lies below the nearest one of the ledger that its path names`() async throws {
        try await withLedger { ledger in
            _ = try await ledger.define("acme", try BudgetChange(json: 50))
            _ = try await ledger.define("acme/ci", try BudgetChange(json: 10))
            let file = "budgets: {acme: 50, acme/ci/nightly: 1}"
            #expect(try await define(file, in: ledger)["acme/ci/nightly"] == "acme/ci")
            // And again, when the gateway starts the next time.
            #expect(try await define(file, in: ledger)["acme/ci/nightly"] == "acme/ci")
        }
    }

    @Test(arguments: [
        ("lone/ci", "budgets: {lone: 1, lone/ci: 1}", "lone/ci lies below no other scope, not below lone"),
        ("lone/ci", "budgets: {lone: 1, lone/ci/x: 1}", "lone/ci/x lies below lone/ci, not below lone"),
        ("lone", "budgets: {lone: 2, b: {parent: nobody}}", "the parent nobody is no scope"),
        ("lone", "budgets: {lone: 2, a: 1, lone/b: {parent: a}, lone/b/c: {parent: lone}, x: {parent: y}}", "y is no"),
    ])
    func `of a file with a scope that cannot be, nothing is taken over`(
        present: String, file: String, message: String
    ) async throws {
        try await withLedger { ledger in
            _ = try await ledger.define(present, try BudgetChange(json: 1))
            let before = try await LedgerReader(path: ledger.path).scopes()
            let error = await #expect(throws: PreflightError.self) { try await define(file, in: ledger) }
            #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
            #expect(try await LedgerReader(path: ledger.path).scopes() == before)
        }
    }

    @Test(arguments: [
        ("listn: 1", "gateway.yaml:1: listn: unknown key", "did you mean 'listen'?"),
        ("listen: nowhere", "listen: expected HOST:PORT", nil),
        ("listen: 127.0.0.1:99999", "listen: expected HOST:PORT", nil),
        ("upstreams: {x: {url: http://a}}", "upstreams.x: kind is missing", nil),
        ("upstreams: {x: {kind: vlm, url: http://a}}", "'vlm' is none of", nil),
        ("upstreams: {vllm: {}}", "upstreams.vllm: url is missing", nil),
        ("upstreams: {openai: {}}", "prices are missing", nil),
        ("upstreams: {openai: {prices: listed}}", "only OpenRouter lists its prices", nil),
        ("upstreams: {openai: {prices: {a: {prompt: -1}}}}", "a.prompt: expected dollars", nil),
        ("upstreams: {openai: {prices: {a: {prompt: 1, promt: 2}}}}", "unknown key", "did you mean 'prompt'?"),
        ("upstreams: {openai: {prices_file: none.json}}", "prices_file: cannot read", nil),
        ("upstreams: {openrouter: {key: NOT_SET}}", "the variable NOT_SET is not set", nil),
        ("upstreams: {openrouter: {url: 'ftp://x'}}", "is no http or https URL", nil),
        ("routes: {a: openroute}", "there is no upstream 'openroute'", "did you mean 'openrouter'?"),
        ("routes: {'a*b': openrouter}", "at most one *", nil),
        ("budgets: {a: {limti: 1}}", "budgets.a.limti: unknown key", "did you mean 'limit'?"),
        ("budgets: {a: {limit: x}}", "budgets.a.limit: limit is an amount", nil),
        ("budgets: {'a b': 1}", "cannot name a scope", nil),
        ("budgets: {a: {parent: b}, b: {parent: a}}", "lies below itself", nil),
        ("allowances: {plugn:web: {}}", "there is no extra 'plugn'", "did you mean 'plugin'?"),
        ("allowances: {tier: {factor: 0.5}}", "expected a factor", nil),
        ("limits: {body: 1}", "limits.body: expected", nil), ("timeouts: {connect: 0}", "more than 0", nil),
        ("expected: 0", "expected a share", nil), ("max_price: 1", "expected true or false", nil),
    ])
    func `what is wrong is named with its place`(text: String, message: String, hint: String?) async throws {
        let error = await #expect(throws: PreflightError.self) { try await read(text) }
        #expect(error?.code == .usage)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        if let hint { #expect(error?.hint == hint) }
    }

    @Test(arguments: ["sk-or-v1-0123456789abcdef", "AIzaSyD0123456789", "'${sk-x}'", "abcdef0123456789", "\"\""])
    func `a key in the file is refused and not repeated`(key: String) async throws {
        let error = await #expect(throws: PreflightError.self) {
            try await read("upstreams: {openrouter: {key: \(key)}}")
        }
        #expect(error?.hint?.contains("does not belong in a file") == true)
        #expect(key == "\"\"" || error?.description.contains(key.filter { $0 != "'" }) == false)
    }

    @Test func `the published schema knows the keys that are read, and no others`() throws {
        let path = TestData.package.appendingPathComponent("docs/gateway.schema.json").path
        let schema = try JSON.parse([UInt8](try #require(FileManager.default.contents(atPath: path))))
        func expect(_ object: JSON?, _ keys: [String], _ name: String) {
            #expect(Set(object?["properties"]?.object?.keys ?? []) == Set(keys), "\(name)")
            #expect(object?["additionalProperties"]?.bool == false, "\(name)")
        }
        expect(schema, GatewayConfiguration.keys, "top")
        for (name, keys) in [
            ("upstream", GatewayConfiguration.upstreamKeys), ("model", GatewayConfiguration.priceKeys),
            ("route", GatewayConfiguration.routeKeys), ("budget", GatewayConfiguration.budgetKeys),
            ("allowance", GatewayConfiguration.allowanceKeys), ("limits", GatewayConfiguration.limitKeys),
            ("timeouts", GatewayConfiguration.timeoutKeys),
        ] {
            expect(schema["$defs"]?[name], keys, name)
        }
        // The experiment's file has the same upstreams, but for OpenRouter, which it needs not name.
        let other = TestData.package.appendingPathComponent("docs/experiment.schema.json").path
        let experiment = try JSON.parse([UInt8](try #require(FileManager.default.contents(atPath: other))))
        expect(experiment["$defs"]?["upstream"], GatewayConfiguration.upstreamKeys, "upstream of an experiment")
        #expect(experiment["$defs"]?["prices"] == schema["$defs"]?["model"])
        let text = schema.text
        for kind in Upstream.Kind.allCases { #expect(text.contains("\"\(kind.rawValue)\"")) }
        for hold in BudgetLimits.Hold.allCases { #expect(text.contains("\"\(hold.rawValue)\"")) }
        for extra in Extra.Kind.allCases { #expect(text.contains(extra.rawValue)) }
    }
}
