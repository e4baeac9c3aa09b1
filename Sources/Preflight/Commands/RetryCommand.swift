import ArgumentParser
import Harness
import PreflightCore

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract:
            "Run trials of an ended run again that failed, in the same run; what they did before stays on record.",
        discussion: """
            Examples:
              preflight retry latest                              what the infrastructure has failed
              preflight retry latest --dry-run                    only shows which that are, and what they may cost
              preflight retry latest --cause docker_failed --cause agent_failed
              preflight retry run-20260312-120000 llama --cause ejected

            A cause is an outcome (`preflight status` shows them), or infrastructure, the default: image_failed,
            docker_failed, provider_failed, provisioning_failed, harness_failed, lost, and what a breaker stopped. A
            trial that completed is never run again.
            Each has its whole budget anew; budget.total holds over all attempts. Earlier attempts lie in
            RUN/attempts/TRIAL/NUMBER, and their costs stay in the totals.
            Refused as `resume` is where something has changed, see --accept-drift.
            Exit status: that of the run: 0 all completed, 1 not all did; 3 refused: it is running or was not resumed,
            something has changed, nothing is left of budget.total; 64 wrong usage: no such run or trial, or one that
            did not fail for the cause.
            """)

    @Argument(help: "The run: its name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "Trials, by their aliases or unique beginnings of them; by default all that failed for the cause.")
    var trials: [String] = []

    @Option(
        name: .customLong("cause"),
        help: ArgumentHelp("Why they failed: infrastructure, or an outcome; repeatable.", valueName: "CAUSE"))
    var causes: [String] = []

    @Flag(help: "Only show which trials would run again, and what they may cost.")
    var dryRun = false

    @OptionGroup var options: ResumeOptions

    func run() async throws {
        let stage = RetryStage(name: run, trials: trials, causes: causes, isDryRun: dryRun, options: options)
        // What only shows something is not for the background.
        if dryRun { return try await stage.run() }
        try await options.start { try await stage.run() }
    }
}
