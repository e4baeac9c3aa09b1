import ArgumentParser
import Harness
import PreflightCore

struct RunMultiCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run-multi",
        abstract: "Run a field of models, each in its own container with its own capped key.",
        discussion: """
            Examples:
              preflight run-multi experiment.yaml
              preflight run-multi experiment.yaml --repeat 3 --total-budget 5
              preflight run-multi --model meta-llama/llama-3.3-70b-instruct --model google/gemini-2.5-flash=gemini \\
                --image preflight-agent --budget 0.25 --prompt @TASK.md --eject idle:180s -- --max-turns 30

              preflight run-multi experiment.yaml --eject budget_exceeded --eject 'loop: 6' --eject 'stall: $0.05' \\
                --steer '{loop: 3, message: "You repeat yourself."}' --notify 'when: idle > 60s and errors > 3'
              preflight run-multi experiment.yaml --detach    # goes on when the terminal is closed

            What follows `--` is handed to the container. `watch preflight status` shows the field.
            Ctrl-C or a closed terminal ends it gracefully, a second Ctrl-C quickly; both leave no container and no
            key behind. `preflight stop`, `eject` and `extend` reach it from another terminal.
            Exit status: 0 all completed, 1 not all did, 3 refused before anything was spent, 64 wrong usage,
            70 Preflight failed, 130 or 143 after a signal.
            """)

    @OptionGroup var options: RunOptions

    func run() async throws { try await options.start(RunStage(options: options)) }
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one model: run-multi for a field of one.",
        discussion: """
            Example:
              preflight run --model meta-llama/llama-3.3-70b-instruct --image preflight-agent --budget 0.25 \\
                --prompt "Write hello.py"
            """)

    @OptionGroup var options: RunOptions

    func run() async throws { try await options.start(RunStage(options: options, takesOneModel: true)) }
}

/// The flags of a run beside those of its experiment.
struct RunOptions: ParsableArguments {
    @OptionGroup var experiment: ExperimentOptions

    @Option(help: ArgumentHelp("The run's name; by default run- and the time.", valueName: "NAME"))
    var runId: String?

    @Flag(help: "Start without the checks.")
    var skipCheck = false

    @Option(help: ArgumentHelp("How often a sub-key's spend is read.", valueName: "TIME"))
    var poll: String = "2s"

    @Option(help: ArgumentHelp("How long a finished trial waits for late usage.", valueName: "TIME"))
    var settle: String = "30s"

    @Flag(help: "Run in the background; return once the first container runs.")
    var detach = false

    @Option(
        help: ArgumentHelp(
            "How long containers may outlive Preflight, should it be killed; by default as long as their wall limit.",
            valueName: "TIME"))
    var orphanGrace: String?

    @Argument(parsing: .postTerminator, help: "Arguments for the container.")
    var containerArguments: [String] = []

    /// In this process, or in another one in the background.
    func start(_ stage: RunStage) async throws {
        if let orphanGrace { _ = try Self.duration(orphanGrace, "--orphan-grace") }
        if detach, Background.current == nil {
            try await DetachStage(place: experiment.place).run()
        } else {
            try await stage.run()
        }
    }

    static func duration(_ text: String, _ flag: String) throws -> Duration {
        guard let duration = Quantity.duration(text) else {
            throw PreflightError(.usage, "\(flag) '\(text)': expected a time, such as 3s")
        }
        return duration
    }

    func pace() throws -> Pace { try Self.pace(poll: poll, settle: settle) }

    static func pace(poll: String, settle: String) throws -> Pace {
        var pace = Pace()
        pace.poll = max(.milliseconds(100), try duration(poll, "--poll"))
        pace.settle = try duration(settle, "--settle")
        pace.settlePoll = min(pace.settlePoll, max(pace.settle / 5, .milliseconds(200)))
        return pace
    }
}
