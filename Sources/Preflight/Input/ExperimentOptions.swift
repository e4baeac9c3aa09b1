import ArgumentParser
import Foundation

/// The flags that describe an experiment; each overrides its key of the file.
struct ExperimentOptions: ParsableArguments {
    @Argument(help: "The experiment file. Without one, flags and the environment are enough.")
    var file: String?

    @Option(
        name: .customLong("model"), help: ArgumentHelp("A model of the field; repeatable.", valueName: "ID[=ALIAS]"))
    var models: [String] = []

    @Option(help: ArgumentHelp("The image that every trial runs.", valueName: "NAME"))
    var image: String?

    @Option(help: ArgumentHelp("Dollars per trial.", valueName: "USD"))
    var budget: String?

    @Option(help: ArgumentHelp("Dollars for all trials together.", valueName: "USD"))
    var totalBudget: String?

    @Option(help: ArgumentHelp("A total that runs of this name share, in one runs directory.", valueName: "NAME"))
    var envelope: String?

    @Option(
        name: .customLong("mount"),
        help: ArgumentHelp(
            "HOST:CONTAINER[:MODE], or Docker's type=…,source=…,target=…; repeatable.", valueName: "MOUNT"))
    var mounts: [String] = []

    @Option(
        name: .customLong("env"),
        help: ArgumentHelp("A variable for every container; repeatable.", valueName: "NAME[=VALUE]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("The task, one JSON-RPC line on each agent's stdin.", valueName: "TEXT|@FILE"))
    var prompt: String?

    @Option(
        name: .customLong("eject"),
        help: ArgumentHelp("When to stop a trial, e.g. idle:180s; repeatable, any of them.", valueName: "POLICY"))
    var eject: [String] = []

    @Option(
        name: .customLong("hold"),
        help: ArgumentHelp("When to let a trial's calls wait for its owner; repeatable.", valueName: "POLICY"))
    var hold: [String] = []

    @Option(
        name: .customLong("steer"),
        help: ArgumentHelp("When to tell the agent something; repeatable.", valueName: "POLICY"))
    var steer: [String] = []

    @Option(
        name: .customLong("notify"),
        help: ArgumentHelp("When to tell you of a trial; repeatable.", valueName: "POLICY"))
    var notify: [String] = []

    @Option(help: ArgumentHelp("Stop a trial that is silent for so long; 0 for never.", valueName: "TIME"))
    var idleTimeout: String?

    @Option(help: ArgumentHelp("Stop a trial after so long.", valueName: "TIME"))
    var wall: String?

    @Option(
        help: ArgumentHelp(
            "How long calls wait while the provider fails, behind the gateway; 0 for not at all.", valueName: "TIME"))
    var outage: String?

    @Option(help: ArgumentHelp("How containers reach their models.", valueName: "direct|gateway"))
    var access: String?

    @Option(
        name: .customLong("network"),
        help: ArgumentHelp(
            "Where else they may connect to, behind the gateway: closed, open, or a host; repeatable.",
            valueName: "closed|open|HOST"))
    var network: [String] = []

    @Option(help: ArgumentHelp("Trials at a time.", valueName: "N"))
    var concurrency: Int?

    @Option(name: .customLong("repeat"), help: ArgumentHelp("Trials per model.", valueName: "N"))
    var repetitions: Int?

    @Option(help: ArgumentHelp("What budget.txt says.", valueName: "simple|detailed"))
    var budgetFile: String?

    @Option(help: ArgumentHelp("Memory per container, or none.", valueName: "SIZE"))
    var memory: String?

    @Option(help: ArgumentHelp("Processors per container, or none.", valueName: "N"))
    var cpus: String?

    @Option(
        name: .customLong("require"),
        help: ArgumentHelp("A request parameter that every model must support; repeatable.", valueName: "PARAMETER"))
    var require: [String] = []

    @Option(
        name: .customLong("only"),
        help: ArgumentHelp("Run only these checks; repeatable, or separated by commas.", valueName: "CHECK"))
    var only: [String] = []

    @Option(
        name: .customLong("skip"),
        help: ArgumentHelp("Leave out these checks; repeatable, or separated by commas.", valueName: "CHECK"))
    var skip: [String] = []

    @OptionGroup var place: PlaceOptions
}

/// Where runs lie, and in which form to answer.
struct PlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where runs lie.", valueName: "DIR"))
    var runsDir: String = "runs"

    @Flag(help: "Answer in JSON on standard output.")
    var json = false
}

/// Variables that stand for flags: `PREFLIGHT_IMAGE=x` is `--image x`, unless the flag is given.
enum EnvironmentTwins {
    static let perCommand: [String: [String: String]] = {
        let place = ["runs-dir": "PREFLIGHT_RUNS_DIR", "json": "PREFLIGHT_JSON"]
        let experiment = place.merging([
            "model": "PREFLIGHT_MODELS", "image": "PREFLIGHT_IMAGE", "budget": "PREFLIGHT_BUDGET",
            "total-budget": "PREFLIGHT_TOTAL_BUDGET", "envelope": "PREFLIGHT_ENVELOPE",
            "mount": "PREFLIGHT_MOUNTS", "env": "PREFLIGHT_ENV",
            "prompt": "PREFLIGHT_PROMPT", "eject": "PREFLIGHT_EJECT",
            "hold": "PREFLIGHT_HOLD", "steer": "PREFLIGHT_STEER", "notify": "PREFLIGHT_NOTIFY",
            "idle-timeout": "PREFLIGHT_IDLE_TIMEOUT",
            "wall": "PREFLIGHT_WALL", "outage": "PREFLIGHT_OUTAGE", "concurrency": "PREFLIGHT_CONCURRENCY",
            "repeat": "PREFLIGHT_REPEAT",
            "access": "PREFLIGHT_ACCESS", "network": "PREFLIGHT_NETWORK", "budget-file": "PREFLIGHT_BUDGET_FILE_MODE",
            "memory": "PREFLIGHT_MEMORY", "cpus": "PREFLIGHT_CPUS",
            "require": "PREFLIGHT_REQUIRE", "only": "PREFLIGHT_ONLY", "skip": "PREFLIGHT_SKIP",
        ]) { $1 }
        let run = experiment.merging([
            "settle": "PREFLIGHT_SETTLE", "poll": "PREFLIGHT_POLL", "run-id": "PREFLIGHT_RUN_ID",
            "skip-check": "PREFLIGHT_SKIP_CHECK", "detach": "PREFLIGHT_DETACH",
            "orphan-grace": "PREFLIGHT_ORPHAN_GRACE", "plain": "PREFLIGHT_PLAIN",
        ]) { $1 }
        let shown = place.merging(["plain": "PREFLIGHT_PLAIN"]) { $1 }
        let reopened = shown.merging(["detach": "PREFLIGHT_DETACH"]) { $1 }
        let sweep = place.merging(["dry-run": "PREFLIGHT_DRY_RUN", "force": "PREFLIGHT_FORCE"]) { $1 }
        let simulate = [
            "scenario": "PREFLIGHT_SCENARIO", "listen": "PREFLIGHT_LISTEN", "credits": "PREFLIGHT_CREDITS",
            "usage-delay": "PREFLIGHT_USAGE_DELAY",
        ]
        return [
            "gateway": [
                "config": "PREFLIGHT_GATEWAY_CONFIG", "listen": "PREFLIGHT_GATEWAY_LISTEN",
                "console": "PREFLIGHT_GATEWAY_CONSOLE", "budget": "PREFLIGHT_GATEWAY_BUDGET",
                "hold": "PREFLIGHT_GATEWAY_HOLD", "log": "PREFLIGHT_GATEWAY_LOG", "runs-dir": "PREFLIGHT_RUNS_DIR",
            ],
            "check": experiment, "run": run, "run-multi": run, "status": shown, "stop": place,
            "eject": place, "extend": place, "hold": place, "release": place, "steer": place, "cache-report": place,
            "sweep": sweep, "verify": place, "resume": reopened, "retry": reopened, "replay": place,
            "simulate": simulate, "budget": place, "keys": place, "dashboard": place, "score": place,
            // Their forms are flags of the same rank: a variable would contradict the others.
            "report": ["runs-dir": "PREFLIGHT_RUNS_DIR"], "export": ["runs-dir": "PREFLIGHT_RUNS_DIR"],
            "compare": ["runs-dir": "PREFLIGHT_RUNS_DIR"],
        ]
    }()

