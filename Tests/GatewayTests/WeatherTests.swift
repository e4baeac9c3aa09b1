import Gateway
import NIOCore
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

/// What goes wrong upstream: what the caller gets, whose fault it says, and what the ledger holds afterwards.
@Suite(.timeLimit(.minutes(2))) struct WeatherTests {
    typealias Script = ScriptedUpstream.Script

    /// One kind of weather, and what is to come of it.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var script: Script
        /// What the caller gets.
        var status: Int
        /// `x-should-retry`; nil where the upstream's own answer is passed on.
        var retry: String?
        var headers: [String: String] = [:]
        /// The call may have been billed: it counts in full. Else it costs nothing.
        var isHeld = false
        /// A part of the event's reason, and of the answer where the gateway gives it.
        var reason: String

        var testDescription: String { name }
    }

    private static func refusal(_ status: Int, _ headers: [String: String] = [:]) -> Script {
        Script(status: status, headers: headers, #"{"error":{"code":\#(status),"message":"no: \#(upstreamSecret)"}}"#)
    }

    private static func bytes(_ text: String...) -> [[UInt8]] { text.map { Array($0.utf8) } }

    private static let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

    static let refusals: [Case] =
        [429, 500, 502, 503, 529].map {
            Case(name: "\($0)", script: refusal($0), status: $0, reason: "one answered \($0): no: ****")
        } + [
            Case(
                name: "429 with seconds", script: refusal(429, ["retry-after": "7"]), status: 429,
                headers: ["retry-after": "7"], reason: "one answered 429"),
            Case(
                name: "503 with a date", script: refusal(503, ["retry-after": "Sun, 06 Nov 2044 08:49:37 GMT"]),
                status: 503, headers: ["retry-after": "Sun, 06 Nov 2044 08:49:37 GMT"], reason: "one answered 503"),
        ]
        + [408, 504, 524].map {
            Case(name: "\($0)", script: refusal($0), status: $0, isHeld: true, reason: "one answered \($0)")
        } + [
            Case(
                name: "an error inside 200", script: Script(#"{"error":{"code":502,"message":"provider down"}}"#),
                status: 200, reason: "one answered 502: provider down")
        ]

    static let breaks: [Case] = [
        Case(
            name: "silence", script: .silence, status: 504, retry: "false", isHeld: true, reason: "no answer within"),
        Case(
            name: "silence after the head", script: Script(portions: bytes(head + "content-length: 50\r\n\r\n")),
            status: 504, retry: "false", isHeld: true, reason: "the answer stood still"),
        Case(
            name: "a slow drip",
            script: Script(
                portions: bytes(head + "content-length: 500\r\n\r\n") + Array(repeating: [0x20], count: 200),
                pause: .milliseconds(40)),
            status: 504, retry: "false", isHeld: true, reason: "the answer took more than"),
        Case(
            name: "closed at once", script: Script(portions: [], closes: true), status: 502, retry: "false",
            isHeld: true, reason: "closed before the answer's end"),
        Case(
            name: "cut in the head", script: Script(portions: bytes(head), closes: true), status: 502, retry: "false",
            isHeld: true, reason: "closed before the answer's end"),
        Case(
            name: "cut in the body",
            script: Script(portions: bytes(head + "content-length: 50\r\n\r\n{\"id\":"), closes: true), status: 502,
            retry: "false", isHeld: true, reason: "closed before the answer's end"),
        Case(
            name: "cut in a chunk",
            script: Script(portions: bytes(head + "transfer-encoding: chunked\r\n\r\n20\r\n{\"id\":"), closes: true),
            status: 502, retry: "false", isHeld: true, reason: "closed before the answer's end"),
        Case(
            name: "a chunk without a size",
            script: Script(portions: bytes(head + "transfer-encoding: chunked\r\n\r\nhello\r\n")), status: 502,
            retry: "false", isHeld: true, reason: "chunk"),
        Case(
            name: "no HTTP", script: Script(portions: bytes("SSH-2.0-OpenSSH_9.2\r\n")), status: 502, retry: "false",
            isHeld: true, reason: "no HTTP"),
    ]

    private func quick(_ settings: inout GatewaySettings) {
        settings.patience.firstByte = .milliseconds(300)
        settings.patience.betweenBytes = .milliseconds(300)
        settings.patience.total = .milliseconds(900)
    }

    /// No event, and nothing that the caller sees, has the upstream's key.
    private func expectNoSecret(_ bench: ScriptedBench, _ answer: TestCaller.Answer, _ location: SourceLocation) {
        #expect(!answer.text.contains(upstreamSecret), sourceLocation: location)
        for event in bench.events.all {
            #expect(!JSON.object(event.fields).text.contains(upstreamSecret), sourceLocation: location)
        }
    }

    private func expect(
        _ weather: Case, _ answer: TestCaller.Answer, _ bench: ScriptedBench,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(answer.status == weather.status, sourceLocation: location)
        #expect(answer.isComplete, sourceLocation: location)
        #expect(answer.headers["x-should-retry"] == weather.retry, sourceLocation: location)
        for (name, value) in weather.headers { #expect(answer.headers[name] == value, sourceLocation: location) }
        if weather.retry != nil {
            #expect(answer.text.contains(weather.reason), "\(answer.text)", sourceLocation: location)
            #expect(answer.json?["error"]?["metadata"]?["upstream"] == "one", sourceLocation: location)
        }
        let scope = try await bench.quiet()
        let reserved = try #require(bench.events.calls(.callReserved).first?.reserved)
        #expect(reserved > .zero && scope.reserved == .zero && scope.spent.total == .zero, sourceLocation: location)
        #expect(scope.held == (weather.isHeld ? reserved : .zero), sourceLocation: location)
        let end = try #require(bench.events.all.last, sourceLocation: location)
        #expect(end.kind == (weather.isHeld ? .callHeld : .callFailed), sourceLocation: location)
        #expect(end.reason?.contains(weather.reason) == true, "\(end.reason ?? "")", sourceLocation: location)
        expectNoSecret(bench, answer, location)
    }

    @Test(arguments: refusals)
    func `what an upstream refuses is passed on as it came, and costs nothing unless it may have been billed`(
        weather: Case
    ) async throws {
        let upstream = ScriptedUpstream { _ in weather.script }
        try await withScriptedGateway([upstream]) { bench in
            let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat(maxTokens: 50))
            try await expect(weather, answer, bench)
            #expect(answer.money("x-preflight-cost") == (weather.isHeld ? nil : .zero))
            #expect(upstream.requests.count == 1)
        }
    }

    @Test(arguments: breaks, [Dialect.chat, .messages, .responses])
    func `an answer that breaks is told in the caller's dialect, is not to be repeated, and counts in full`(
        weather: Case, dialect: Dialect
    ) async throws {
        let upstream = ScriptedUpstream { _ in weather.script }
        try await withScriptedGateway([upstream], keep: quick) { bench in
            let (path, body) = LoadTests.PassageTests.request(dialect, stream: false)
            let answer = try await bench.caller.send("POST", path, body)
            try await expect(weather, answer, bench)
            let error = answer.json?["error"]
            #expect(error?["code"] == (weather.status == 504 ? "upstream_timeout" : "upstream_failed"))
            #expect(answer.json?["type"] == (dialect == .messages ? "error" : nil))
            #expect(upstream.requests.count == 1)
        }
    }

    // MARK: Streams

    private static let words: [(Dialect, String)] = [
        (.chat, #"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#),
        (.messages, #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#),
        (.responses, #"{"type":"response.output_text.delta","delta":"Hi","sequence_number":1}"#),
    ]

    @Test(arguments: words, ["cut", "silence", "drip"])
    func `a stream that breaks ends with an error in its dialect, and what came of it is charged`(
        words: (Dialect, String), weather: String
    ) async throws {
        let upstream = ScriptedUpstream { _ in
            switch weather {
            case "cut":
                var script = Script.events([words.1, words.1], ends: false)
                script.portions.append(Array("40\r\ndata: {".utf8))
                script.closes = true
                return script
            case "silence": return .events([words.1], ends: false)
            default: return .events(Array(repeating: words.1, count: 200), pause: .milliseconds(40), ends: false)
            }
        }
        try await withScriptedGateway([upstream], kind: .vllm, keep: quick) { bench in
            let (path, body) = LoadTests.PassageTests.request(words.0, stream: true)
            let answer = try await bench.caller.send("POST", path, body)
            #expect(answer.status == 200 && answer.isComplete)
            #expect(answer.text.hasPrefix("data: \(words.1)\n\n"))
            let reason =
                switch weather {
                case "cut": "closed before the answer's end"
                case "silence": "stood still"
                default: "took more than"
                }
            #expect(answer.text.contains("error") && answer.text.contains(reason), "\(answer.text.suffix(300))")
            let scope = try await bench.quiet()
            // Reckoned from above out of what came: never nothing, and nothing stays reserved.
            #expect(scope.spent.total > .zero && scope.reserved + scope.held == .zero)
            let call = try #require(bench.events.calls(.callSettled).first)
            #expect(call.basis == "estimated" && call.cost == scope.spent.total)
            expectNoSecret(bench, answer, #_sourceLocation)
        }
    }

    // MARK: Not reached

    enum Way: String, Sendable, CaseIterable { case name, port, untrusted, otherName, noTLS, dropped }

    @Test(arguments: Way.allCases)
    func `an upstream that is not reached is named, nothing is sent, and nothing is charged`(way: Way) async throws {
        try await withTemporaryDirectory { directory in
            let certificate: TestCertificate? =
                switch way {
                case .untrusted: try TestCertificate(for: "localhost", in: directory, isTrusted: false)
                case .otherName: try TestCertificate(for: "elsewhere.example", in: directory, isTrusted: true)
                case .name, .port, .noTLS, .dropped: nil
                }
            let upstream = ScriptedUpstream { _ in .silence }
            try await withScriptedGateway(
                [upstream], certificate: certificate,
                keep: { settings in
                    settings.patience.connect = .seconds(20)
                    var address = settings.upstreams[0].address
                    switch way {
                    case .name: address.host = "no-such-host.invalid"
                    case .port: address.port = 1
                    case .noTLS: address.isSecure = true
                    case .dropped:
                        // Nobody answers there: TEST-NET-1. Where packets are refused at once, that is as good.
                        address.host = "192.0.2.1"
                        settings.patience.connect = .milliseconds(300)
                    case .untrusted, .otherName: break
                    }
                    settings.upstreams[0].address = address
                },
                { bench in
                    let answer = try await bench.caller.send("POST", "/v1/messages", anthropic())
                    let reason =
                        switch way {
                        case .name: "the name is not known"
                        case .port: "refused"
                        case .untrusted: "its certificate is not trusted"
                        case .otherName: "its certificate is not for this name"
                        case .noTLS: "TLS"
                        case .dropped: ""
                        }
                    let weather = Case(
                        name: way.rawValue, script: .silence, status: 502, retry: "true", reason: reason)
                    if way != .noTLS, way != .dropped { try await expect(weather, answer, bench) }
                    #expect(answer.status == 502 && answer.headers["x-should-retry"] == "true")
                    #expect(answer.json?["error"]?["type"] == "api_error")
                    #expect(answer.text.contains("one cannot be reached"), "\(answer.text)")
                    #expect(!answer.text.contains("BoringSSL"), "\(answer.text)")
                    let scope = try await bench.quiet()
                    #expect(scope.committed + scope.reserved == .zero)
                    #expect(upstream.requests.isEmpty)
                })
        }
    }

    @Test func `an upstream whose certificate is verified serves as any other`() async throws {
        try await withTemporaryDirectory { directory in
            let certificate = try TestCertificate(for: "localhost", in: directory, isTrusted: true)
            let upstream = ScriptedUpstream { _ in
                Script(#"{"id":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.000001}}"#)
            }
            try await withScriptedGateway([upstream], certificate: certificate) { bench in
                let answer = try await bench.caller.send("POST", "/v1/chat/completions", chat())
                #expect(answer.status == 200, "\(answer.text)")
                #expect(try await bench.quiet().spent.total == USD(picodollars: 1_000_000))
            }
        }
    }

    // MARK: Against the books

    /// What OpenRouter has charged is what the ledger has, or holds.
    @Test(arguments: [
        "status;status=429;retry_after=1", "status;status=500", "status;status=503", "status;status=529",
        "status;status=504", "error_in_200;status=503", "drop", "drop;carried_out=true", "malformed", "html", "empty",
        "missing_usage", "cut_stream", "truncated_stream", "unfinished_stream", "mid_stream_error;status=502",
    ])
    func `after any weather the ledger has no less than OpenRouter's bill, and never a picodollar too much`(
        fault: String
    ) async throws {
        try await withGateway { bench in
            for stream in [true, false] {
                _ = try await bench.caller.send(
                    "POST", "/v1/chat/completions", chat(stream: stream, maxTokens: 60),
                    headers: ["x-simulator-fault": fault, "x-simulator-tokens": "40"])
            }
            // Those that OpenRouter has named are asked about for some seconds; the others stay held, and are not counted as
            // nothing.
            let isQuiet = await eventually(within: .seconds(25)) {
                guard bench.events.isComplete, let scope = try? await bench.standing().scope else { return false }
                return scope.openCalls == 0
            }
            #expect(isQuiet)
            let scope = try await bench.standing().scope
            let bill = bench.simulator.bill.total
            #expect(scope.reserved == .zero)
            #expect(scope.spent.total + scope.held >= bill)
            #expect(scope.spent.total <= bill)
            if scope.held == .zero { #expect(scope.spent.total == bill) }
        }
    }
}

/// A message for Anthropic's dialect.
func anthropic(_ text: String = "Hello") -> JSON {
    [
        "model": "anthropic/claude-sonnet-4.5", "max_tokens": 50,
        "messages": [["role": "user", "content": .string(text)]],
    ]
}
