import ArgumentParser
import Harness
import PreflightCore

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Take up a run whose process died: watch again what lives, finish what is pending, repeat nothing.",
        discussion: """
            Examples:
              preflight resume latest
              preflight resume run-20260312-120000 --accept-drift
              preflight resume latest --env GAME_TOKEN            its value is not in the record

            Containers that live are watched again, from where their output was left; those that have ended meanwhile
            are judged and settled; trials that had not begun begin. What has ended stays as it is.
            Refused when the experiment, the prompt, the image, or the models and prices of trials still to run are not
            those of the run's beginning; the differences are shown, and --accept-drift goes on in spite of them.
            Exit status: that of the run: 0 all completed, 1 not all did; 3 refused: it is running, or something has
            changed; 64 there is no such run.
            """)

    @Argument(help: "The run: its name, a unique beginning of it, or latest.")
    var run: String

    @OptionGroup var options: ResumeOptions

    func run() async throws { try await ResumeStage(name: run, options: options).run() }
}

struct ResumeOptions: ParsableArguments {
    @Flag(help: "Go on though something has changed since the run began; it is written down.")
    var acceptDrift = false

    @Option(
        name: .customLong("env"),
        help: ArgumentHelp(
            "A variable of the experiment, whose value is not in the record; repeatable.", valueName: "NAME[=VALUE]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("How often a sub-key's spend is read.", valueName: "TIME"))
    var poll: String = "2s"

    @Option(help: ArgumentHelp("How long a finished trial waits for late usage.", valueName: "TIME"))
    var settle: String = "30s"

    @Flag(help: "Show lines instead of the live board.")
    var plain = false

    @Option(
        help: ArgumentHelp(
            "How long containers may outlive Preflight, should it be killed; by default as long as their wall limit.",
            valueName: "TIME"))
    var orphanGrace: String?

    @OptionGroup var place: PlaceOptions
}