    private static let lists: [String: Character] = [
        "model": ",", "network": ",", "require": ",", "only": ",", "skip": ",",
        // Their values may hold commas.
        "mount": "\n", "env": "\n", "eject": "\n", "hold": "\n", "steer": "\n", "notify": "\n",
    ]

    /// Flags without a value; their variable says yes or no.
    private static let switches: Set<String> = ["json", "skip-check", "dry-run", "force", "detach", "plain"]

    /// The arguments with those that the environment gives put before a closing `--`.
    static func expand(_ arguments: [String], environment: [String: String]) -> [String] {
        guard let command = arguments.first, let twins = perCommand[command] else { return arguments }
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        var own = Array(arguments[..<end])
        for (flag, variable) in twins.sorted(by: { $0.key < $1.key }) {
            guard let value = environment[variable], !value.isEmpty,
                !own.contains(where: { $0 == "--\(flag)" || $0.hasPrefix("--\(flag)=") })
            else { continue }
            if switches.contains(flag) {
                if ["1", "true", "yes", "on"].contains(value.lowercased()) { own.append("--\(flag)") }
                continue
            }
            let values = lists[flag].map { value.split(separator: $0).map(String.init) } ?? [value]
            for value in values { own.append("--\(flag)=\(value.trimmingCharacters(in: .whitespaces))") }
        }
        return own + arguments[end...]
    }
}
