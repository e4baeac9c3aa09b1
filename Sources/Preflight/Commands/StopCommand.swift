import ArgumentParser
import PreflightCore
import Reports

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop a run that another terminal or the background runs, or some of its trials.",
        discussion: """
            Examples:
              preflight stop latest                     what Ctrl-C does: end everything and give it back
              preflight stop latest --now               what a second Ctrl-C does: kill, do not wait for late usage
              preflight stop 20260312 llama gemini      these trials alone

            \(OwnerStage.notes)
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "Aliases, or unique beginnings of them. Without any: the whole run.")
    var trials: [String] = []

    @Flag(help: "Kill containers, and do not wait for late usage.")
    var now = false

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        try await OwnerStage(run: run, trials: trials, order: .stop(isQuick: now), answer: answer, place: place).run()
    }
}

struct EjectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eject",
        abstract: "Eject trials of a living run by hand. The reason stands in their receipts.",
        discussion: """
            Example:
              preflight eject latest llama --reason "talks to itself since an hour"

            \(OwnerStage.notes)
            """)

    @OptionGroup var chosen: ChosenTrials

    @Option(help: ArgumentHelp("Why. One sentence, for the record.", valueName: "TEXT"))
    var reason: String

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let reason = try OneSentence.read(self.reason, option: "--reason", longest: 1000)
        try await chosen.carryOut(.eject(reason: reason), answer, place)
    }
}

struct ExtendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Change the budget of a running trial, or the total of a living run.",
        discussion: """
            Examples:
              preflight extend latest llama --budget +0.50     50 cents more
              preflight extend latest llama --budget 2.00      two dollars in all
              preflight extend latest --budget +5              budget.total, for all trials together

            The trial's sub-key, the gateway's ledger, budget.txt and eject policies follow. A budget does not rise
            above budget.total, nor fall below what is spent. What the container was started with stays as it was:
            PREFLIGHT_BUDGET_USD still says the old one. A trial that is held goes on when its budget rises.
            \(OwnerStage.notes)
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "An alias, or a unique beginning of it. Without one: the run's budget.total.")
    var trial: String?

    @Option(help: ArgumentHelp("Dollars more, or dollars in all.", valueName: "+USD|USD"))
    var budget: String

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        guard let change = BudgetExtension(budget) else {
            throw PreflightError(
                .usage, "--budget '\(budget)': expected dollars, such as +0.50 for more or 2.00 for the whole budget")
        }
        try await OwnerStage(
            run: run, trials: trial.map { [$0] } ?? [], order: .extend(change), answer: answer, place: place
        ).run()
    }
}

/// Trials of a living run, one at least.
struct ChosenTrials: ParsableArguments {
    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "Aliases, or unique beginnings of them.")
    var trials: [String]

    func carryOut(_ order: OwnerOrder, _ answer: AnswerOptions, _ place: PlaceOptions) async throws {
        try await OwnerStage(run: run, trials: trials, order: order, answer: answer, place: place).run()
    }
}

/// How long a command waits for the run that it speaks to.
struct AnswerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long to wait for the answer, and for the end of what is ended.", valueName: "TIME"))
    var wait: String = "60s"

    func patience() throws -> Duration {
        guard let duration = Quantity.duration(wait) else {
            throw PreflightError(.usage, "--wait '\(wait)': expected a time, such as 30s")
        }
        return duration
    }
}
