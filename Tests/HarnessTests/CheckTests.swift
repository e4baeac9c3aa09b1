import Containers
import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct CheckTests {
    private func experiment(_ models: [String], budget: USD = USD(cents: 5)) -> Experiment {
        var experiment = Experiment()
        experiment.image = Bench.image
        experiment.models = models.map { .init(id: $0) }
        experiment.budget.perTrial = budget
        return experiment
    }

    private func check(
        _ bench: Bench, _ experiment: Experiment, only: [String] = [], doors: HarnessDoors? = nil,
        upstreams: [UpstreamDoor] = [], custom: [CustomCheck] = [], stop: StopSignal = StopSignal()
    ) async throws -> CheckReport {
        let selection = try CheckName.selection(
            only: only, skip: [], custom: experiment.checks.custom.map(\.name) + custom.map(\.name))
        return await CheckRun(
            experiment: experiment, doors: doors ?? bench.doors, journal: bench.journal, runs: bench.runs,
            environment: ["SET": "1"], selection: selection, upstreams: upstreams, custom: custom, stop: stop
        ).run()
    }

    private func result(_ report: CheckReport, _ name: String) throws -> CheckResult {
        try #require(report.results.first { $0.name == name })
    }

    @Test(.enabled(if: hasDocker)) func `a sound experiment passes every check, and leaves no key`() async throws {
        try await withBench { bench in
            let report = try await check(
                bench, experiment(["google/gemini-2.5-flash", "anthropic/claude-sonnet-4.5"]))
            #expect(
                report.results.map(\.name) == [
                    "balance", "math", "models", "tool_support", "docker", "docker_image", "disk", "leftovers",
                    "key_smoke",
                    "cache_smoke",
                ])
            #expect(report.hasPassed, "\(report.failures)")
            #expect(try result(report, "key_smoke").status == .pass)
            #expect(try result(report, "cache_smoke").status == .pass)
            let keys = try await bench.subKeys()
            #expect(keys.isEmpty)
            #expect(try await bench.journal.resourcesLeft().isEmpty)
            #expect(bench.server.bill.total < USD(cents: 3) && bench.server.bill.count == 3)
            #expect(report.forecast.most == USD(cents: 10))
            #expect(report.forecast.lines.first?.calls == 17)
        }
    }

    @Test func `models of other upstreams are neither looked for at OpenRouter nor held against its balance`()
        async throws
    {
        try await withBench { bench in
            bench.server.setCredits(USD(cents: 20))
            var mixed = experiment(["google/gemini-2.5-flash"])
            mixed.access = .gateway
            mixed.models.append(.init(id: "claude-x", budget: USD(cents: 100), upstream: "cloud"))
            let table = Catalogue(models: [
                Model(
                    id: "claude-x",
                    pricing: Pricing(rates: .init(prompt: .zero, completion: USD(picodollars: 5_000_000))))
            ])
            func check(_ answer: UpstreamDoor.Answer, listsAllNames: Bool = true) async throws -> CheckReport {
                try await self.check(
                    bench, mixed, only: ["math", "models", "tool_support", "upstreams"],
                    upstreams: [
                        UpstreamDoor(prices: .init(name: "cloud", table: table), listsAllNames: listsAllNames) {
                            answer
                        }
                    ])
            }
            let report = try await check(.models(["claude-x", "claude-y"]))
            #expect(report.hasPassed, "\(report.failures)")
            #expect(
                try result(report, "math").detail == "2 trials = $1.05, $0.05 of it at OpenRouter, balance $0.20")
            #expect(try result(report, "models").detail == "2 found, 1 of other upstreams")
            #expect(try result(report, "models").lines.contains("claude-x at cloud: $0.00 in, $5.00 out per M tokens"))
            #expect(try result(report, "tool_support").detail.hasSuffix("not known of 1 of other upstreams"))
            #expect(report.forecast.lines.last?.typicalCall == USD(picodollars: 2_000_000_000))

            let unlisted = try await check(.models(["claude-z"]))
            #expect(unlisted.failures.map(\.detail) == ["cloud does not list claude-x, did you mean 'claude-z'?"])
            let partly = try await check(.models(["claude-z"]), listsAllNames: false)
            #expect(try partly.hasPassed && result(partly, "upstreams").status == .warn)
            let listless = try await check(.noList("it answers, and has no list of models (404)"))
            #expect(try listless.hasPassed && result(listless, "upstreams").status == .warn)
            let dead = try await check(.failed("it does not answer", hint: "look"))
            #expect(dead.failures.map(\.name) == ["upstreams"])

            mixed.models[1].id = "claude-w"
            let unpriced = try await check(.models(["claude-w"]))
            #expect(unpriced.failures.map(\.detail) == ["no price for claude-w at cloud"])
        }
    }

    @Test func `nothing is spent once an earlier check has failed`() async throws {
        try await withBench { bench in
            bench.server.setCredits(USD(cents: 9))
            let report = try await check(
                bench, experiment(["google/gemini-2.5-flash"]), only: ["balance", "math", "key_smoke"])
            #expect(try result(report, "balance").status == .fail)
            #expect(try result(report, "key_smoke").status == .skip)
            #expect(bench.server.bill.count == 0)
            let keys = try await bench.subKeys()
            #expect(keys.isEmpty)
        }
    }

    @Test func `zero and zero from an ordinary key is unknown, not broke`() async throws {
        try await withBench { bench in
            var doors = bench.doors
            doors.management = nil
            let report = try await check(
                bench, experiment(["google/gemini-2.5-flash"]), only: ["balance", "math", "key_smoke"], doors: doors)
            #expect(try result(report, "balance").status == .warn)
            #expect(try result(report, "math").status == .warn)
            #expect(try result(report, "key_smoke").status == .fail)
            doors.inference = nil
            let none = try await check(bench, experiment(["google/gemini-2.5-flash"]), only: ["balance"], doors: doors)
            #expect(try result(none, "balance").detail == "no OpenRouter key is set")
        }
    }

    @Test func `math fails against the envelope and against the balance`() async throws {
        try await withBench { bench in
            var tight = experiment(["google/gemini-2.5-flash", "qwen/qwen3-coder"])
            tight.budget.total = USD(cents: 9)
            #expect(try result(try await check(bench, tight, only: ["math"]), "math").status == .fail)
            bench.server.setCredits(USD(cents: 50))
            let costly = experiment(["google/gemini-2.5-flash"], budget: USD(cents: 51))
            let math = try result(try await check(bench, costly, only: ["math"]), "math")
            #expect(math.status == .fail && math.detail.contains("more than the balance"))
        }
    }

    @Test func `models are found, suggested and warned about`() async throws {
        try await withBench { bench in
            let missing = try result(
                try await check(bench, experiment(["google/gemini-2.5-flsh", "qwen/qwen3-coder"]), only: ["models"]),
                "models")
            #expect(missing.status == .fail)
            #expect(missing.lines[0].contains("did you mean 'google/gemini-2.5-flash'?"))
            let odd = try result(try await check(bench, experiment(["openrouter/auto"]), only: ["models"]), "models")
            #expect(odd.status == .warn)
            #expect(odd.lines[0].contains("price unknown") && !odd.lines[0].contains("-1"))
            let free = try #require(try TestData.catalogue().models.first { $0.isFreeVariant }?.id)
            #expect(try result(try await check(bench, experiment([free]), only: ["models"]), "models").status == .warn)
        }
    }

    @Test func `required parameters are held against every model`() async throws {
        try await withBench { bench in
            var experiment = experiment(["google/gemini-2.5-flash", "meta-llama/llama-3.3-70b-instruct"])
            experiment.checks.require = ["tools"]
            #expect(
                try result(try await check(bench, experiment, only: ["tool_support"]), "tool_support").status == .pass)
            experiment.checks.require = ["tools", "reasoning"]
            let lacking = try result(try await check(bench, experiment, only: ["tool_support"]), "tool_support")
            #expect(lacking.status == .fail && lacking.lines == ["meta-llama/llama-3.3-70b-instruct: lacks reasoning"])
        }
    }

    @Test(arguments: [Fault.Kind.status, .html, .malformed, .drop])
    func `an OpenRouter that is out of order fails checks with its words`(kind: Fault.Kind) async throws {
        try await withBench { bench in
            bench.server.addFault(Fault(kind, path: "*", count: nil, status: 403))
            let report = try await check(
                bench, experiment(["google/gemini-2.5-flash"]), only: ["balance", "models", "key_smoke"])
            #expect(try result(report, "balance").status == .fail)
            #expect(try result(report, "models").status == .fail)
            #expect(try result(report, "key_smoke").status == .skip)
            #expect(report.failures.allSatisfy { $0.hint != nil })
        }
    }

    @Test func `a smoke call that fails gives its key back all the same`() async throws {
        try await withBench { bench in
            bench.server.addFault(
                Fault(
                    .status, path: "/chat/completions", count: nil, status: 200,
                    body: #"{"error":{"code":502,"message":"provider down"}}"#))
            let smoke = try result(
                try await check(bench, experiment(["google/gemini-2.5-flash"]), only: ["key_smoke"]), "key_smoke")
            #expect(smoke.status == .fail && smoke.detail.contains("provider down"))
            let keys = try await bench.subKeys()
            #expect(keys.isEmpty)
        }
    }

    @Test func `a check that is stopped gives its key back`() async throws {
        try await withBench { bench in
            bench.server.addFault(Fault(.hang, path: "/chat/completions", count: nil))
            let stop = StopSignal()
            async let running = check(
                bench, experiment(["google/gemini-2.5-flash"]), only: ["key_smoke"], stop: stop)
            #expect(try await eventually { try await bench.subKeys().count == 1 })
            stop.raise(to: .graceful)
            let report = try await running
            #expect(!report.hasPassed)
            let keys = try await bench.subKeys()
            #expect(keys.isEmpty)
            #expect(try await bench.journal.resourcesLeft().isEmpty)
        }
    }

    @Test func `a key that cannot be deleted fails the check`() async throws {
        try await withBench { bench in
            bench.server.addFault(Fault(.status, path: "/keys/*", method: "DELETE", count: nil, status: 500))
            let smoke = try result(
                try await check(bench, experiment(["google/gemini-2.5-flash"]), only: ["key_smoke"]), "key_smoke")
            #expect(smoke.status == .fail && smoke.hint?.contains("preflight sweep") == true)
        }
    }

    @Test func `programs and Swift closures answer checks`() async throws {
        try await withBench { bench in
            var experiment = experiment(["google/gemini-2.5-flash"])
            func program(_ name: String, _ script: String, timeout: Duration = .seconds(10)) -> Experiment.CustomCommand
            {
                .init(name: name, command: ["sh", "-c", script], timeout: timeout)
            }
            experiment.checks.custom = [
                program(
                    "reads",
                    #"grep -q '"model":"google/gemini-2.5-flash"' && echo '{"status":"pass","detail":"saw it"}'"#),
                program("warns", #"echo log line; echo '{"status":"warn","detail":"old","hint":"renew"}'"#),
                program("plain", "echo fine"), program("fails", "echo no licence >&2; exit 2"),
                program("lies", #"echo '{"status":"pass"}'; exit 1"#),
                program("hangs", "sleep 30", timeout: .milliseconds(200)),
                .init(name: "absent", command: ["/no/such/program"]),
            ]
            let own = CustomCheck(name: "swift") { experiment in
                CheckResult("ignored", .fail, "\(experiment.models.count) model")
            }
            let report = try await check(
                bench, experiment, only: experiment.checks.custom.map(\.name) + ["swift"], custom: [own])
            #expect(try result(report, "reads") == CheckResult("reads", .pass, "saw it"))
            #expect(try result(report, "warns") == CheckResult("warns", .warn, "old", hint: "renew"))
            #expect(try result(report, "plain").status == .pass)
            #expect(try result(report, "fails").detail == "no licence")
            #expect(try result(report, "lies").status == .fail)
            #expect(try result(report, "hangs").detail == "no answer within 0.2s")
            #expect(try result(report, "absent").status == .fail)
            #expect(try result(report, "swift").detail == "1 model")
        }
    }

    @Test func `surroundings are asked`() async throws {
        try await withBench { bench in
            var experiment = experiment(["google/gemini-2.5-flash"])
            experiment.checks.envVars = ["SET", "UNSET"]
            experiment.checks.gitVersion = "1.0"
            let base = String(bench.baseURL.dropLast("/api/v1".count))
            bench.server.addFault(
                Fault(
                    .status, path: "/health", count: nil, status: 200,
                    body: #"{"status":"ok","db":{"up":true},"version":"1.10.2"}"#))
            experiment.checks.httpHealth = [
                .init(
                    name: "api", url: base + "/health",
                    fields: [.init(name: "status", value: "ok"), .init(name: "db.up", value: "true")],
                    minimumVersion: "1.9")
            ]
            let report = try await check(bench, experiment, only: ["env_vars", "git_version", "http_health"])
            #expect(try result(report, "env_vars").detail == "not set: UNSET")
            #expect(try result(report, "git_version").status == .pass)
            #expect(try result(report, "http_health").status == .pass)

            experiment.checks.httpHealth[0].minimumVersion = "2"
            experiment.checks.gitVersion = "99"
            let old = try await check(bench, experiment, only: ["git_version", "http_health"])
            #expect(try result(old, "http_health").lines == ["api: version 1.10.2, needs 2"])
            #expect(try result(old, "git_version").status == .fail)
            experiment.checks.httpHealth = [.init(name: "gone", url: "http://127.0.0.1:1/")]
            #expect(
                try result(try await check(bench, experiment, only: ["http_health"]), "http_health").status == .fail)
        }
    }

    @Test func `an unknown check is an error with the nearest name`() {
        let error = #expect(throws: PreflightError.self) {
            try CheckName.selection(only: ["balence"], skip: [], custom: [])
        }
        #expect(error?.hint == "did you mean 'balance'?")
    }
}
