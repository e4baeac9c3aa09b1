import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4)), .enabled(if: hasAgentImage, "needs Docker and images/agent/build"))
struct GatewayRunTests {
    private func events(_ bench: CommandBench, _ run: String, _ trial: String) throws -> [Event] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/runs/\(run)/\(trial)/events.jsonl"))
        return [UInt8](data).split(separator: 0x0A).compactMap { Event(line: $0) }
    }

    @Test func `a field behind the gateway is billed to the picodollar, and ejected at the call that is too much`()
        async throws
    {
        try await withCommand(SimulatorOptions.fates) { bench in
            try bench.write(
                "e.yaml",
                """
                image: preflight-agent:latest
                access: gateway
                models:
                  - {id: meta-llama/llama-3.3-70b-instruct, alias: quick}
                  - {id: google/gemini-2.5-flash, alias: slow}
                  - {id: anthropic/claude-sonnet-4.5, alias: spender}
                  - {id: z-ai/glm-4.6, alias: broken}
                # Less than the trials' budgets together: the ledger shares it out call by call.
                budget: {per_trial: 0.05, total: 0.15}
                limits: {outage: 0}
                prompt: Write kurve.py.
                """)
            let result = try await bench.run(["run-multi", "e.yaml", "--run-id", "gw", "--settle", "2s", "--json"])
            #expect(result.exitCode == 1, "\(result.everything)")
            let json = try JSON.parse(result.stdout)
            let outcomes = json["trials"]?.array?.compactMap { $0["outcome"]?.string }
            #expect(outcomes == ["completed", "completed", "budget_exhausted", "provider_failed"])

            // The receipts are what the simulator charged the sub-keys, and the ledger says the same.
            let ownKey = bench.server.keys.first { $0.name.isEmpty == false }?.hash
            let checks = bench.server.bill.total(keyHash: ownKey ?? "")
            _ = checks
            let charged = ["quick", "slow", "spender", "broken"].reduce(USD.zero) { sum, trial in
                let created = try? events(bench, "gw", trial).first { $0.type == "subkey_created" }
                return sum + bench.server.bill.total(keyHash: created?.fields["hash"]?.string ?? "")
            }
            #expect(json["cost_usd"]?.usd() == charged)
            #expect(charged > .zero)
            let spender = try events(bench, "gw", "spender")
            let settled = spender.filter { $0.type == "call_settled" && $0.source == .gateway }
            #expect(!settled.isEmpty)
            #expect(settled.allSatisfy { $0.fields["cost_usd"]?.usd() != nil && $0.fields["usage"] != nil })
            #expect(spender.contains { $0.type == "call_refused" && $0.fields["status"]?.int == 402 })
            let refused = try #require(spender.first { $0.type == "call_refused" })
            let decided = try #require(spender.first { $0.type == "eject_decided" })
            #expect(decided.elapsed - refused.elapsed < .seconds(1))

            #expect(bench.subKeys.isEmpty)
            #expect(try await bench.left(of: "gw") == "")
            let budget = try String(
                contentsOfFile: "\(bench.directory)/runs/gw/quick/output/budget.txt", encoding: .utf8)
            #expect(budget.hasPrefix("Budget: $0.0"), "\(budget)")
        }
    }

    /// Runs in each container: looks for every way out, and shows the key of the other trial.
    private static let probe = """
        import json, os, socket, time, urllib.request, urllib.error
        base = os.environ["OPENROUTER_BASE_URL"]
        def tcp(host, port, family=socket.AF_INET):
            s = socket.socket(family, socket.SOCK_STREAM); s.settimeout(2)
            try: s.connect((host, port)); return True
            except OSError: return False
            finally: s.close()
        def udp(host, port):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
            try:
                s.sendto(b"\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x07example\\x03com\\x00\\x00\\x01\\x00\\x01", (host, port))
                return len(s.recv(512)) > 0
            except OSError: return False
        def dns(name):
            try: socket.getaddrinfo(name, 80); return True
            except OSError: return False
        def call(path, key):
            request = urllib.request.Request(base + path, headers={"Authorization": "Bearer " + key})
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try: return opener.open(request, timeout=10).status
            except urllib.error.HTTPError as error: return error.code
        def connect(target):
            host, port = base.split("/")[2].split(":")
            s = socket.create_connection((host, int(port)), 5); s.settimeout(5)
            s.sendall(("CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n" % (target, target)).encode())
            return int(s.recv(200).split()[1])
        own = os.environ["OPENROUTER_API_KEY"]
        alias = os.environ["PREFLIGHT_ALIAS"]
        open("/shared/" + alias, "w").write(own)
        other = "/shared/" + ("b" if alias == "a" else "a")
        for _ in range(100):
            if os.path.exists(other) and os.path.getsize(other): break
            time.sleep(0.1)
        found = {"type": "progress"}
        found["dns"] = dns("example.com")
        found["tcp"] = tcp("1.1.1.1", 443)
        found["metadata"] = tcp("169.254.169.254", 80)
        found["bridge"] = tcp(os.environ["PROBE_HOST"], int(os.environ["PROBE_PORT"]))
        found["udp"] = udp("8.8.8.8", 53)
        found["ipv6"] = tcp("2606:4700:4700::1111", 443, socket.AF_INET6)
        found["own"] = call("/key", own)
        found["others"] = call("/key", open(other).read())
        found["made_up"] = call("/key", "sk-pf-" + "0" * 64)
        found["listed"] = connect(os.environ["PROBE_HOST"] + ":" + os.environ["PROBE_PORT"])
        found["unlisted"] = connect("example.com:443")
        found["secret"] = any(k.startswith("sk-or-") for k in os.environ.values())
        print(json.dumps(found), flush=True)
        print(json.dumps({"type": "agent_end"}), flush=True)
        time.sleep(1)
        """

    @Test func `a container reaches nothing but the gateway, and no other trial's key helps it`() async throws {
        try await withCommand(SimulatorOptions.fates) { bench in
            try FileManager.default.createDirectory(
                atPath: "\(bench.directory)/shared", withIntermediateDirectories: true)
            try FileManager.default.createDirectory(
                atPath: "\(bench.directory)/probe", withIntermediateDirectories: true)
            try bench.write("probe/probe.py", Self.probe)
            try bench.write(
                "probe/Dockerfile",
                "FROM preflight-base:latest\nCOPY probe.py /probe.py\nENTRYPOINT [\"python3\", \"-u\", \"/probe.py\"]\n"
            )
            // The simulator stands for a service of this machine: it listens on Docker's bridge.
            let simulator = try #require(URL(string: bench.environment["OPENROUTER_BASE_URL"] ?? ""))
            let host = try #require(simulator.host)
            let port = try #require(simulator.port)
            try bench.write(
                "e.yaml",
                """
                name: probe
                build: \(bench.directory)/probe
                access: gateway
                network: {mode: allowlist, allow: ["\(host):\(port)"]}
                models: [{id: openai/gpt-4.1-mini, alias: a}, {id: openai/gpt-4.1-mini, alias: b}]
                mounts: ["\(bench.directory)/shared:/shared"]
                env: {PROBE_HOST: "\(host)", PROBE_PORT: "\(port)"}
                """)
            let result = try await bench.run(["run-multi", "e.yaml", "--run-id", "probe", "--skip-check"])
            #expect(result.exitCode == 0, "\(result.everything)")
            for trial in ["a", "b"] {
                let events = try events(bench, "probe", trial)
                let found = try #require(events.first { $0.type == "progress" }).fields
                for way in ["dns", "tcp", "metadata", "bridge", "udp", "ipv6", "secret"] {
                    #expect(found[way]?.bool == false, "\(trial): \(way)")
                }
                #expect(found["own"]?.int == 200)
                #expect(found["others"]?.int == 401)
                #expect(found["made_up"]?.int == 401)
                #expect(found["listed"]?.int == 200)
                #expect(found["unlisted"]?.int == 403)
                let refused = events.filter { $0.type == "key_refused" && $0.source == .gateway }
                #expect(refused.count == 2)
                #expect(events.contains { $0.type == "connection_opened" })
                #expect(events.contains { $0.type == "connection_refused" && $0.fields["target"] == "example.com:443" })
            }
            #expect(try await bench.left(of: "probe") == "")
        }
    }
}
