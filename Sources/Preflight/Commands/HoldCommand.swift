import ArgumentParser
import PreflightCore
import Reports

struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Let the calls of running trials wait until they are released, extended or stopped.",
        discussion: """
            Examples:
              preflight hold latest llama --reason "let me look at this first"
              preflight release latest llama             its calls go on
              preflight extend latest llama --budget +1  the same, with a dollar more
              preflight stop latest llama                or end it

            Behind the gateway only (access: gateway). What was sent is answered; what comes after waits, costs nothing,
            and is no silence of the trial. Its wall limit goes on.
            \(OwnerStage.notes)
            """)

    @OptionGroup var chosen: ChosenTrials

    @Option(help: ArgumentHelp("Why. One sentence, for the record.", valueName: "TEXT"))
    var reason: String

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let reason = try OneSentence.read(self.reason, option: "--reason", longest: 1000)
        try await chosen.carryOut(.hold(reason: reason), answer, place)
    }
}

struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Let the calls of held trials go on.",
        discussion: """
            Example:
              preflight release latest llama

            It does not matter whether a policy held the trial or `preflight hold`. A policy that held it does so again
            only once its condition has not held in between.
            \(OwnerStage.notes)
            """)

    @OptionGroup var chosen: ChosenTrials

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        try await chosen.carryOut(.release, answer, place)
    }
}

struct SteerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steer",
        abstract: "Tell a running trial's agent something.",
        discussion: """
            Example:
              preflight steer latest llama "The tests are in /workspace/tests. Run them first."

            The message stands in the trial's budget.txt at once. Behind the gateway it is also put at the end of the next
            request that has a place for it, so that the model reads it once. Its tokens are the trial's.
            \(OwnerStage.notes)
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String

    @Argument(help: "An alias, or a unique beginning of it.")
    var trial: String

    @Argument(help: "One paragraph of at most \(SteeredBody.longest) bytes.")
    var message: String

    @OptionGroup var answer: AnswerOptions
    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let message = try OneSentence.read(self.message, option: "the message", longest: SteeredBody.longest)
        try await OwnerStage(run: run, trials: [trial], order: .steer(message: message), answer: answer, place: place)
            .run()
    }
}

/// Words of an owner that go on record.
enum OneSentence {
    static func read(_ text: String, option: String, longest: Int) throws(PreflightError) -> String {
        let text = PlainText.oneLine(text)
        guard !text.isEmpty, text.utf8.count <= longest else {
            throw PreflightError(.usage, "\(option) needs a sentence of at most \(longest) bytes")
        }
        return text
    }
}
