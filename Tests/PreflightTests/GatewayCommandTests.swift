import Containers
import Foundation
import OpenRouter
import PreflightCore
import Simulator
import TestSupport
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The stand-alone gateway, as its users start it.
@Suite(.serialized, .timeLimit(.minutes(3))) struct GatewayCommandTests {
    /// What a dry run says that a call may cost; nil without a price.
    private func worstCase(_ url: String, _ key: String) async throws -> USD? {
        let body: JSON = ["model": "openai/gpt-4.1-mini", "messages": [["role": "user", "content": "hi"]]]
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = "POST"
        request.httpBody = Data(body.bytes)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
        request.setValue("1", forHTTPHeaderField: "x-preflight-dry-run")
        let answer = try await HTTPExchange.perform(request, session: .shared, within: .seconds(10))
        return try JSON.parse(answer.body)["worst_case_usd"]?.usd()
    }

    @Test func `one flag is enough for a budget that holds, and the command line shows what was spent`() async throws {
        try await withCommand { bench in
            let running = try await bench.startGateway(
                ["--budget", "0.001", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--log", "calls.jsonl"])
            let url = try running.value("OPENAI_BASE_URL") + "/chat/completions"
            let key = try running.value("OPENAI_API_KEY")
            var last = 200
            for _ in 0..<200 where last == 200 {
                last = try await bench.ask(url, key, String(repeating: "word ", count: 50)).status
            }
            #expect(last == 402)
            let bill = bench.server.bill.total
            #expect(bill > .zero && bill <= USD(decimal: "0.001") ?? .zero)

            let listed = try await bench.run(["budget", "list", "--json"])
            let scope = try #require(try JSON.parse(listed.stdout)["budgets"]?[0] ?? JSON.parse(listed.stdout)[0])
            #expect(scope["scope"] == "default")
            #expect(scope["spent"]?.usd() == bill)
            // More money, by hand, while it runs.
            let set = try await bench.run(["budget", "set", "default", "--limit", "1"])
            #expect(set.exitCode == 0, "\(set.everything)")
            #expect(try await bench.ask(url, key).status == 200)

            let health = try await HTTPExchange.get(try running.console + "/api/health", within: .seconds(5))
            #expect(try JSON.parse(health.body)["status"] == "ok")
            let metrics = try await HTTPExchange.get(try running.console + "/metrics", within: .seconds(5))
            #expect(
                String(decoding: metrics.body, as: UTF8.self).contains("preflight_calls_total{kind=\"call_settled\""))
            let chat = try await HTTPExchange.post(
                try running.console + "/api/chat",
                body: JSON(dictionaryLiteral: ("scope", "default"), ("model", "openai/gpt-4.1-mini"), ("message", "hi"))
                    .bytes,
                bearer: Secret(try running.value("token")), within: .seconds(10))
            #expect(try JSON.parse(chat.body)["text"]?.string?.isEmpty == false)
            #expect(await running.stop() == 0)
            let log = try String(contentsOfFile: "\(bench.directory)/calls.jsonl", encoding: .utf8)
            #expect(log.contains("call_settled") && log.contains("call_refused"))
            let everything = log + (try String(contentsOfFile: running.log, encoding: .utf8))
            #expect(!everything.contains(SimulatorOptions.defaultOrdinaryKey))
        }
    }

    @Test func `a file names upstreams, prices and budgets, and is followed while it runs`() async throws {
        var vllm = SimulatorOptions()
        vllm.flavour = .vllm
        try await SimulatorServer.withServer(vllm) { _, addresses in
            try await withCommand { bench in
                func file(_ limit: String) -> String {
                    """
                    listen: 127.0.0.1:0
                    console: false
                    upstreams:
                      openrouter: {kind: openrouter, url: \(bench.environment["OPENROUTER_BASE_URL"] ?? ""), key: OPENROUTER_API_KEY}
                      local:
                        kind: vllm
                        url: \(addresses[0].rootURL)/v1
                        prices: {"Qwen/Qwen3-8B": {prompt: 1, completion: 2, context: 32768}}
                    routes: {"Qwen/*": local}
                    budgets:
                      lab: {limit: 1}
                      lab/ann: {daily: \(limit)}
                    """
                }
                try bench.write("gateway.yaml", file("0.5"))
                let running = try await bench.startGateway(["--config", "gateway.yaml"])
                let made = try await bench.run(["keys", "create", "lab/ann", "--name", "ann", "--json"])
                #expect(made.exitCode == 0, "\(made.everything)")
                let json = try JSON.parse(made.stdout)
                let key = try #require(json["key"]?.string ?? json["text"]?.string, "\(made.stdoutText)")
                let url = try running.value("gateway") + "/v1/chat/completions"
                let body: JSON = [
                    "model": "Qwen/Qwen3-8B", "max_tokens": 40, "messages": [["role": "user", "content": "hi"]],
                ]
                let isKnown = try await eventually(within: .seconds(5)) {
                    try await HTTPExchange.post(url, body: body.bytes, bearer: Secret(key), within: .seconds(5)).status
                        == 200
                }
                #expect(isKnown)
                #expect(try await bench.ask(url, key).status == 200)
                let spent = try await bench.run(["budget", "show", "lab", "--json"])
                let shown = try JSON.parse(spent.stdout)
                #expect(shown["spent"]?.usd() ?? .zero > bench.server.bill.total)

                try bench.write("gateway.yaml", file("0.000001"))
                let isRefused = try await eventually(within: .seconds(10)) {
                    try await bench.ask(url, key).status == 402
                }
                #expect(isRefused)
                // A file that is wrong changes nothing.
                try bench.write("gateway.yaml", "budgets: {lab: {limt: 3}}")
                let isTold = try await eventually(within: .seconds(10)) {
                    try String(contentsOfFile: running.log, encoding: .utf8).contains("was not taken over")
                }
                #expect(isTold)
                #expect(try await bench.ask(url, key).status == 402)
                let revoked = try await bench.run(["keys", "revoke", "ann"])
                #expect(revoked.exitCode == 0, "\(revoked.everything)")
                let isGone = try await eventually(within: .seconds(5)) {
                    try await bench.ask(url, key).status == 401
                }
                #expect(isGone)
                #expect(await running.stop() == 0)
            }
        }
    }

    @Test func `a budget of the command line holds strictly unless this start says otherwise`() async throws {
        try await withCommand { bench in
            for (more, hold) in [(["--hold", "adaptive"], "adaptive"), ([], "strict")] {
                let flags = ["--budget", "1", "--listen", "127.0.0.1:0", "--console", "off"]
                let running = try await bench.startGateway(flags + more)
                let shown = try JSON.parse(try await bench.run(["budget", "show", "default", "--json"]).stdout)
                #expect(shown["hold"]?.string == hold)
                #expect(await running.stop() == 0)
            }
        }
    }

    @Test func `a chat of the console goes through no proxy`() async throws {
        try await withCommand { bench in
            let proxy = try SilentServer()
            let simulator = try #require(URL(string: bench.environment["OPENROUTER_BASE_URL"] ?? "")?.host)
            let running = try await bench.startGateway(
                ["--budget", "1", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"],
                ["http_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": simulator])
            let chat = try await HTTPExchange.post(
                try running.console + "/api/chat",
                body: JSON(dictionaryLiteral: ("scope", "default"), ("model", "openai/gpt-4.1-mini"), ("message", "hi"))
                    .bytes,
                bearer: Secret(try running.value("token")), within: .seconds(10))
            #expect(chat.status == 200, "\(String(decoding: chat.body, as: UTF8.self))")
            #expect(!proxy.wasCalled)
            #expect(await running.stop() == 0)
        }
    }

    @Test func `a ledger that is named by its file is changed from anywhere, while a gateway has it`() async throws {
        try await withCommand { bench in
            try bench.write(
                "gateway.yaml",
                """
                {listen: "127.0.0.1:0", console: false, ledger: spend.sqlite, budgets: {acme: 1},
                 upstreams: {openai: {url: "\(bench.environment["OPENROUTER_BASE_URL"] ?? "")", key: OPENROUTER_API_KEY,
                   prices: {openai/gpt-4.1-mini: {prompt: 1, completion: 2, context: 100000, max_output: 100}}}}}
                """)
            let running = try await bench.startGateway(["--config", "gateway.yaml"])
            try FileManager.default.createDirectory(
                atPath: "\(bench.directory)/elsewhere", withIntermediateDirectories: false)
            let elsewhere = CommandBench(
                directory: "\(bench.directory)/elsewhere", environment: bench.environment, server: bench.server)
            let place = ["--runs-dir", "../spend.sqlite"]
            let made = try await elsewhere.run(["keys", "create", "acme"] + place)
            #expect(made.isSuccess, "\(made.everything)")
            let key = made.stdoutText.trimmingCharacters(in: .newlines)
            let url = try running.value("gateway") + "/v1/chat/completions"
            let isKnown = try await eventually(within: .seconds(5)) { try await bench.ask(url, key).status == 200 }
            #expect(isKnown)
            for arguments in [["budget", "set", "acme", "--limit", "2"], ["budget", "reset", "acme"]] {
                let result = try await elsewhere.run(arguments + place)
                #expect(result.isSuccess, "\(result.everything)")
            }
            let shown = try JSON.parse(try await elsewhere.run(["budget", "show", "acme", "--json"] + place).stdout)
            #expect(shown["limit"]?.numberText == "2" && shown["spent"]?.usd() == USD.zero)
            #expect(try await bench.ask(url, key).status == 200)
            #expect(await running.stop() == 0)
            // A file that is not there yet is made where it was named, and no directory of its name.
            let fresh = try await elsewhere.run(["budget", "set", "b", "--limit", "1", "--runs-dir", "new.sqlite"])
            #expect(fresh.isSuccess, "\(fresh.everything)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere.directory).contains("new.sqlite"))
            #expect(!FileManager.default.fileExists(atPath: "\(elsewhere.directory)/new.sqlite/preflight.sqlite"))
        }
    }

    @Test func `of a file that is not taken over nothing holds, and .env is read again with it`() async throws {
        try await withCommand { bench in
            func file(_ prompt: Int, _ budgets: String) -> String {
                """
                listen: 127.0.0.1:0
                console: false
                upstreams:
                  openai: {url: "\(bench.environment["OPENROUTER_BASE_URL"] ?? "")", key: ROTATED_KEY,
                    prices: {openai/gpt-4.1-mini: {prompt: \(prompt), completion: 1, context: 1000, max_output: 100}}}
                budgets: \(budgets)
                """
            }
            try bench.write(".env", "ROTATED_KEY=sk-or-v1-of-yesterday\n")
            try bench.write("gateway.yaml", file(1, "{acme: 1}"))
            let running = try await bench.startGateway(["--config", "gateway.yaml"])
            let made = try await bench.run(["keys", "create", "acme"])
            let key = made.stdoutText.trimmingCharacters(in: .newlines)
            let url = try running.value("gateway") + "/v1/chat/completions"
            func price() async throws -> USD? { try await worstCase(url, key) }
            #expect(try await eventually(within: .seconds(5)) { try await price() != nil })
            let before = try await price()
            #expect(try await bench.ask(url, key).status == 401)

            try bench.write("gateway.yaml", file(5, "{acme: 2, b: {parent: nobody}}"))
            #expect(try await running.says("was not taken over"))
            #expect(try await price() == before)
            let shown = try JSON.parse(try await bench.run(["budget", "show", "acme", "--json"]).stdout)
            #expect(shown["limit"]?.numberText == "1")

            try bench.write(".env", "ROTATED_KEY=\(SimulatorOptions.defaultOrdinaryKey)\n")
            try bench.write("gateway.yaml", file(5, "{acme: 3}"))
            #expect(try await running.says("was read again"))
            #expect(try await bench.ask(url, key).status == 200)
            #expect(try await price() ?? .zero > before ?? .max)
            #expect(await running.stop() == 0)
        }
    }

    @Test(
        arguments: [
            ([], "no budget is given", 64), (["--budget=-1"], "more than 0", 64),
            (["--budget", "x"], "expected dollars", 64),
            (["--budget", "1", "--listen", "nowhere"], "expected HOST:PORT", 64),
            (["--budget", "1", "--hold", "loose"], "strict or adaptive", 64),
            (["--config", "missing.yaml"], "missing.yaml", 64),
            (["--budget", "1", "--listen", "127.0.0.1:0", "--console", "203.0.113.7:9"], "cannot listen", 70),
        ] as [([String], String, Int32)])
    func `what cannot be served is said at once`(arguments: [String], words: String, status: Int32) async throws {
        try await withCommand { bench in
            let result = try await bench.run(["gateway"] + arguments, timeout: .seconds(30))
            #expect(result.exitCode == Int(status), "\(result.everything)")
            #expect(result.stderrText.contains(words), "\(result.everything)")
        }
    }

    @Test func `a gateway that waits for prices ends when it is told to`() async throws {
        try await withCommand { bench in
            let server = try SilentServer()
            var slow = bench.environment
            slow["OPENROUTER_BASE_URL"] = "http://127.0.0.1:\(server.port)/api/v1"
            let process = try CommandBench(directory: bench.directory, environment: slow, server: bench.server)
                .start(["gateway", "--budget", "1", "--listen", "127.0.0.1:0", "--console", "off"])
            #expect(await eventually { server.wasCalled })
            kill(process.processIdentifier, SIGINT)
            #expect(await eventually(within: .seconds(5)) { !process.isRunning })
            #expect(process.terminationStatus == 0)
        }
    }

    @Test func `an upstream that cannot be reached is refused before anybody calls`() async throws {
        try await withCommand { bench in
            let result = try await bench.run(
                ["gateway", "--budget", "1", "--listen", "127.0.0.1:0"],
                ["OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1"],
                timeout: .seconds(60))
            #expect(result.exitCode == 3, "\(result.everything)")
            #expect(result.stderrText.contains("the prices of openrouter cannot be read"), "\(result.everything)")
        }
    }
}
