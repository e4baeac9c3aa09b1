import Containers
import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

/// Runs whose models are served by somebody who cannot be found, is not who he says, or answers byte by byte.
@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct UpstreamWeatherTests {
    /// One call, and what came of it; a failure of the provider ends it with 6.
    private static let agent = """
        import json, os, sys, urllib.request as u, urllib.error as e
        body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 20, "messages": [{"role": "user", "content": "go"}]}
        request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                            {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
        try: answer = json.load(u.urlopen(request, timeout=100))
        except e.HTTPError as error:
            print(json.dumps({"type": "error", "code": error.code, "message": error.read().decode()}), flush=True)
            sys.exit(6)
        print(json.dumps({"type": "progress", "said": answer["choices"][0]["message"]["content"]}), flush=True)
        print(json.dumps({"type": "agent_end"}), flush=True)
        """

    /// Answers every call with the same: the first bytes one by one with a rest before each, then all.
    private static let server = """
        import http.server, json, ssl, sys, time
        slow, pause = int(sys.argv[1]), float(sys.argv[2])
        answer = json.dumps({"id": "gen-1", "object": "chat.completion", "model": "m", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}).encode()
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *words): pass
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                for index in range(slow):
                    time.sleep(pause)
                    self.wfile.write(answer[index:index + 1])
                    self.wfile.flush()
                self.wfile.write(answer[slow:])
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if len(sys.argv) > 3:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[3])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """

    /// - Parameter body: gets the server's port.
    private func withServer(
        _ bench: CommandBench, slow: Int = 0, pause: Double = 0, certificate: String? = nil,
        _ body: (Int) async throws -> Void
    ) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.server, "\(slow)", "\(pause)"] + (certificate.map { [$0] } ?? [])
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            // What a test starts has the signals blocked that the test's process has.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        try await body(try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)), "\(line)"))
    }

    private func upstream(_ url: String) -> String {
        "upstreams: {local: {kind: vllm, url: \"\(url)\", prices: {m: {prompt: 1, completion: 2, context: 32768}}}}"
    }

    private func experiment(_ url: String, outage: String) -> String {
        """
        image: preflight-base:latest
        access: gateway
        \(upstream(url))
        models: [{id: m, upstream: local, alias: a}]
        budget: 0.05
        limits: {outage: \(outage)}
        args: [python3, -c, \(JSON.string(Self.agent).text)]
        """
    }

    /// Runs one trial to its end; its receipt, once the record is found whole and nothing is left.
    private func trial(
        _ bench: CommandBench, _ url: String, outage: String = "2s", exits status: Int
    ) async throws -> (JSON, [Event]) {
        try bench.write("e.yaml", experiment(url, outage: outage))
        let run = CommandRun(bench, prefix: "upstream")
        let result = try await bench.run(
            ["run-multi", "e.yaml", "--run-id", run.id, "--skip-check", "--settle", "1s", "--json"])
        #expect(result.exitCode == status, "\(result.everything)")
        let verified = try await bench.run(["verify", run.id])
        #expect(verified.exitCode == 0 && !verified.stdoutText.contains("[!]"), "\(verified.everything)")
        #expect(try await bench.left(of: run.id) == "")
        return (try #require(try JSON.parse(result.stdout)["trials"]?[0]), try run.events("a"))
    }

    private func expectOutage(_ trial: JSON, _ events: [Event], _ words: String) {
        #expect(trial["outcome"]?.string == "provider_failed" && trial["cause"]?.string == "outage", "\(trial.text)")
        #expect(trial["reason"]?.string?.contains(words) == true, "\(trial.text)")
        // Nothing was sent, so nothing can have been billed.
        #expect(trial["cost_usd"]?.usd() == .zero && trial["unknown_up_to_usd"]?.usd() == nil, "\(trial.text)")
        #expect(events.contains { $0.type == "calls_paused" })
        #expect(events.count { $0.type == "call_failed" } >= 2, "it is tried again while calls wait")
        #expect(!events.contains { $0.type == "call_held" })
    }

    @Test func `a provider whose name nobody knows is an outage, and costs nothing`() async throws {
        try await withCommand { bench in
            let (trial, events) = try await trial(bench, "http://no-such-host.invalid/v1", exits: 1)
            expectOutage(trial, events, "the name is not known")
        }
    }

    @Test func `a provider that cannot show who it is gets no call, and costs nothing`() async throws {
        try await withCommand { bench in
            let certificate = "\(bench.directory)/self.pem"
            let made = try await ProcessRunner().run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", certificate,
                    "-out", "\(certificate).only",
                ])
            #expect(made.isSuccess, "\(made.everything)")
            let both = try Files.read(certificate) + Files.read("\(certificate).only")
            try Files.replace(certificate, with: both)
            try await withServer(bench, certificate: certificate) { port in
                let (trial, events) = try await trial(bench, "https://localhost:\(port)/v1", exits: 1)
                expectOutage(trial, events, "its certificate is not trusted")
            }
        }
    }

    @Test func `a provider that drips gets the time it needs, and what it says counts`() async throws {
        try await withCommand { bench in
            try await withServer(bench, slow: 4, pause: 2) { port in
                let (trial, events) = try await trial(bench, "http://127.0.0.1:\(port)/v1", exits: 0)
                #expect(trial["cost_usd"]?.usd() == USD(picodollars: 9_000_000), "\(trial.text)")
                #expect(events.contains { $0.type == "progress" && $0.fields["said"]?.string == "ok" })
                let took = try #require(trial["runtime_s"]?.numberText.flatMap(Double.init))
                #expect(took > 8, "\(took)")
            }
        }
    }

    @Test func `a provider that stands still between two bytes is given up, and what it may bill is held`() async throws
    {
        try await withCommand { bench in
            try await withServer(bench, slow: 3, pause: 3) { port in
                try bench.write(
                    "g.yaml", upstream("http://127.0.0.1:\(port)/v1") + "\ntimeouts: {between_bytes: 1s}\n")
                let process = try bench.start([
                    "gateway", "--config", "g.yaml", "--listen", "127.0.0.1:0", "--budget", "1",
                ])
                defer {
                    kill(process.processIdentifier, SIGKILL)
                    process.waitUntilExit()
                }
                func said() -> String {
                    Files.list(bench.directory).filter { $0.hasPrefix("log-") }
                        .compactMap { try? String(contentsOfFile: "\(bench.directory)/\($0)", encoding: .utf8) }
                        .joined()
                }
                func value(_ name: String) -> String? {
                    said().split(separator: "\n").first { $0.hasPrefix("export \(name)=") }
                        .map { String($0.drop { $0 != "=" }.dropFirst()) }
                }
                #expect(await eventually { value("OPENAI_BASE_URL") != nil }, "\(said())")
                let caller = try await ProcessRunner().run(
                    "python3", ["-c", Self.agent],
                    environment: bench.environment.merging([
                        "PREFLIGHT_MODEL": "m", "OPENROUTER_BASE_URL": value("OPENAI_BASE_URL") ?? "",
                        "OPENROUTER_API_KEY": value("OPENAI_API_KEY") ?? "",
                    ]) { $1 })
                #expect(caller.exitCode == 6, "\(caller.everything)")
                let answer = try JSON.parse(caller.stdout)
                #expect(answer["code"]?.int == 504 && answer["message"]?.string?.contains("stood still") == true)
                let held = try await eventually {
                    let budget = try await bench.run(["budget", "show", "default", "--json"])
                    let scope = try JSON.parse(budget.stdout)
                    return scope["held"]?.usd() ?? .zero > .zero && scope["spent"]?.usd() == .zero
                }
                #expect(held)
            }
        }
    }
}
