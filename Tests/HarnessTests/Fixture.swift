import Containers
import Foundation
import Harness
import OpenRouter
import PreflightCore
import Simulator
import Store
import Synchronization
import TestSupport
import Testing

/// A harness with real parts: a simulator on ports that containers reach, a journal in a directory of its own, Docker.
struct Bench: Sendable {
    let server: SimulatorServer
    let baseURL: String
    let runs: RunsDirectory
    let journal: Journal
    let docker: Docker
    let world: World

    var management: OpenRouterClient {
        OpenRouterClient(baseURL: baseURL, key: Secret(SimulatorOptions.defaultManagementKey))
    }

    var inference: OpenRouterClient { management.with(key: Secret(SimulatorOptions.defaultOrdinaryKey)) }

    var doors: HarnessDoors {
        HarnessDoors(management: management, inference: inference, anonymous: management, docker: docker, world: world)
    }

    var workshop: Workshop { Workshop(docker: docker, management: management, journal: journal, world: world) }
    var provisioner: Provisioner { workshop.provisioner }
    /// Takes what is dead on the whole machine: for tests that stand in `OrphanTests`.
    var sweeper: Sweeper { sweeper(of: nil) }

    /// Takes what one run left.
    func sweeper(of run: String?) -> Sweeper {
        Sweeper(
            docker: docker, management: management, journal: journal, runs: runs, world: world, only: run.map { [$0] })
    }

    /// Names of sub-keys that exist, disabled ones included.
    func subKeys() async throws -> [String] {
        try await management.subKeys().map(\.name).filter { $0.hasPrefix(Names.subKeyPrefix) }
    }

    static let image = "preflight-base:latest"

    static func live() -> World {
        let began = ContinuousClock.now
        return World(
            now: SimulatorServer.systemTime, uptime: { ContinuousClock.now - began },
            nonce: { count in String((0..<count).map { _ in "0123456789abcdef".randomElement() ?? "0" }) })
    }
}

/// Whether containers can be run here: `scripts/test` sees to it.
let hasDocker: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["docker", "image", "inspect", Bench.image]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}()

func withBench<T>(
    _ options: SimulatorOptions = SimulatorOptions(), forContainers: Bool = false,
    _ body: (Bench) async throws -> T
) async throws -> T {
    try await withTemporaryDirectory { directory in
        let docker = Docker()
        var addresses = [SimulatorServer.Address.loopback]
        if forContainers {
            addresses = [.init(host: try #require(try await docker.bridgeAddress()), port: 0)]
        }
        return try await SimulatorServer.withServer(options, addresses: addresses) { server, bound in
            let runs = RunsDirectory(path: directory)
            return try await body(
                Bench(
                    server: server, baseURL: bound[0].baseURL, runs: runs, journal: try Journal(path: runs.journalPath),
                    docker: docker, world: Bench.live()))
        }
    }
}

/// What a field told as it ran.
final class Told: Sendable {
    private let lines = Mutex<[String]>([])

    func note(_ progress: FieldEvent) {
        if case .standing = progress { return }
        let line: String =
            switch progress {
            case .runStarted(let id, _, _): "run \(id)"
            case .trialStarted(let plan): "begin \(plan.alias)"
            case .resumed(let plan, let how): "resumed \(plan.alias): \(how)"
            case .containerStarted(let plan): "running \(plan.alias)"
            case .stopping(let plan, let why): "stopping \(plan.alias): \(why)"
            case .fired(let plan, let action, let why): "\(action.rawValue) \(plan.alias): \(why)"
            case .settling(let plan): "settling \(plan.alias)"
            case .scored(let plan, let score): "scored \(plan.alias): \(score.text)"
            case .finished(let summary): "finished \(summary.alias)"
            case .standing: ""
            case .asked(let request): "asked \(request.text)"
            case .warning(let text): "warning \(text)"
            }
        lines.withLock { $0.append(line) }
    }

    var all: [String] { lines.withLock { $0 } }
    func has(_ line: String) -> Bool { all.contains(line) }
    var warnings: [String] { all.filter { $0.hasPrefix("warning") } }
}

extension Bench {
    /// A field whose agents are cases of one shell script, told apart by their alias.
    func field(
        _ cases: KeyValuePairs<String, String>, id: String = "run-\(UInt32.random(in: 0..<(.max)))",
        stop: StopSignal = StopSignal(), told: Told = Told(), configure: (inout RunPlan) -> Void = { _ in }
    ) -> FieldRun {
        var experiment = Experiment()
        experiment.image = Bench.image
        experiment.models = cases.map { .init(id: "google/gemini-2.5-flash", alias: $0.key) }
        experiment.budget.perTrial = USD(cents: 5)
        experiment.limits.memory = 256 << 20
        let script = cases.map { "\($0.key)) \($0.value) ;;" }.joined(separator: "\n")
        experiment.arguments = [
            "bash", "-c", "call() { python3 -c \"$CALL\" \"$@\"; }\ncase $PREFLIGHT_ALIAS in\n\(script)\nesac",
        ]
        experiment.env = [.init(name: "CALL", value: Self.call)]
        var plan = RunPlan(
            experiment: experiment, trials: experiment.trials(), imageID: Bench.image, prompt: "the task",
            baseURL: baseURL, passesBaseURL: true)
        plan.pace.poll = .milliseconds(300)
        plan.pace.settle = .seconds(5)
        plan.pace.settlePoll = .milliseconds(300)
        plan.pace.status = .milliseconds(200)
        configure(&plan)
        plan.trials = plan.experiment.trials()
        return FieldRun(directory: runs.run(id), plan: plan, workshop: workshop, stop: stop) { told.note($0) }
    }

    /// One call of the model with as many completion tokens as the first argument says. Prints the status.
    private static let call = """
        import json, os, sys, urllib.request as u, urllib.error as e
        body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": int(sys.argv[1]),
                "messages": [{"role": "user", "content": "go"}]}
        request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                            {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
        try:
            answer = json.load(u.urlopen(request))
            if len(sys.argv) > 2: print(json.dumps({"type": "message_end", "usage": answer["usage"]}), flush=True)
        except e.HTTPError as error:
            print(json.dumps({"type": "error", "code": error.code, "message": error.read().decode()}), flush=True)
            sys.exit(4)
        """

    func run(_ field: FieldRun) async throws -> RunResult { try await field.run(experimentText: "", lock: [:]) }

    /// Holds a finished run against the promise that nothing is left behind.
    func expectNothingLeft(of run: String, _ location: SourceLocation = #_sourceLocation) async throws {
        let label = "\(Names.runLabel)=\(run)"
        #expect(try await docker.containers(label: label).isEmpty, sourceLocation: location)
        #expect(try await docker.networks(label: label).isEmpty, sourceLocation: location)
        #expect(try await subKeys().isEmpty, sourceLocation: location)
        #expect(try await journal.resourcesLeft().isEmpty, sourceLocation: location)
    }

    func events(_ run: String, _ alias: String) throws -> [Event] {
        try Files.read(runs.run(run).trial(alias).eventsPath).split(separator: 0x0A).compactMap(Event.init(line:))
    }
}
