import Console
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite(.timeLimit(.minutes(2))) struct ConsoleRouteTests {
    @Test func `health says that the ledger can be written, and that it cannot`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.healthLife = .zero
        try await withConsole(bounds: bounds) { console in
            let health = try await console.get("/api/health")
            #expect(health.status == 200)
            #expect(health.json["status"] == "ok" && health.json["ledger"] == "ok")
            #expect(health.json["version"] == "1.2.3" && health.json["open_calls"]?.int == 0)
            #expect(health.json["uptime_s"]?.numberText != nil)
            try await console.doors.reader.execute("ALTER TABLE session RENAME TO lost")
            let failing = try await console.get("/api/health")
            #expect(failing.status == 503 && failing.json["status"] == "failing")
            try await console.doors.reader.execute("ALTER TABLE lost RENAME TO session")
        }
    }

    @Test func `the ledger is not looked at for everybody who asks how it is`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.healthLife = .seconds(600)
        try await withConsole(bounds: bounds) { console in
            #expect(try await console.get("/api/health").status == 200)
            try await console.doors.reader.execute("ALTER TABLE session RENAME TO lost")
            #expect(try await console.get("/api/health").status == 200)
            try await console.doors.reader.execute("ALTER TABLE lost RENAME TO session")
        }
    }

    @Test func `a key's text is told once, and the key can be revoked`() async throws {
        try await withConsole { console in
            _ = try await console.post("/api/budget?scope=acme", #"{"limit": 1}"#)
            let made = try await console.post(
                "/api/keys",
                #"{"scope": "acme", "name": "ci", "models": ["a/*"], "calls_per_minute": 9, "expires": "7d"}"#)
            #expect(made.status == 201)
            let text = try #require(made.json["key"]?.string)
            #expect(made.json["expires"] == "2026-01-08T12:00:00Z")
            let list = try await console.get("/api/keys")
            #expect(!list.text.contains(text))
            #expect(list.json["keys"]?[0]?["state"] == "good")
            #expect(list.json["keys"]?[0]?["models"] == ["a/*"])
            #expect(try await console.doors.keys.all().first?.digest == KeyDigest(of: text))
            #expect(try await console.send("DELETE", "/api/keys?key=ci").json["state"] == "revoked")
            #expect(try await console.send("DELETE", "/api/keys?key=nobody").status == 404)
            for body in [
                #"{"scope": "none"}"#, #"{"scope": "acme", "expires": "soon"}"#, #"{"scope": "acme", "models": "a"}"#,
                #"{"scope": "acme", "calls_per_minute": 0}"#, #"{"scope": "acme", "modles": []}"#,
            ] {
                #expect([400, 404].contains(try await console.post("/api/keys", body).status), "\(body)")
            }
            #expect(try await console.doors.keys.all().count == 1)
        }
    }

    private static let completion: JSON = [
        "model": "a/model",
        "choices": [["message": ["role": "assistant", "content": "Hello"], "finish_reason": "stop"]],
        "usage": ["prompt_tokens": 3, "completion_tokens": 1],
    ]

    @Test func `a chat is sent at a scope's cost and answered in few words`() async throws {
        let headers = ["x-preflight-cost": "0.0012", "x-preflight-remaining": "0.9988"]
        try await withConsole(answer: .init(status: 200, body: Self.completion, headers: headers)) { console in
            _ = try await console.post("/api/budget?scope=acme", #"{"limit": 1}"#)
            let answer = try await console.post(
                "/api/chat", #"{"scope": "acme", "model": "a/model", "message": "Hi", "max_tokens": 9}"#)
            #expect(answer.status == 200)
            #expect(answer.json["text"] == "Hello")
            #expect(answer.json["cost"]?.numberText == "0.0012")
            #expect(answer.json["remaining"]?.numberText == "0.9988")
            #expect(answer.json["usage"]?["prompt_tokens"]?.int == 3)
            let sent = try #require(console.forwarded.all.first)
            #expect(sent.scope == "acme")
            #expect(sent.body["messages"] == [["role": "user", "content": "Hi"]])
            #expect(sent.body["max_tokens"]?.int == 9 && sent.body["scope"] == nil)
            for body in [
                #"{"scope": "acme", "message": "Hi"}"#, #"{"scope": "acme", "model": "a"}"#, "[]",
                #"{"model": "a", "message": "Hi"}"#, #"{"scope": "no", "model": "a", "message": "Hi"}"#,
                #"{"scope": "acme", "model": "a", "message": "Hi", "stream": true}"#,
                #"{"scope": "acme", "model": "a", "message": "Hi", "messages": []}"#,
            ] {
                #expect([400, 404].contains(try await console.post("/api/chat", body).status), "\(body)")
            }
            #expect(console.forwarded.all.count == 1)
        }
    }

    @Test func `a refusal of the data plane reaches the chat's caller`() async throws {
        let refusal = ConsoleDoors.ForwardedAnswer(status: 402, body: ["error": ["message": "no money"]])
        try await withConsole(chatModel: "b/model", answer: refusal) { console in
            _ = try await console.post("/api/budget?scope=acme", "{}")
            let answer = try await console.post("/api/chat", #"{"scope": "acme", "message": "Hi"}"#)
            #expect(answer.status == 402 && answer.message == "no money")
            #expect(console.forwarded.all.first?.body["model"] == "b/model")
        }
    }

    @Test func `metrics count calls, money, tokens and times`() async throws {
        try await withConsole { console in
            _ = try await console.post("/api/budget?scope=acme", #"{"limit": 1}"#)
            try await console.spend(USD(cents: 25), scope: "acme")
            let usage = Usage(promptTokens: 7, completionTokens: 2)
            for milliseconds in [40, 240, 900_000] {
                console.doors.metrics.observe(
                    CallObservation(
                        kind: "call_settled", model: "a\"b", status: 200, cost: USD(cents: 1), usage: usage,
                        duration: .milliseconds(milliseconds), timeToFirstToken: .milliseconds(10)))
            }
            console.doors.metrics.setOpenConnections(4)
            let text = try await console.get("/metrics").text
            let lines = Set(text.split(separator: "\n").map(String.init))
            for line in [
                #"preflight_calls_total{kind="call_settled",model="a\"b",status="200"} 3"#,
                #"preflight_cost_usd_total{model="a\"b"} 0.03"#,
                #"preflight_tokens_total{model="a\"b",type="prompt"} 21"#,
                #"preflight_call_duration_seconds_bucket{le="0.05"} 1"#,
                #"preflight_call_duration_seconds_bucket{le="0.25"} 2"#,
                #"preflight_call_duration_seconds_bucket{le="600"} 2"#,
                #"preflight_call_duration_seconds_bucket{le="+Inf"} 3"#,
                "preflight_call_duration_seconds_sum 900.280000", "preflight_call_duration_seconds_count 3",
                #"preflight_time_to_first_token_seconds_bucket{le="0.05"} 3"#, "preflight_open_connections 4",
                #"preflight_scope_spent_usd{scope="acme"} 0.25"#, #"preflight_scope_available_usd{scope="acme"} 0.75"#,
            ] {
                #expect(lines.contains(line), "\(line)")
            }
        }
    }

    @Test func `a held call's times count once, and its tokens when it is charged`() async throws {
        try await withConsole { console in
            let usage = Usage(promptTokens: 7, completionTokens: 2)
            for kind in ["call_held", "call_reconciled"] {
                console.doors.metrics.observe(
                    CallObservation(
                        kind: kind, model: "m", status: 200, cost: kind == "call_held" ? nil : USD(cents: 1),
                        usage: usage, duration: .milliseconds(40), timeToFirstToken: .milliseconds(10)))
            }
            let text = try await console.get("/metrics").text
            let lines = Set(text.split(separator: "\n").map(String.init))
            for line in [
                #"preflight_calls_total{kind="call_held",model="m",status="200"} 1"#,
                #"preflight_calls_total{kind="call_reconciled",model="m",status="200"} 1"#,
                #"preflight_cost_usd_total{model="m"} 0.01"#, #"preflight_tokens_total{model="m",type="prompt"} 7"#,
                "preflight_call_duration_seconds_count 1", "preflight_time_to_first_token_seconds_count 1",
            ] {
                #expect(lines.contains(line), "\(line)")
            }
        }
    }

    @Test func `where not all scopes can be named, the open ones are, newest first`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.scopes = 2
        try await withConsole(bounds: bounds) { console in
            func named() async throws -> [String] {
                try await console.get("/metrics").text.split(separator: "\n").compactMap { line in
                    line.firstMatch(of: /^preflight_scope_open_calls\{scope="([^"]*)"\}/).map { String($0.output.1) }
                }
            }
            for scope in ["a", "b", "c"] { _ = try await console.post("/api/budget?scope=\(scope)", "{}") }
            #expect(try await named() == ["c", "b"])
            _ = try await console.send("DELETE", "/api/budget?scope=c")
            #expect(try await named() == ["b", "a"])
            _ = try await console.send("DELETE", "/api/budget?scope=a")
            #expect(try await named() == ["b", "c"])
        }
    }

    @Test func `models beyond the first two hundred are counted together`() async throws {
        try await withConsole { console in
            for index in 0..<300 { console.doors.metrics.observe(CallObservation(kind: "k", model: "m\(index)")) }
            let text = try await console.get("/metrics").text
            #expect(text.contains(#"preflight_calls_total{kind="k",model="other",status=""} 100"#))
            #expect(!text.contains("m250"))
        }
    }

    @Test func `events reach those who follow, and no more may follow than the bound`() async throws {
        var bounds = ConsoleOptions.Bounds()
        bounds.followers = 1
        try await withConsole(bounds: bounds) { console in
            let url = try #require(URL(string: console.url + "/api/events"))
            let session = URLSession(configuration: .ephemeral, delegate: Collector.shared, delegateQueue: nil)
            defer { session.invalidateAndCancel() }
            session.dataTask(with: url).resume()
            #expect(await eventually { console.doors.feed.followerCount == 1 })
            #expect(try await console.get("/api/events").status == 503)
            var fields = JSON.Object()
            fields.append("cost_usd", .usd(USD(cents: 1)))
            console.doors.feed.publish("call_settled", fields)
            #expect(
                await eventually {
                    Collector.shared.text.contains("event: call_settled\ndata: {\"cost_usd\":0.01}\n\n")
                })
        }
    }

    @Test func `a console that cannot listen says so`() async throws {
        try await withConsole { console in
            let port = try #require(URL(string: console.url)?.port)
            let options = ConsoleOptions(port: port, token: Secret(ConsoleBench.token), version: "1")
            let error = await #expect(throws: PreflightError.self) {
                try await ConsoleServer.withServer(options, doors: console.doors) { _ in }
            }
            #expect(error?.message.contains("cannot listen on 127.0.0.1:\(port)") == true)
        }
    }
}
