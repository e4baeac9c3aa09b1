import ArgumentParser
import Harness
import PreflightCore
import Reports

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show a run as one plain frame: while it is alive, after it, and after it was killed.",
        discussion: """
            Examples:
              watch preflight status
              preflight status run-20260312-120000
              preflight status 20260312 --json
            """)

    @Argument(help: "A run's name, a unique beginning of it, or latest.")
    var run: String = "latest"

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let wiring = try Wiring(runsDirectory: place.runsDir)
        let journal = try wiring.existingJournal()
        let view = try await RunLookup.find(run, in: wiring.runs, journal: journal, at: wiring.world.now())
        Terminal.shared.data(
            place.json ? view.json.prettyText : StatusFrame.text(view, width: Terminal.shared.width))
        await wiring.offerSweep(journal, place)
    }
}
