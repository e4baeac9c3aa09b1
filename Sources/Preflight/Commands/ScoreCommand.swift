import ArgumentParser
import PreflightCore

struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Score the trials of an ended run again, with its own scorer or another.",
        discussion: """
            Examples:
              preflight score latest                          what experiment.yaml of the run says
              preflight score latest --score ./stricter.py    another program, in the run's image
              preflight score run-20260312-120000 llama --json
              preflight score latest --experiment new.yaml    the score: of that file

            Each scorer runs in a container of its own without network, with the trial's output read-only. What it gives
            is written to score.json beside the trial's record, which stays as it is; reports and the leaderboard take
            the newest score. Lost trials, and those whose container never ran, are not scored.
            Exit status: 0 all were scored, 1 some were not, 3 refused: the run is alive or has not ended, 64 wrong usage.
            """)

    @Argument(help: "The run: its name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "Trials, by their aliases or unique beginnings of them; by default all.")
    var trials: [String] = []

    @Option(help: ArgumentHelp("A program of this machine that scores, in the run's image.", valueName: "FILE"))
    var score: String?

    @Option(help: ArgumentHelp("An experiment file whose score: is taken.", valueName: "FILE"))
    var experiment: String?

    @OptionGroup var place: PlaceOptions

    func validate() throws {
        if score != nil, experiment != nil { throw ValidationError("give one of --score and --experiment") }
    }

    func run() async throws {
        try await ScoreStage(
            name: run, trials: trials, program: score, experimentFile: experiment, place: place
        ).run()
    }
}
