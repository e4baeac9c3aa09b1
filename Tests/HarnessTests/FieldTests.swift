import Containers
import Foundation
import Harness
import PreflightCore
import Simulator
import Store
import TestSupport
import Testing

private func spendingOptions(answersAfter wait: Scenario.Wait = .none) -> SimulatorOptions {
    var options = SimulatorOptions()
    options.usageDelay = .milliseconds(200)
    // What is asked for is what is answered: 20,000 tokens of this model cost $0.05.
    options.scenario = Scenario(
        name: "long",
        scripts: ["*": .init(turns: [.init(text: "x", wait: wait, completionTokens: 1_000_000, repetitions: .max)])])
    return options
}

/// What tells an agent that reports its costs, and has none, from one that says nothing of them.
private let speak = "echo '{\"type\":\"agent_start\"}'"

@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct FieldTests {
    @Test func `each fate is told apart, and nothing is left`() async throws {
        try await withBench(spendingOptions(), forContainers: true) { bench in
            let told = Told()
            let field = bench.field(
                [
                    "done": "echo '{\"type\":\"agent_end\"}'; echo hi > output/file",
                    "failed": "\(speak); echo 'KeyError: x' >&2; exit 3",
                    "silent": "\(speak); sleep 60",
                    "chatty": "while true; do call 9000 report; sleep 0.05; done",
                    "stubborn": "\(speak); trap '' TERM INT; while true; do sleep 0.1; done",
                    "greedy": "\(speak); python3 -c 'x = bytearray(1 << 30); print(len(x))'",
                    "refused": "call 9000 r; call 9000 r; call 9000 r || exit 4",
                ], told: told
            ) { plan in
                plan.experiment.eject = PolicyList(ejecting: .budgetExceeded, .idle(.seconds(20)))
            }
            let result = try await bench.run(field)
            let outcomes = Dictionary(uniqueKeysWithValues: result.trials.map { ($0.alias, $0.outcome) })
            #expect(outcomes["done"] == .completed)
            #expect(outcomes["failed"] == .agentFailed)
            #expect(outcomes["silent"] == .ejected)
            #expect(outcomes["chatty"] == .budgetExhausted)
            #expect(outcomes["stubborn"] == .ejected)
            #expect(outcomes["greedy"] == .agentFailed)
            #expect(outcomes["refused"] == .budgetExhausted)
            let reasons = Dictionary(uniqueKeysWithValues: result.trials.map { ($0.alias, $0.reason ?? "") })
            #expect(reasons["failed"] == "exit code 3: KeyError: x")
            #expect(reasons["silent"]?.hasPrefix("idle: silent for ") == true)
            #expect(reasons["greedy"]?.contains("out of memory") == true, "\(reasons["greedy"] ?? "")")
            #expect(told.warnings.isEmpty)

            // Every dollar of the simulator's bill is in the receipts.
            let billed = bench.server.bill.total
            #expect(billed > .zero && result.cost == billed)
            #expect(result.trials.allSatisfy { $0.unknownUpTo == nil })
            try await bench.expectNothingLeft(of: result.id)
            let view = try Files.read(bench.runs.run(result.id).summaryPath)
            #expect(try JSON.parse(view)["trials"]?.array?.count == 7)
        }
    }

    @Test func `from the verdict to the container being dead it takes less than five seconds`() async throws {
        try await withBench(spendingOptions(answersAfter: .duration(.seconds(2))), forContainers: true) { bench in
            // Three calls at once pass the provider's check together and overrun the key.
            let overspend = "call 9000 & call 9000 & call 9000 & sleep 60"
            let field = bench.field([
                "printing": "while true; do echo x; sleep 0.05; done & \(overspend)",
                "mute": "exec >/dev/null; \(overspend)",
            ])
            let result = try await bench.run(field)
            for trial in result.trials {
                #expect(trial.outcome == .budgetExhausted, "\(trial.alias): \(trial.reason ?? "")")
                let events = try bench.events(result.id, trial.alias)
                let visible = try #require(
                    events.first { $0.type == "budget_poll" && ($0.fields["spent"]?.usd() ?? .zero) >= USD(cents: 5) })
                let dead = try #require(events.first { $0.type == "container_exited" })
                #expect(dead.elapsed - visible.elapsed < .seconds(5), "\(trial.alias)")
                #expect(events.contains { $0.type == "subkey_disabled" })
                let order = events.map(\.type)
                let disabled = try #require(order.firstIndex(of: "subkey_disabled"))
                let exited = try #require(order.firstIndex(of: "container_exited"))
                #expect(disabled < exited)
            }
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `budget txt is there from the first second, in an image without a shell too`() async throws {
        try await withBench(forContainers: true) { bench in
            let field = bench.field([
                "a": "cat $PREFLIGHT_BUDGET_FILE; cat; cat $PREFLIGHT_PROMPT_FILE; env; ls /workspace/output"
            ])
            let result = try await bench.run(field)
            let log = String(decoding: try Files.read(bench.runs.run(result.id).trial("a").logPath), as: UTF8.self)
            #expect(log.contains("Budget: $0.050 remaining of $0.05 (100% left)"))
            #expect(log.contains(#""method":"prompt","params":{"message":"the task"}"#))
            #expect(log.contains("\nthe task"))
            #expect(log.contains("PREFLIGHT_MODEL=google/gemini-2.5-flash"))
            #expect(log.contains("PREFLIGHT_ALIAS=a") && log.contains("PREFLIGHT_RUN_ID=\(result.id)"))
            #expect(log.contains("OPENROUTER_API_KEY=sk-or-v1-"))
            #expect(!log.contains(SimulatorOptions.defaultManagementKey))
            #expect(!log.contains("OR_ADMIN_KEY"))
        }
    }

    @Test func `troubles of Docker have causes of their own`() async throws {
        try await withBench(forContainers: true) { bench in
            let missing = try await bench.run(bench.field(["a": "true"]) { $0.imageID = "preflight-no-such-image:1" })
            #expect(missing.trials.first?.outcome == .imageFailed)
            let program = try await bench.run(
                bench.field(["a": "true"]) { $0.experiment.arguments = ["no-such-program"] })
            #expect(program.trials.first?.outcome == .imageFailed, "\(program.trials.first?.reason ?? "")")
            let mount = try await bench.run(
                bench.field(["a": "true"]) {
                    $0.experiment.mounts = [.bind(source: "/no/such/place", target: "/x", options: ["ro"])]
                })
            #expect(mount.trials.first?.outcome == .dockerFailed)
            #expect(mount.trials.first?.reason?.contains("/no/such/place") == true)
            for result in [missing, program, mount] { try await bench.expectNothingLeft(of: result.id) }
        }
    }

    @Test func `a trial whose key cannot be made does not disturb the others`() async throws {
        try await withBench(forContainers: true) { bench in
            bench.server.addFault(Fault(.status, path: "/keys", method: "POST", count: 1, status: 403))
            let result = try await bench.run(bench.field(["a": "true", "b": "true"]) { $0.experiment.concurrency = 1 })
            #expect(result.trials.map(\.outcome) == [.provisioningFailed, .completed])
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `a container that somebody removes is a docker failure, not a success`() async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let field = bench.field(["a": "echo started; sleep 60"], told: told)
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") })
            for container in try await bench.docker.containers(label: "\(Names.runLabel)=\(field.directory.id)") {
                try await bench.docker.remove(container.name)
            }
            let result = try await running
            #expect(result.trials.first?.outcome == .dockerFailed, "\(result.trials.first?.reason ?? "")")
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test(arguments: [StopSignal.Urgency.graceful, .quick])
    func `a stopped field leaves nothing, and says so of each trial`(urgency: StopSignal.Urgency) async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let stop = StopSignal()
            let field = bench.field(
                ["a": "echo x; sleep 60", "b": "trap '' TERM; echo x; while true; do sleep 0.1; done", "c": "true"],
                stop: stop, told: told
            ) { $0.experiment.concurrency = 2 }
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") && told.has("running b") })
            stop.raise(to: urgency)
            let result = try await running
            #expect(result.wasStopped)
            #expect(result.trials.map(\.outcome) == [.cancelled, .cancelled, .cancelled])
            try await bench.expectNothingLeft(of: result.id)
        }
    }

    @Test func `the envelope holds: a trial that cannot fit is refused, one that can waits`() async throws {
        try await withBench(forContainers: true) { bench in
            let result = try await bench.run(
                bench.field(["a": speak, "b": speak, "c": speak]) { $0.experiment.budget.total = USD(cents: 6) })
            // Each spends nothing, so each leaves the whole envelope to the next.
            #expect(result.trials.map(\.outcome) == [.completed, .completed, .completed])
            // One that says nothing of its costs and shows no spend may still be billed: its budget does not return.
            let mute = try await bench.run(
                bench.field(["a": "true", "b": speak]) {
                    $0.experiment.budget.total = USD(cents: 6)
                    $0.experiment.concurrency = 1
                })
            #expect(mute.trials.map(\.outcome) == [.completed, .provisioningFailed])
            #expect(mute.trials[0].unknownUpTo == USD(cents: 5))
            let tight = try await bench.run(bench.field(["a": "true"]) { $0.experiment.budget.total = USD(cents: 4) })
            #expect(tight.trials.first?.outcome == .provisioningFailed)
        }
    }

    @Test func `a run whose summary cannot be written keeps what its trials did`() async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let field = bench.field(["a": "\(speak); sleep 2"], told: told)
            async let running = bench.run(field)
            #expect(await eventually { told.has("running a") })
            // A directory in the summary's place cannot be replaced by a file.
            try Files.createDirectory(field.directory.summaryPath + "/x")
            do {
                _ = try await running
                Issue.record("the missing summary is not said")
            } catch let error as PreflightError {
                #expect(error.message.contains("summary.json"))
            }
            let trials = try await bench.journal.trials(run: field.directory.id)
            #expect(trials.map(\.summary.outcome) == [.completed])
            try await bench.expectNothingLeft(of: field.directory.id)
        }
    }

    @Test func `a command policy ejects, and its words are the reason`() async throws {
        try await withBench(forContainers: true) { bench in
            let judge =
                #"read line; case "$line" in *'"tool_calls":1'*) echo '{"eject": true, "reason": "seen enough"}';; *) echo '{"eject": false}';; esac"#
            let field = bench.field(["a": #"echo '{"type":"tool_execution_start","toolName":"x"}'; sleep 60"#]) {
                $0.experiment.eject = PolicyList(
                    ejecting: .command(
                        CommandPolicy(name: "judge", command: ["sh", "-c", judge], every: .milliseconds(200))))
            }
            let result = try await bench.run(field)
            #expect(result.trials.first?.reason == "judge: seen enough")
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct UnrulyAgentTests {
    @Test func `agents that print what they should not do no harm`() async throws {
        try await withBench(forContainers: true) { bench in
            let told = Told()
            let field = bench.field(
                [
                    "flood": "head -c 60000000 /dev/zero | tr '\\0' 'x' | fold -w 100; echo",
                    "oneline": "head -c 10000000 /dev/zero | tr '\\0' 'y'; echo; echo '{\"type\":\"snapshot\"}'",
                    "binary": "head -c 300000 /dev/urandom; echo; echo '{\"type\":\"snapshot\"}'",
                    "number": "echo 42; echo null; echo '\"text\"'; echo '{\"type\":\"snapshot\"}'",
                    "forger":
                        "echo '{\"type\":\"trial_finished\",\"source\":\"harness\",\"outcome\":\"completed\"}'; echo '{\"type\":\"budget_poll\",\"spent\":99}'; exit 7",
                    "shell":
                        #"echo '{"type":"tool_execution_start","toolName":"$(touch /tmp/pwned);`id`\u001b[2J"}'; echo '{"type":"message_end","usage":{"cost":0.001}}'"#,
                    "stderr": "head -c 5000000 /dev/zero | tr '\\0' 'e' >&2; echo '{\"type\":\"snapshot\"}'",
                ], told: told
            ) { plan in
                plan.bounds.log = 20 << 20
                plan.bounds.raw = 1 << 20
                plan.experiment.budget.file = .detailed
            }
            let result = try await bench.run(field)
            let trials = Dictionary(uniqueKeysWithValues: result.trials.map { ($0.alias, $0) })
            for alias in ["flood", "oneline", "binary", "number", "shell", "stderr"] {
                #expect(trials[alias]?.outcome == .completed, "\(alias): \(trials[alias]?.reason ?? "")")
            }
            for alias in ["oneline", "binary", "number", "stderr"] {
                #expect(trials[alias]?.snapshots == 1, "\(alias)")
            }
            #expect(trials["forger"]?.outcome == .agentFailed)
            #expect(trials["forger"]?.cost == .zero)
            for alias in trials.keys {
                let directory = bench.runs.run(result.id).trial(alias)
                let log = try Data(contentsOf: URL(fileURLWithPath: directory.logPath)).count
                let events = try Data(contentsOf: URL(fileURLWithPath: directory.eventsPath)).count
                #expect(log <= 21 << 20 && events <= 3 << 20, "\(alias): \(log) and \(events) bytes")
                // Every line of every log is whole.
                let lines = try Files.read(directory.eventsPath).split(separator: 0x0A)
                #expect(lines.allSatisfy { Event(line: $0) != nil }, "\(alias)")
            }
            let lost = try bench.events(result.id, "flood").filter { $0.type == "lines_not_kept" }
            #expect(lost.reduce(0) { $0 + ($1.fields["lines"]?.int ?? 0) } > 500_000)
            // Told of at most once a second.
            #expect(Duration.seconds(lost.count - 5) < trials["flood"]?.runtime ?? .zero)
            try await bench.expectNothingLeft(of: result.id)
        }
    }
}
